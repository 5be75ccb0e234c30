"""The published LORIS formulas: response to checkpoint inhibition from clinic, blood counts and TMB.

Chang et al., LORIS robustly predicts patient outcomes with immune checkpoint blockade therapy using common
clinical, pathologic, and genomic features, Nature Cancer 2024. The coefficients are the published ones. They
were fitted on the cohort Chowell_train: there, and nowhere else, their figures are not of unseen patients.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from metarisk.data.cohort import Cohort
from metarisk.train.examples import Floats

HIGHEST_TMB, HIGHEST_NLR, HIGHEST_AGE = 50.0, 25.0, 85.0
# The authors' own table has these values for everybody in cohorts that did not measure them. All patients of
# such a cohort shift alike: ranks inside it do not depend on the choice.
UNKNOWN_ALBUMIN, UNKNOWN_NLR = 3.8, 6.2
# Cancer types not named add nothing.
TYPE_TERMS: Mapping[str, float] = {
    "Bladder": -0.3323,
    "Breast": -0.3323,
    "Colorectal": -0.102,
    "Endometrial": -0.0079,
    "Esophageal": 0.55,
    "Gastric": 0.2306,
    "Head & Neck": 0.0678,
    "Hepatobiliary": -0.1189,
    "Melanoma": -0.0086,
    "Mesothelioma": 0.1255,
    "NSCLC": 0.0008,
    "Ovarian": -0.052,
    "Pancreatic": -1.1169,
    "Renal": 0.5451,
    "Sarcoma": 0.0542,
    "SCLC": -0.0033,
}
# OncoTree codes -> the formula's names.
ONCOTREE: Mapping[str, str] = {
    **dict.fromkeys(("BLCA", "UTUC"), "Bladder"),
    "BRCA": "Breast",
    **dict.fromkeys(("COADREAD", "COAD", "READ"), "Colorectal"),
    "UCEC": "Endometrial",
    **dict.fromkeys(("ESCA", "ESCC"), "Esophageal"),
    "STAD": "Gastric",
    "HNSC": "Head & Neck",
    **dict.fromkeys(("HCC", "CHOL", "IHCH"), "Hepatobiliary"),
    **dict.fromkeys(("MEL", "SKCM"), "Melanoma"),
    "PLMESO": "Mesothelioma",
    **dict.fromkeys(("LUAD", "LUSC"), "NSCLC"),
    **dict.fromkeys(("OV", "HGSOC"), "Ovarian"),
    "PAAD": "Pancreatic",
    **dict.fromkeys(("RCC", "CCRCC", "PRCC", "CHRCC"), "Renal"),
}
PAN_CANCER_READS = "tmb_per_mb, prior_therapy, albumin_g_per_dl, nlr, age_years and cancer_type"
NSCLC_READS = "tmb_per_mb, pdl1_percent, prior_therapy, albumin_g_per_dl and nlr of lung cancers"


def pan_cancer_loris(cohort: Cohort) -> Floats:
    """Log odds of response by the pan-cancer formula, higher is better, shape (N,).

    Albumin and the neutrophil to lymphocyte ratio are taken at the authors' constants where unknown; NaN
    where the cancer type, TMB, the age or earlier systemic therapy is.
    """
    types = _types(cohort)
    terms = types.map(lambda name: TYPE_TERMS.get(str(name), 0.0)).where(types.notna())
    return np.asarray(
        0.0371 * _number(cohort, "tmb_per_mb").clip(upper=HIGHEST_TMB)
        - 0.8775 * _treated_before(cohort)
        + 0.5382 * _number(cohort, "albumin_g_per_dl").fillna(UNKNOWN_ALBUMIN)
        - 0.033 * _number(cohort, "nlr").fillna(UNKNOWN_NLR).clip(upper=HIGHEST_NLR)
        + 0.0049 * _number(cohort, "age_years").clip(upper=HIGHEST_AGE)
        + terms.astype(np.float64)
        - 2.0886,
        dtype=np.float64,
    )


def lung_loris(cohort: Cohort) -> Floats:
    """Log odds of response by the formula for non-small-cell lung cancer, higher is better, shape (N,).

    Unknown albumin and ratio as in `pan_cancer_loris`; NaN where TMB, stained PD-L1 or earlier systemic
    therapy is unknown, and for every other cancer.
    """
    score = (
        0.0353 * _number(cohort, "tmb_per_mb").clip(upper=HIGHEST_TMB)
        + 0.0111 * _number(cohort, "pdl1_percent")
        - 0.375 * _treated_before(cohort)
        + 0.2924 * _number(cohort, "albumin_g_per_dl").fillna(UNKNOWN_ALBUMIN)
        - 0.0103 * _number(cohort, "nlr").fillna(UNKNOWN_NLR).clip(upper=HIGHEST_NLR)
        - 1.5593
    )
    return np.asarray(score.where(_types(cohort) == "NSCLC"), dtype=np.float64)


def _number(cohort: Cohort, name: str) -> pd.Series[float]:
    return cohort.clinical.reindex(columns=[name])[name].astype(np.float64)


def _treated_before(cohort: Cohort) -> pd.Series[float]:
    """1 after chemotherapy or targeted therapy, 0 before any."""
    told = cohort.clinical.reindex(columns=["prior_therapy"])["prior_therapy"]
    return told.map({"yes": 1.0, "no": 0.0}).astype(np.float64)


def _types(cohort: Cohort) -> pd.Series[str]:
    types = cohort.clinical.reindex(columns=["cancer_type"])["cancer_type"]
    return types.map(lambda name: ONCOTREE.get(name, name), na_action="ignore")
