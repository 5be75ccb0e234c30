"""A cohort on disk: page-checksummed parquet with a manifest, whole or not at all, streamed both ways."""

from metarisk.data.store.manifest import MANIFEST, is_stored_cohort
from metarisk.data.store.stored import StoredAssay, StoredCohort, open_cohort, read_cohort
from metarisk.data.store.writer import CohortWriter, cohort_writer, write_cohort

__all__ = [
    "MANIFEST",
    "is_stored_cohort",
    "write_cohort",
    "cohort_writer",
    "CohortWriter",
    "read_cohort",
    "open_cohort",
    "StoredCohort",
    "StoredAssay",
]
