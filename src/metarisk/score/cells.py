"""Cells of a table of samples: numbers and maps, and which of them are neither."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.text import is_missing

GeneMaps = list[dict[str, Any] | None]


def numbers_of(cells: pd.Series) -> tuple[pd.Series, NDArray[np.bool_]]:
    """Text as numbers, NaN where unknown, and True where a cell is no number, shape (N,) each."""
    numbers = pd.to_numeric(cells.mask(is_missing(cells)), errors="coerce").astype(float)
    return numbers, (numbers.isna() & ~is_missing(cells)).to_numpy()


def maps_of(cells: pd.Series) -> tuple[GeneMaps, NDArray[np.bool_]]:
    """JSON objects, None where unknown, and True where a cell is none, length N each."""
    maps = [_json_object(cell) for cell in cells]
    return maps, np.array([parsed is None for parsed in maps], dtype=bool) & ~is_missing(cells)


def as_map(cell: Any) -> Any:
    """A map as Arrow hands it over: pairs, or a dict with None for what it lacks; text stays text."""
    if cell is None or (isinstance(cell, float) and np.isnan(cell)):
        return None
    if isinstance(cell, str):
        return cell
    if isinstance(cell, dict):
        return {key: value for key, value in cell.items() if value is not None}
    return dict(cell)


def _json_object(cell: str) -> dict[str, Any] | None:
    try:
        value = json.loads(cell)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
