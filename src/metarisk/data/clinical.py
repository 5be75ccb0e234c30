"""Clinical columns of the schema, from whatever the source calls them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.config.study import StudyFile
from metarisk.data.clinical_values import clinical_categories, clinical_numbers, decoded
from metarisk.data.found import Found, error
from metarisk.data.source import ClinicalSource
from metarisk.errors import nearest
from metarisk.schema.clinical import CATEGORICAL, EXTRA, NUMERIC, NumericColumn, leakage_reason

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
    "bmi": ("BMI",),
    "hemoglobin_g_per_dl": ("HEMOGLOBIN", "HGB"),
    "platelets_per_nl": ("PLATELETS", "PLATELET_COUNT"),
    "pdl1_percent": ("PDL1_TPS", "PD_L1_TPS"),
    "therapy_line": ("LINE_OF_THERAPY", "LINE_OF_TREATMENT", "TREATMENT_LINE"),
    "therapy_class": ("DRUG_TYPE",),
    "prior_therapy": ("PRIOR_THERAPY", "PRIOR_TREATMENT"),
    "biopsy_site": ("BIOPSY_SITE", "SPECIMEN_SITE"),
}


def map_clinical(source: ClinicalSource, study: StudyFile, found: Found) -> pd.DataFrame:
    """Table of clinical columns: ``patient_id``, every column of the schema, extras; NaN or None is unknown.

    Parameters
    ----------
    source
        Clinical columns as text.
    study
        Its ``clinical`` names columns, its ``scale`` their unit, its ``recode`` their categories, its
        ``extras`` further numbers. The portal's usual names are tried for the others.
    found
        Receives unknown columns, leakage, text that is no number, numbers that cannot be in their unit, and
        categories that are spelt in several ways.
    """
    chosen = _chosen_columns(source, study, found)
    columns: dict[str, object] = {"patient_id": source.patient_ids.astype(object)}
    for name, allowed in NUMERIC.items():
        columns[name] = _numbers(source, name, allowed, chosen.get(name), study, found)
    for name in CATEGORICAL:
        columns[name] = _categories(source, name, chosen.get(name), study, found)
    for name, extra in study.extras.items():
        ours = EXTRA + name
        usable = _may_be_used(source, f"extras.{name}", extra.column, study, found)
        allowed = NumericColumn(extra.unit, extra.low, extra.high)
        told = decoded(source, extra.column, extra.codes, found) if usable and extra.codes else source
        columns[ours] = _numbers(told, ours, allowed, extra.column if usable else None, study, found)
    return pd.DataFrame(columns, index=pd.Index(source.sample_ids, name="sample_id", dtype=object))


def _numbers(
    source: ClinicalSource,
    name: str,
    allowed: NumericColumn,
    column: str | None,
    study: StudyFile,
    found: Found,
) -> NDArray[np.float64]:
    if column is None:
        return np.full(len(source.frame), np.nan)
    return clinical_numbers(source, column, name, allowed, study.scale.get(name), found)


def _categories(
    source: ClinicalSource, name: str, column: str | None, study: StudyFile, found: Found
) -> pd.Series:
    if column is None:
        return pd.Series([None] * len(source.frame), index=source.frame.index, dtype=object)
    return clinical_categories(source, column, name, study.recode.get(name, {}), found)


def _chosen_columns(source: ClinicalSource, study: StudyFile, found: Found) -> dict[str, str]:
    """Our column -> theirs, for what the source has and a feature may be made of."""
    present = set(source.frame.columns) - study.endpoints.outcome_columns()
    chosen = {
        ours: next(name for name in theirs if name in present)
        for ours, theirs in USUAL_COLUMNS.items()
        if present.intersection(theirs)
    }
    for ours, theirs in study.clinical.items():
        chosen.pop(ours, None)
        if ours not in NUMERIC and ours not in CATEGORICAL:
            do = nearest(ours, (*NUMERIC, *CATEGORICAL))
            found.append(error("study file", f"clinical.{ours} is not a clinical column of metarisk", do))
        elif _may_be_used(source, f"clinical.{ours}", theirs, study, found):
            chosen[ours] = theirs
    return chosen


def _may_be_used(source: ClinicalSource, where: str, column: str, study: StudyFile, found: Found) -> bool:
    """True for a column that is there and was known at baseline; else an error with the reason."""
    reason = leakage_reason(column)
    if reason is None and column in study.endpoints.outcome_columns():
        reason = "the study file reads an endpoint from it"
    if reason is not None:
        message = f"{where} cannot be read from {column}: {reason}"
        do = "Choose a column that was known at baseline."
        found.append(error("study file", message, do, column=column))
    return reason is None and source.has(column, found)
