"""Is a matrix in the unit it is declared in? Where it cannot be, the unit that it looks like is named."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metarisk.data.found import Found, error
from metarisk.data.unit_guess import (
    CENTRED,
    COUNTS,
    FLOORED,
    HIGHEST_LOG2,
    LINEAR,
    LOG2,
    LOG_TWICE,
    guess_table,
    guess_units,
)
from metarisk.errors import first_ten

__all__ = ["HIGHEST_LOG2", "LOOKS", "RANGES", "check_range", "check_unit"]

FloatArray = NDArray[np.float32]

# What a declared unit may look like; a unit that is not here is not judged by its distribution.
LOOKS = {
    "counts": {COUNTS},
    "tpm": {LINEAR},
    "z_score": {CENTRED, FLOORED},
    "log2_tpm": {LOG2},
    "log2_fpkm": {LOG2},
    "log2_rsem": {LOG2},
    "log2_cpm": {LOG2},
    "log2_counts": {LOG2},
    "log2_nanostring": {LOG2},
    "log2_intensity": {LOG2, LOG_TWICE, CENTRED, FLOORED},
    "log2_rpm": {LOG2, LOG_TWICE},
}

RANGES = {
    "beta": (0.0, 1.0, "beta values lie in 0..1"),
    "fraction": (0.0, 1.0, "fractions lie in 0..1"),
    "calls": (0.0, 1.0, "calls are 0 or 1"),
    "discrete": (-2.0, 2.0, "discrete copy number lies in -2..2"),
    "m_value": (-20.0, 20.0, "M-values lie in -20..20"),
    "log2_ratio": (-20.0, 20.0, "log2 ratios lie in -20..20"),
}
WHOLE_VALUES = {"calls": (0.0, 1.0), "discrete": (-2.0, -1.5, -1.0, 0.0, 1.0, 2.0)}

_DO = "Declare the unit they are in, or convert them; nothing is converted by a guess."


def check_unit(values: FloatArray, unit: str, sample_ids: NDArray[np.str_], file: str) -> Found:
    """Errors where values contradict the declared unit, with the samples' ids and the unit they look like.

    Parameters
    ----------
    values
        Shape (N, G), NaN where not measured.
    unit
        The declared unit; nothing is converted, whatever the values look like.
    """
    if unit in LOOKS:
        return _check_samples(values, unit, sample_ids, file)
    guess = guess_table(values, unit)
    told = check_range(values, unit, sample_ids, file, guess) if unit in RANGES else []
    if guess and not told:
        message = f"declared as {unit}, but the {values.shape[0]} samples look like {guess}"
        told = [error(file, message, _DO)]
    return told


def check_range(
    values: FloatArray, unit: str, sample_ids: NDArray[np.str_], file: str, guess: str = ""
) -> Found:
    """Errors where a value cannot be in its unit, each value judged by itself.

    Parameters
    ----------
    values
        Shape (N, G), NaN where not measured.
    unit
        One of `RANGES`.
    guess
        What the values look like, for the message.
    """
    low, high, rule = RANGES[unit]
    with np.errstate(invalid="ignore"):
        wrong = (values < low) | (values > high)
    if unit in WHOLE_VALUES:
        wrong |= ~np.isin(values, WHOLE_VALUES[unit]) & ~np.isnan(values)
    if not wrong.any():
        return []
    samples = sample_ids[wrong.any(axis=1)]
    looks = f"; they look like {guess}" if guess else ""
    message = f"{wrong.sum()} values are out of range; {rule} (samples {first_ten(samples)}){looks}"
    return [error(file, message, "Correct the values, or declare the unit they are in.")]


def _check_samples(values: FloatArray, unit: str, sample_ids: NDArray[np.str_], file: str) -> Found:
    guesses = np.array(guess_units(values), dtype=object)
    told: Found = []
    for guess in sorted(set(guesses) - LOOKS[unit] - {""}):
        samples = sample_ids[guesses == guess]
        message = f"declared as {unit}, but {len(samples)} samples look like {guess} ({first_ten(samples)})"
        told.append(error(file, message, _DO))
    return told if unit != "z_score" else _unless_mostly_centred(told, guesses)


def _unless_mostly_centred(told: Found, guesses: NDArray[np.object_]) -> Found:
    """A single sample's z-scores may be high throughout; the table's may not."""
    centred = np.isin(guesses, list(LOOKS["z_score"]))
    return [] if centred.sum() * 2 >= (guesses != "").sum() else told
