"""The gene-panel matrix of a study folder: which panel each sample was measured on, profile by profile."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from metarisk.data.cbioportal.meta import Meta
from metarisk.data.found import Found
from metarisk.data.text import check_ids, read_text, require_columns


def read_panel_matrix(metas: Sequence[Meta], found: Found) -> pd.DataFrame | None:
    """Panel of each sample (rows) for each profile (columns), as text; None where the study has no matrix."""
    files = [meta.file for meta in metas if meta.kind == "GENE_PANEL_MATRIX"]
    if not files:
        return None
    table = read_text(files[0], found)
    if table is None or not require_columns(table, ("SAMPLE_ID",), found):
        return None
    if not check_ids(table, "SAMPLE_ID", found, unique=True):
        return None
    return table.frame.set_index("SAMPLE_ID")
