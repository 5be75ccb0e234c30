"""What values look like: the unit of each sample from its distribution, of a table from all of its values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

# Below this many genes in a sample its distribution says nothing.
FEWEST_GENES = 20
# So many samples are judged at once that a block of whole genomes is small.
SAMPLES_AT_A_TIME = 256
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

# In fewer values a table of copy number says nothing.
FEWEST_VALUES = 100
# A smaller share of a table's values are slips of it, not its unit.
FEW = 0.05

DISCRETE, ABSOLUTE = "discrete levels", "absolute copy numbers"
RATIOS, LOG2_RATIOS = "ratios or log2(ratio + 1)", "log2 ratios"
BETAS, M_VALUES, PERCENT = "beta values", "M-values", "percent"


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
    enough, shape = _shapes(values)
    # Logging twice shows only in the whole table: one low sample may stay low.
    low_table = (
        bool(enough.any()) and float(np.nanmax(np.where(enough, shape.high, np.nan))) < HIGHEST_LOGGED_TWICE
    )
    return tuple(_guess(shape, n, low_table) if enough[n] else "" for n in range(len(values)))


def _shapes(values: FloatArray) -> tuple[NDArray[np.bool_], _Shape]:
    """True where a sample has enough genes, shape (N,), and the shape of each; memory is that of a block."""
    starts = range(0, max(len(values), 1), SAMPLES_AT_A_TIME)
    blocks = [_shape(values[start : start + SAMPLES_AT_A_TIME]) for start in starts]
    columns = [np.concatenate(parts) for parts in zip(*blocks, strict=True)]
    return columns[0] >= FEWEST_GENES, _Shape(*columns[1:])


def _shape(values: FloatArray) -> tuple[FloatArray, ...]:
    """Number of measured genes of each sample, then the fields of its `_Shape`, each of shape (N,)."""
    measured = (~np.isnan(values)).sum(axis=1)
    counted = np.maximum(measured, 1)
    high = np.max(np.where(np.isnan(values), -np.inf, values), axis=1, initial=-np.inf)
    low = np.min(np.where(np.isnan(values), np.inf, values), axis=1, initial=np.inf)
    with np.errstate(invalid="ignore"):
        negative = (values < 0).sum(axis=1) / counted
        whole = (values == np.rint(values)).sum(axis=1) / counted
        at_floor = ((values <= low[:, None]).sum(axis=1) - 1) / counted
    return measured, high, low, negative, whole, at_floor


def _guess(shape: _Shape, n: int, low_table: bool) -> str:
    if shape.negative[n] > NEGATIVE_SHARE:
        # A floor that many genes share is the logarithm of a pseudocount.
        return FLOORED if shape.at_floor[n] > NEGATIVE_SHARE and shape.low[n] < -1.0 else CENTRED
    if shape.high[n] > HIGHEST_LOG2:
        return COUNTS if shape.whole[n] > 0.5 else LINEAR
    return LOG_TWICE if low_table else LOG2


@dataclass(frozen=True)
class _Values:
    """Of all values of a table.

    Attributes
    ----------
    low, high, middle
        Lowest, highest, median.
    whole
        True where all are whole numbers, or the -1.5 of discrete copy number.
    negative, above_one
        Shares below 0 and above 1.
    count
        How many there are.
    """

    low: float
    high: float
    middle: float
    whole: bool
    negative: float
    above_one: float
    count: int

    @staticmethod
    def of(known: FloatArray) -> _Values:
        """Of values without NaN, at least one, shape (M,)."""
        return _Values(
            low=float(known.min()),
            high=float(known.max()),
            middle=float(np.median(known)),
            whole=bool(((known == np.rint(known)) | (known == -1.5)).all()),
            negative=float((known < 0).mean()),
            above_one=float((known > 1).mean()),
            count=len(known),
        )


def guess_table(values: FloatArray, unit: str) -> str:
    """What a table looks like that is not in its unit of copy number, methylation, calls or shares; else "".

    Parameters
    ----------
    values
        Shape (N, G), NaN where not measured.
    unit
        The declared unit.
    """
    judge = _JUDGES.get(unit)
    known = values[~np.isnan(values)]
    return judge(_Values.of(known)) if judge is not None and len(known) else ""


def _not_log2_ratios(seen: _Values) -> str:
    if seen.count < FEWEST_VALUES:
        return ""
    if seen.whole and -2.0 <= seen.low < seen.high <= 2.0:
        return DISCRETE
    return _linear_copy_number(seen)


def _not_discrete(seen: _Values) -> str:
    if not seen.whole and seen.low < 0.0:
        return LOG2_RATIOS
    return _linear_copy_number(seen) if seen.count >= FEWEST_VALUES else ""


def _linear_copy_number(seen: _Values) -> str:
    """Copy number that is nowhere negative, and centred on what a diploid gene has."""
    if seen.low < 0.0:
        return ""
    if 1.7 <= seen.middle <= 2.3:
        return ABSOLUTE
    return RATIOS if 0.8 <= seen.middle <= 1.2 and not seen.whole else ""


def _not_betas(seen: _Values) -> str:
    return M_VALUES if seen.negative >= FEW else _not_shares(seen)


def _not_shares(seen: _Values) -> str:
    if seen.negative >= FEW:
        return CENTRED
    if seen.above_one < FEW:
        return ""
    return PERCENT if seen.high <= 100.0 else COUNTS if seen.whole else ""


def _not_m_values(seen: _Values) -> str:
    inside = seen.low >= 0.0 and seen.high <= 1.0
    return BETAS if inside and not seen.whole and seen.count >= FEWEST_GENES else ""


def _not_calls(seen: _Values) -> str:
    if seen.low < 0.0:
        return DISCRETE
    if seen.high > 1.0 and seen.whole:
        return "counts of mutations"
    return "allele fractions" if seen.high <= 1.0 and not seen.whole else ""


def _not_scores(seen: _Values) -> str:
    return COUNTS if seen.whole and seen.high > HIGHEST_LOG2 else ""


_JUDGES = {
    "log2_ratio": _not_log2_ratios,
    "discrete": _not_discrete,
    "beta": _not_betas,
    "m_value": _not_m_values,
    "fraction": _not_shares,
    "calls": _not_calls,
    "score": _not_scores,
}
