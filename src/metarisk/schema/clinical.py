"""The clinical columns metarisk knows, their units and ranges, and those it refuses as leakage."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class NumericColumn:
    """A clinical number: its unit and the closed range outside which it cannot be true."""

    unit: str
    low: float
    high: float


NUMERIC: dict[str, NumericColumn] = {
    "age_years": NumericColumn("years", 0.0, 120.0),
    "purity": NumericColumn("fraction", 0.0, 1.0),
    "tmb_per_mb": NumericColumn("mutations per Mb", 0.0, 2000.0),
    "msi_score": NumericColumn("MSIsensor score", -1.0, 100.0),
    "fga": NumericColumn("fraction of genome altered", 0.0, 1.0),
    "aneuploidy": NumericColumn("fraction of arms or arm count", 0.0, 39.0),
    "albumin_g_per_dl": NumericColumn("g/dL", 0.5, 7.0),
    "nlr": NumericColumn("neutrophil to lymphocyte ratio", 0.0, 300.0),
    "therapy_line": NumericColumn("line of therapy, 1 = first", 1.0, 20.0),
    "pdl1_percent": NumericColumn("% of cells stained for PD-L1", 0.0, 100.0),
    "bmi": NumericColumn("kg/m2", 8.0, 120.0),
    "hemoglobin_g_per_dl": NumericColumn("g/dL", 2.0, 25.0),
    "platelets_per_nl": NumericColumn("10^9 per litre", 1.0, 3000.0),
    "ctdna_fraction": NumericColumn("fraction of cell-free DNA that is the tumour's", 0.0, 1.0),
    "ctdna_mtm_per_ml": NumericColumn("mean tumour molecules per mL of plasma", 0.0, 1e6),
    "ctc_count": NumericColumn("circulating tumour cells per 7.5 mL of blood", 0.0, 1e5),
}

CATEGORICAL: tuple[str, ...] = (
    "sex",
    "race",
    "cancer_type",
    "subtype",
    "primary_site",
    "stage",
    "grade",
    "sample_type",
    "msi_status",
    "therapy_class",
    "prior_therapy",
    "biopsy_site",
    "panel",
    "centre",
)

# Which hospital, trial or cohort a sample is of in a study that pools several.
CENTRE = "centre"

# Which of several joined cohorts a sample is of; only `metarisk.data.union` writes it.
COHORT = "cohort"

# A number that a study declares beyond these is called extra.<name>, and is checked where it is read.
EXTRA = "extra."


def is_clinical_number(name: str) -> bool:
    """True for a number of the schema, and for one that a study declared as an extra."""
    return name in NUMERIC or name.startswith(EXTRA)


# Facts of the future at the time of the sample; a feature made of one reads the answer.
POST_BASELINE: dict[str, str] = {
    "met_count": "it counts metastases of the whole course",
    "met_site_count": "it counts metastatic sites of the whole course",
    "metastatic_patient": "it says whether the patient ever became metastatic",
    "impact_primary_group": "it says whether the patient ever became metastatic",
    "metastatic_site": "it names the site of a metastasis",
    "age_at_death": "it is known only after death",
    "age_at_last_contact": "it is the end of follow-up",
    "current_age": "it is the age at the end of follow-up",
    "age_at_evidence_of_mets": "it dates the metastasis",
    "metastatic_burden": "it counts metastases of the whole course",
    "sample_count": "it counts samples of the whole course",
    "stage_highest_recorded": "it is the highest stage of the whole course",
    "gleason_highest_reported": "it is the highest grade of the whole course",
    "vital_status": "it is survival after baseline",
    "tumor_status": "it is the state at last contact",
    "person_neoplasm_cancer_status": "it is the state at last contact",
    "cause_of_death": "it is known only after death",
    "death": "it is the outcome",
    "metastatic": "it is the outcome",
    "response": "it is the outcome",
    "recist": "it is the outcome",
    "published_label": "it is the outcome",
    "orr": "it is the outcome",
    "cbr": "it is the outcome",
    "dcb": "it is the outcome",
}
_SURVIVAL = "os|pfs|dss|dfi|pfi|dfs|dmfs|mfs|rfs|efs|ttp"
_ORGAN = "bone|cns|brain|liver|lung|adrenal|pleura"
# Column names in lower case that match from their start, and why they may not be features.
POST_BASELINE_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), reason)
    for pattern, reason in (
        (r"dmets_dx_|ever_met_|post_sample_|site\.", "it is recorded after baseline"),
        (r"os(?![a-z])|.*surviv|.*deceased", "it is survival after baseline"),
        (rf"([te]\.)?({_SURVIVAL})(?![a-z])|metastasis\.", "it is follow-up after baseline"),
        (r"fu_|.*follow_?up|.*last_contact", "it is follow-up after baseline"),
        (r".*death_days|.*days_to_death", "it is survival after baseline"),
        (r".*new_tumor_event|nte_", "it describes a later tumour event"),
        (r"recurrence|relapse|progression", "it describes a later tumour event"),
        (rf"({_ORGAN})_(months|status)$|ln_months$", "it dates or names a metastasis"),
        (
            r".*(treatment|therapy)_outcome|.*best_.*response|response_|.*_response$|resp_",
            "it is the outcome",
        ),
        (r"change_ctdna", "it is measured during treatment"),
    )
)


def leakage_reason(column: str) -> str | None:
    """Why a source column may not be a feature, or None if it may.

    Parameters
    ----------
    column
        Name as it stands in the file, or an extra of ours; case does not matter.
    """
    name = column.lower().removeprefix(EXTRA)
    if name in POST_BASELINE:
        return POST_BASELINE[name]
    return next((reason for pattern, reason in POST_BASELINE_PATTERNS if pattern.match(name)), None)
