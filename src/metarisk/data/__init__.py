"""Files to cohort: readers, gene names, panels, splits."""

from metarisk.data.cohort import AssayTable, Cohort, Provenance

__all__ = ["AssayTable", "Cohort", "Provenance"]
