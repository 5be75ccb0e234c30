"""Data frames as AnnData stores them, and back to what they were."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

from metarisk.errors import InputError

TEXT = "text"

# In HDF5 a slash opens a group, so a column may not have one in its name.
_ESCAPED = {"%": "%25", "/": "%2F"}


def stored_name(column: str) -> str:
    """Name of a column in the file; different columns keep different names."""
    return re.sub("[%/]", lambda match: _ESCAPED[match[0]], column)


def kinds_of(frame: pd.DataFrame) -> dict[str, str]:
    """Column -> ``text`` or the dtype of its numbers."""
    return {str(name): _kind_of(frame[name]) for name in frame.columns}


def storable(frame: pd.DataFrame) -> pd.DataFrame:
    """The same values with text as categories: what is missing stays missing, and ``NA`` is a word.

    Raises
    ------
    InputError
        If a column of text holds anything else.
    """
    columns = {stored_name(str(name)): _storable(frame[name]) for name in frame.columns}
    return pd.DataFrame(columns, index=frame.index, columns=pd.Index(list(columns), dtype=object))


def restored(stored: pd.DataFrame, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Columns as they were before `storable`; missing text is None."""
    columns = {name: _restored(stored[stored_name(name)], kind) for name, kind in kinds.items()}
    return pd.DataFrame(columns, index=stored.index, columns=pd.Index(list(columns), dtype=object))


def _kind_of(values: pd.Series) -> str:
    return values.dtype.name if pd.api.types.is_numeric_dtype(values) else TEXT


def _storable(values: pd.Series) -> pd.Series:
    if _kind_of(values) != TEXT:
        return values
    held = pd.unique(values.dropna())
    if not all(isinstance(cell, str) for cell in held):
        raise InputError(
            f"column {values.name} holds text and other things",
            expected="text, or None where it is not known",
            do="Write the other things as text.",
        )
    categories = pd.Index(sorted(held), dtype=object)
    return pd.Series(pd.Categorical(values, categories=categories), index=values.index)


def _restored(values: pd.Series, kind: str) -> pd.Series:
    if kind != TEXT:
        # Other tools turn whole numbers with gaps into nullable integers: back to what they were.
        gaps = values.isna().any()
        numbers = values.to_numpy(dtype=kind, na_value=np.nan) if gaps else values.to_numpy(dtype=kind)
        return pd.Series(numbers, index=values.index)
    text = values.astype(object).to_numpy(copy=True)
    text[values.isna().to_numpy()] = None
    return pd.Series(text, index=values.index, dtype=object)
