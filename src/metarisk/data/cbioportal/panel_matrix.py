"""Who was measured on what, as a study folder says it: the panel matrix and the list of sequenced samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from metarisk.data.cbioportal.meta import Meta, read_fields
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


def sequenced_samples(folder: Path, found: Found) -> frozenset[str] | None:
    """Samples of the case list of sequenced samples; None where the folder has no such list."""
    path = folder / "case_lists" / "cases_sequenced.txt"
    if not path.is_file():
        return None
    return frozenset(read_fields(path, found).get("case_list_ids", "").split())
