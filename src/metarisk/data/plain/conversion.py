"""Values of a file to the declared unit, by what the study file says and never by a guess."""

from __future__ import annotations

import numpy as np

from metarisk.config.study import AssayFile
from metarisk.data.found import Found, error
from metarisk.data.matrix import FloatArray, Matrix
from metarisk.errors import first_ten

# A ratio of 0, a gene that is lost altogether, has no logarithm: it is told as this one.
LOWEST_LOG2_RATIO = -6.0


def in_unit(declared: AssayFile, values: FloatArray) -> FloatArray:
    """Values scaled, logged and clipped as declared, shape (N, M)."""
    if declared.scale != 1.0:
        values = values * np.float32(declared.scale)
    if declared.linear:
        values = _logarithm(values, declared.unit)
    if declared.pseudocount is not None:
        values = _with_own_pseudocount(values, declared.unit, declared.pseudocount)
    if declared.clip is not None:
        low, high = declared.clip
        values = np.clip(values, np.float32(low), np.float32(high))
    return values


def _with_own_pseudocount(values: FloatArray, unit: str, declared: float) -> FloatArray:
    """log2(x + 1) of log2(x + declared), and log2(x) where the unit is a ratio."""
    if declared == _own_pseudocount(unit):
        return values
    return _logarithm(np.maximum(np.exp2(values) - np.float32(declared), 0.0), unit)


def _logarithm(linear: FloatArray, unit: str) -> FloatArray:
    """log2(x + 1), or log2(x) where the unit is a ratio, of values that are not negative."""
    with np.errstate(divide="ignore"):
        values: FloatArray = np.log2(linear + np.float32(_own_pseudocount(unit))).astype(np.float32)
    return np.maximum(values, np.float32(LOWEST_LOG2_RATIO)) if unit == "log2_ratio" else values


def _own_pseudocount(unit: str) -> float:
    return 0.0 if unit == "log2_ratio" else 1.0


def has_negative(matrix: Matrix, found: Found) -> bool:
    """True, with an error, where values have no logarithm."""
    rows = (matrix.values < 0).any(axis=1)
    if not rows.any():
        return False
    samples = matrix.sample_ids[rows]
    message = f"is declared as linear, but {len(samples)} samples have negative values ({first_ten(samples)})"
    found.append(error(matrix.file, message, "Remove `linear`, and declare the unit that they are in."))
    return True
