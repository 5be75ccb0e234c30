"""Is a matrix in the unit it is declared in? A guess from each sample's distribution, and a gate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metarisk.data.found import Found, error
from metarisk.errors import first_ten

FloatArray = NDArray[np.float32]

# Below this many genes in a sample its distribution says nothing.
FEWEST_GENES = 20
# No log2 expression reaches 2**30; linear values and counts of a tumour do go higher than 30.
HIGHEST_LOG2 = 30.0
# log2(log2(2**25 + 1) + 1) is 4.7: a table of expression whose samples all stay below was logged twice.
HIGHEST_LOGGED_TWICE = 4.8
# Share of negative values above which a sample cannot be a log2(x + 1).
NEGATIVE_SHARE = 0.02
# In samples of z-scores this share at least is negative.
NEGATIVE_SHARE_OF_Z = 0.05

COUNTS, LINEAR, LOG2, LOG_TWICE = (
    "counts",
    "linear values (TPM or FPKM)",
    "log2 values",
    "values logged twice",
)
CENTRED, FLOORED = "z-scores", "log2 values with a pseudocount below 1"

# What a declared unit may look like; a unit that is not here is not judged by its distribution.
LOOKS = {
    "counts": {COUNTS},
    "tpm": {LINEAR},
    "z_score": {CENTRED, FLOORED},
    "log2_tpm": {LOG2},
    "log2_fpkm": {LOG2},
    "log2_rsem": {LOG2},
    "log2_cpm": {LOG2},
    "log2_nanostring": {LOG2},
    "log2_intensity": {LOG2, LOG_TWICE, CENTRED, FLOORED},
    "log2_rpm": {LOG2, LOG_TWICE},
}

RANGES = {
    "beta": (0.0, 1.0, "beta values lie in 0..1"),
    "fraction": (0.0, 1.0, "fractions lie in 0..1"),
    "calls": (0.0, 1.0, "calls are 0 or 1"),
    "discrete": (-2.0, 2.0, "discrete copy number lies in -2..2"),
    "log2_ratio": (-20.0, 20.0, "log2 ratios lie in -20..20"),
}
WHOLE_VALUES = {"calls": (0.0, 1.0), "discrete": (-2.0, -1.5, -1.0, 0.0, 1.0, 2.0)}


@dataclass(frozen=True)
class _Shape:
    """Of each sample: highest, lowest, shares negative, whole, tied at the lowest; each of shape (N,)."""

    high: FloatArray
    low: FloatArray
    negative: FloatArray
    whole: FloatArray
    at_floor: FloatArray


def guess_units(values: FloatArray) -> tuple[str, ...]:
    """What each sample looks like, or empty text where it has too few genes to tell.

    Parameters
    ----------
    values
        Shape (N, G), NaN where not measured.
    """
    measured = ~np.isnan(values)
    enough = measured.sum(axis=1) >= FEWEST_GENES
    shape = _shape(np.where(enough[:, None] & measured, values, np.nan), measured)
    # Logging twice shows only in the whole table: one low sample may stay low.
    low_table = (
        bool(enough.any()) and float(np.nanmax(np.where(enough, shape.high, np.nan))) < HIGHEST_LOGGED_TWICE
    )
    return tuple(_guess(shape, n, low_table) if enough[n] else "" for n in range(len(values)))


def _shape(values: FloatArray, measured: NDArray[np.bool_]) -> _Shape:
    counted = np.maximum(measured.sum(axis=1), 1)
    high = np.max(np.where(np.isnan(values), -np.inf, values), axis=1, initial=-np.inf)
    low = np.min(np.where(np.isnan(values), np.inf, values), axis=1, initial=np.inf)
    with np.errstate(invalid="ignore"):
        negative = (values < 0).sum(axis=1) / counted
        whole = (values == np.rint(values)).sum(axis=1) / counted
        at_floor = ((values <= low[:, None]).sum(axis=1) - 1) / counted
    return _Shape(high, low, negative, whole, at_floor)


def _guess(shape: _Shape, n: int, low_table: bool) -> str:
    if shape.negative[n] > NEGATIVE_SHARE:
        # A floor that many genes share is the logarithm of a pseudocount.
        return FLOORED if shape.at_floor[n] > NEGATIVE_SHARE and shape.low[n] < -1.0 else CENTRED
    if shape.high[n] > HIGHEST_LOG2:
        return COUNTS if shape.whole[n] > 0.5 else LINEAR
    return LOG_TWICE if low_table else LOG2


def check_unit(values: FloatArray, unit: str, sample_ids: NDArray[np.str_], file: str) -> Found:
    """Errors where values contradict the declared unit, with the samples' ids and the unit they look like.

    Parameters
    ----------
    values
        Shape (N, G), NaN where not measured.
    """
    if unit in RANGES:
        return _check_range(values, unit, sample_ids, file)
    if unit not in LOOKS:
        return []
    guesses = np.array(guess_units(values), dtype=object)
    told: Found = []
    for guess in sorted(set(guesses) - LOOKS[unit] - {""}):
        samples = sample_ids[guesses == guess]
        message = f"declared as {unit}, but {len(samples)} samples look like {guess} ({first_ten(samples)})"
        do = "Declare the unit they are in, or convert them; nothing is converted by a guess."
        told.append(error(file, message, do))
    return told if unit != "z_score" else _unless_mostly_centred(told, guesses)


def _unless_mostly_centred(told: Found, guesses: NDArray[np.object_]) -> Found:
    """A single sample's z-scores may be high throughout; the table's may not."""
    centred = np.isin(guesses, list(LOOKS["z_score"]))
    return [] if centred.sum() * 2 >= (guesses != "").sum() else told


def _check_range(values: FloatArray, unit: str, sample_ids: NDArray[np.str_], file: str) -> Found:
    low, high, rule = RANGES[unit]
    with np.errstate(invalid="ignore"):
        wrong = (values < low) | (values > high)
    if unit in WHOLE_VALUES:
        wrong |= ~np.isin(values, WHOLE_VALUES[unit]) & ~np.isnan(values)
    if not wrong.any():
        return []
    samples = sample_ids[wrong.any(axis=1)]
    message = f"{wrong.sum()} values are out of range; {rule} (samples {first_ten(samples)})"
    return [error(file, message, "Correct the values, or declare the unit they are in.")]
