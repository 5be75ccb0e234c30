"""Files to cohort: readers, gene names, panels, splits."""

from metarisk.data.annotated import read_h5ad, read_h5mu, write_h5ad, write_h5mu
from metarisk.data.cohort import AssayTable, Cohort, Provenance
from metarisk.data.genes import GeneTable, Resolution
from metarisk.data.prediction_times import at_times
from metarisk.data.split import Split, holdout, patient_folds, patient_fraction
from metarisk.data.store import read_cohort, write_cohort
from metarisk.data.study import StudyReading, inspect_study, read_study, validate_study

__all__ = [
    "AssayTable",
    "Cohort",
    "Provenance",
    "GeneTable",
    "Resolution",
    "StudyReading",
    "read_study",
    "inspect_study",
    "validate_study",
    "read_cohort",
    "write_cohort",
    "at_times",
    "read_h5mu",
    "read_h5ad",
    "write_h5mu",
    "write_h5ad",
    "Split",
    "holdout",
    "patient_folds",
    "patient_fraction",
]
