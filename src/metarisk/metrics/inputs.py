"""What every figure asks of its arrays before it counts anything."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from metarisk.errors import InputError

Floats = NDArray[np.floating[Any]]
Codes = NDArray[Any]  # booleans, integers, or floats that hold whole numbers
Weights = NDArray[np.float64]


def check_rows(**columns: NDArray[Any]) -> None:
    """Refuse arrays that are not one number a row, of one length, without NaN.

    Parameters
    ----------
    columns
        Name -> array that should have shape (N,); the name is used in the refusal.

    Raises
    ------
    InputError
        If a shape differs from the first array's, or a value is NaN.
    """
    first, *others = columns
    shape = columns[first].shape
    if len(shape) != 1:
        raise InputError(f"{first} has shape {shape}", expected="one number a row", do="Pass a flat array.")
    for name in others:
        if columns[name].shape != shape:
            raise InputError(
                f"{name} has shape {columns[name].shape} and {first} has {shape}",
                expected="one row a sample in both",
                do="Align the arrays.",
            )
    for name, column in columns.items():
        missing = int(np.isnan(np.asarray(column, dtype=np.float64)).sum())
        if missing:
            raise InputError(
                f"{name} is NaN in {missing} of {shape[0]} rows",
                expected="known values only",
                do="Leave out the rows where it is unknown.",
            )


def check_labels(label: Codes) -> None:
    """Refuse labels other than 0 and 1, shape (N,); raises `InputError`."""
    strange = np.setdiff1d(np.unique(np.asarray(label, dtype=np.float64)), [0.0, 1.0])
    if strange.size:
        raise InputError(
            f"labels hold {strange[0]:g}", expected="0 and 1", do="Pass 1 for the event and 0 for none."
        )


def check_follow_up(time: Floats, event_code: Codes) -> None:
    """Refuse follow-up that cannot be: unlike lengths, NaN, a negative time or code; raises `InputError`.

    Parameters
    ----------
    time
        Days to the event or to last contact, shape (N,).
    event_code
        0 censored, 1 .. the causes, shape (N,).
    """
    check_rows(time=time, event_code=event_code)
    if len(time) and (time.min() < 0 or event_code.min() < 0):
        raise InputError(
            "follow-up holds a negative time or event code",
            expected="days of at least 0, and codes 0 (censored), 1, 2, ...",
            do="Leave out the patients who were not at risk at baseline.",
        )


def one_weighting(weight: Floats | None, n: int) -> Weights:
    """A single weighting as a matrix, shape (1, N); all ones where none is given.

    Raises
    ------
    InputError
        If there is not one weight, known and at least 0, a row.
    """
    if weight is None:
        return np.ones((1, n))
    check_rows(rows=np.zeros(n), weight=weight)
    if n and weight.min() < 0:
        raise InputError(
            f"a weight is {float(weight.min()):g}",
            expected="weights of at least 0",
            do="Use 0 to leave a row out.",
        )
    return np.asarray(weight, dtype=np.float64)[None, :]


def ratio(numerator: Weights, denominator: Weights) -> Weights:
    """Quotient, any equal shapes; NaN where the denominator is zero."""
    quotient = np.full(np.shape(numerator), np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator > 0)
    return quotient
