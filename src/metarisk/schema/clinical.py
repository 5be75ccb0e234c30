"""The clinical columns metarisk knows, their units and ranges, and those it refuses as leakage."""

from __future__ import annotations

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
)

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
    "metastatic_site": "it names the site of a metastasis",
    "os_months": "it is survival after baseline",
    "os_status": "it is survival after baseline",
    "pfs_months": "it is follow-up after baseline",
    "pfs_status": "it is follow-up after baseline",
    "age_at_death": "it is known only after death",
    "age_at_last_contact": "it is the end of follow-up",
    "age_at_evidence_of_mets": "it dates the metastasis",
    "metastatic_burden": "it counts metastases of the whole course",
    "stage_highest_recorded": "it is the highest stage of the whole course",
    "fu_2yrs": "it is follow-up after baseline",
    "death": "it is the outcome",
}
POST_BASELINE_PREFIXES: tuple[str, ...] = ("dmets_dx_", "ever_met_", "post_sample_", "site.", "os_", "pfs_")


def leakage_reason(column: str) -> str | None:
    """Why a source column may not be a feature, or None if it may.

    Parameters
    ----------
    column
        Name as it stands in the file; case does not matter.
    """
    name = column.lower()
    if name in POST_BASELINE:
        return POST_BASELINE[name]
    if name.startswith(POST_BASELINE_PREFIXES):
        return "it is recorded after baseline"
    return None
