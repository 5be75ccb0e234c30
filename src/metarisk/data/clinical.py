"""Clinical columns of the schema, from whatever the source calls them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.config.study import StudyFile
from metarisk.data.found import Found, error
from metarisk.data.source import ClinicalSource
from metarisk.data.text import is_missing
from metarisk.errors import nearest
from metarisk.schema.clinical import CATEGORICAL, NUMERIC, leakage_reason

# Our column <- the portal's usual names, best first. CURRENT_AGE and the highest stage of the whole course
# are not here: they are facts of the future.
USUAL_COLUMNS: dict[str, tuple[str, ...]] = {
    "age_years": (
        "AGE_AT_SEQUENCING",
        "AGE_AT_SEQ_REPORT",
        "AGE_AT_SAMPLE",
        "AGE_AT_DOS_BX",
        "AGE_AT_PROCUREMENT",
        "AGE_AT_SURGERY",
        "AGE_AT_DIAGNOSIS",
        "AGE",
    ),
    "sex": ("SEX", "GENDER"),
    "race": ("RACE",),
    "cancer_type": ("ONCOTREE_CODE", "CANCER_TYPE"),
    "subtype": ("SUBTYPE", "CANCER_TYPE_DETAILED"),
    "primary_site": ("PRIMARY_SITE", "PRIMARY_TUMOR_SITE", "TUMOR_SITE"),
    "stage": ("STAGE", "AJCC_PATHOLOGIC_TUMOR_STAGE", "CLINICAL_STAGE", "STAGE_AT_DIAGNOSIS", "PSTAGE"),
    "grade": ("GRADE", "TUMOR_GRADE", "HISTOLOGICAL_GRADE", "HISTOLOGIC_GRADE"),
    "sample_type": ("SAMPLE_TYPE",),
    "panel": ("GENE_PANEL",),
    "msi_status": ("MSI_TYPE", "MSI_STATUS"),
    "msi_score": ("MSI_SCORE", "MSI_SCORE_MANTIS"),
    "purity": ("TUMOR_PURITY", "PURITY"),
    "tmb_per_mb": ("TMB_NONSYNONYMOUS", "TMB_SCORE", "CVR_TMB_SCORE"),
    "fga": ("FRACTION_GENOME_ALTERED", "FGA"),
    "aneuploidy": ("ANEUPLOIDY_SCORE",),
    "albumin_g_per_dl": ("ALBUMIN",),
    "nlr": ("NLR",),
}

PERCENT = 0.01
_SEXES = {"M": "Male", "MALE": "Male", "F": "Female", "FEMALE": "Female"}


def map_clinical(source: ClinicalSource, study: StudyFile, found: Found) -> pd.DataFrame:
    """Table of clinical columns: ``patient_id``, then every column of the schema; NaN or None is unknown.

    Parameters
    ----------
    source
        Clinical columns as text.
    study
        Its ``clinical`` names columns, its ``scale`` their unit, its ``recode`` their categories. The
        portal's usual names are tried for the others. A purity above 1 is taken for percent.
    found
        Receives unknown columns, leakage, text that is no number, numbers outside the schema's range.
    """
    chosen = _chosen_columns(source, study.clinical, found)
    columns: dict[str, object] = {"patient_id": source.patient_ids.astype(object)}
    for name in NUMERIC:
        columns[name] = _numbers(source, name, chosen.get(name), study.scale.get(name), found)
    for name in CATEGORICAL:
        columns[name] = _categories(source, name, chosen.get(name), study.recode.get(name, {}))
    return pd.DataFrame(columns, index=pd.Index(source.sample_ids, name="sample_id", dtype=object))


def _chosen_columns(source: ClinicalSource, declared: Mapping[str, str], found: Found) -> dict[str, str]:
    """Our column -> theirs, for what the source has and a feature may be made of."""
    present = set(source.frame.columns)
    chosen = {
        ours: next(name for name in theirs if name in present)
        for ours, theirs in USUAL_COLUMNS.items()
        if present.intersection(theirs)
    }
    for ours, theirs in declared.items():
        chosen.pop(ours, None)
        if _may_be_used(source, ours, theirs, found):
            chosen[ours] = theirs
    return chosen


def _may_be_used(source: ClinicalSource, ours: str, theirs: str, found: Found) -> bool:
    if ours not in NUMERIC and ours not in CATEGORICAL:
        do = nearest(ours, (*NUMERIC, *CATEGORICAL))
        found.append(error("study file", f"clinical.{ours} is not a clinical column of metarisk", do))
        return False
    reason = leakage_reason(theirs)
    if reason is not None:
        message = f"clinical.{ours} cannot be read from {theirs}: {reason}"
        found.append(
            error("study file", message, "Choose a column that was known at baseline.", column=theirs)
        )
        return False
    return source.has(theirs, found)


def _numbers(
    source: ClinicalSource, name: str, column: str | None, scale: float | None, found: Found
) -> NDArray[np.float64]:
    if column is None:
        return np.full(len(source.frame), np.nan)
    values = source.numbers(column, found)
    if scale is None and name == "purity" and (values > 1.0).any():
        scale = PERCENT
    values = np.round(values * (1.0 if scale is None else scale), 12)
    allowed = NUMERIC[name]
    outside = (values < allowed.low) | (values > allowed.high)
    if outside.any():
        limits = f"{allowed.low:g}..{allowed.high:g}"
        message = f"{outside.sum()} values lie outside {limits} (samples {source.ids(outside)})"
        do = f"{name} is in {allowed.unit}: correct the values, or name their scale in the study file."
        found.append(error(source.origin[column], message, do, column=column))
    return cast(NDArray[np.float64], np.where(outside, np.nan, values))


def _categories(
    source: ClinicalSource, name: str, column: str | None, recode: Mapping[str, str]
) -> pd.Series:
    """Text, None where unknown; sex is Male or Female, race has one capital, the rest is to the letter."""
    if column is None:
        return pd.Series([None] * len(source.frame), index=source.frame.index, dtype=object)
    text = source.frame[column].str.strip()
    shown = text.replace(dict(recode))
    if name == "sex":
        shown = shown.str.upper().map(_SEXES)
    if name == "race":
        shown = shown.str.capitalize()
    values = shown.to_numpy(dtype=object, copy=True)
    values[np.asarray(is_missing(text) | shown.isna(), dtype=bool)] = None
    return pd.Series(values, index=shown.index, dtype=object)
