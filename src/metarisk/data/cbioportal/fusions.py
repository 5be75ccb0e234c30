"""Structural variants: a gene is present where it is either partner."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from metarisk.data.calls import Calls
from metarisk.data.found import Found
from metarisk.data.setting import Setting
from metarisk.data.text import read_text, require_columns

PARTNER_COLUMNS = ("Site1_Hugo_Symbol", "Site2_Hugo_Symbol")


def read_fusions(path: Path, setting: Setting, found: Found) -> Calls | None:
    """Genes with a structural variant, one row a sample and partner; None with the reason added to ``found``.

    Germline variants are left out where the file says so.
    """
    table = read_text(path, found, ("Sample_Id", "SV_Status", *PARTNER_COLUMNS))
    if table is None or not require_columns(table, ("Sample_Id", *PARTNER_COLUMNS), found):
        return None
    frame = table.frame
    if "SV_Status" in frame.columns:
        frame = frame[frame["SV_Status"].str.upper() != "GERMLINE"]
    partners = pd.concat([frame.set_index("Sample_Id")[column].str.strip() for column in PARTNER_COLUMNS])
    partners = partners[partners != ""]
    resolution = setting.resolve(partners, path.name)
    found.extend(resolution.findings)
    symbols = partners.map(resolution.by_name).dropna()
    return Calls(
        symbols.index.to_numpy(dtype=str), symbols.to_numpy(dtype=str), np.zeros(len(symbols), dtype=np.intp)
    )
