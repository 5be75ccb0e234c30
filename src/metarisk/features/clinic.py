"""The clinic in the flat table: numbers as they are, categories as one column a level."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.cohort import Cohort, FloatArray

OTHER = "(other)"


def is_known(cohort: Cohort, column: str) -> bool:
    """True if a clinical column is known of some sample."""
    return column in cohort.clinical and bool(cohort.clinical[column].notna().any())


def levels_of(column: pd.Series[str], min_count: int) -> tuple[str, ...]:
    """Levels with enough training samples, sorted, and `OTHER` for all else."""
    counts = column.dropna().value_counts()
    return (*sorted(str(level) for level in counts.index[counts >= min_count]), OTHER)


def numbers_of(clinical: pd.DataFrame, names: tuple[str, ...]) -> FloatArray:
    """Clinical numbers in this order, NaN where unknown, shape (N, numbers)."""
    return clinical.reindex(columns=list(names)).to_numpy(np.float32, copy=True)


def codes_of(clinical: pd.DataFrame, name: str, levels: tuple[str, ...]) -> NDArray[np.int64]:
    """Level index of each sample: the last for values that training did not keep, -1 for unknown, (N,)."""
    column = clinical[name] if name in clinical else pd.Series(index=clinical.index, dtype=object)
    position = {level: index for index, level in enumerate(levels[:-1])}
    codes = [-1 if pd.isna(value) else position.get(str(value), len(levels) - 1) for value in column]
    return np.array(codes, dtype=np.int64)


def one_hot(clinical: pd.DataFrame, name: str, levels: tuple[str, ...]) -> FloatArray:
    """One column a level, 1 at the sample's own; NaN in all of them where it is unknown, (N, levels)."""
    codes = codes_of(clinical, name, levels)
    hot = np.zeros((len(codes), len(levels)), dtype=np.float32)
    hot[np.arange(len(codes)), codes] = 1.0
    hot[codes < 0] = np.nan
    return hot
