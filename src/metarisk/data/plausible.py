"""Clinical numbers in another unit than declared: the unit that they look like, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# In fewer patients a median says nothing.
FEWEST_PATIENTS = 20
# Mutations per Mb of most cohorts have a lower median; counts of a large panel do not.
WHOLE_MEDIAN = 10.0


class Reading(NamedTuple):
    """Another unit that a clinical number is often given in, and what it is multiplied by to reach ours."""

    unit: str
    factor: float


class Usual(NamedTuple):
    """Where the median of a cohort lies, in our unit, and the other units that the number is given in."""

    low: float
    high: float
    others: tuple[Reading, ...]


_PERCENT = Reading("percent", 0.01)
# Wide on purpose: children, cachexia and hypermutated tumours are sound cohorts. One mmol/L of haemoglobin is
# 1.611 g/dL (as the monomer); an exome is about 38 Mb.
USUAL: Mapping[str, Usual] = {
    "age_years": Usual(1.0, 100.0, (Reading("ages in months", 1 / 12), Reading("ages in days", 1 / 365.25))),
    "purity": Usual(0.0, 1.0, (_PERCENT,)),
    "fga": Usual(0.0, 1.0, (_PERCENT,)),
    "ctdna_fraction": Usual(0.0, 1.0, (_PERCENT,)),
    "tmb_per_mb": Usual(0.0, 60.0, (Reading("counts of mutations in an exome", 1 / 38),)),
    "albumin_g_per_dl": Usual(2.0, 5.5, (Reading("g/L", 0.1),)),
    "hemoglobin_g_per_dl": Usual(8.5, 18.0, (Reading("g/L", 0.1), Reading("mmol/L", 1.611))),
    "platelets_per_nl": Usual(50.0, 1000.0, (Reading("counts per microlitre", 0.001),)),
}
# Numbers that are never negative; their logarithms are.
_LOGGED = frozenset({"tmb_per_mb", "nlr", "platelets_per_nl", "ctdna_mtm_per_ml", "ctc_count"})


def other_unit(name: str, values: FloatArray) -> str:
    """The unit that values look like, or empty text where they may be in the declared one.

    Parameters
    ----------
    name
        A clinical number of the schema.
    values
        Known values in the declared unit, of any number of patients, shape (M,).
    """
    if not len(values):
        return ""
    if name in _LOGGED and (values < 0.0).any():
        return "logarithms"
    if name == "pdl1_percent":
        return "fractions" if values.max() <= 1.0 and ((values > 0.0) & (values < 1.0)).any() else ""
    usual = USUAL.get(name)
    middle = float(np.median(values))
    if usual is None or usual.low <= middle <= usual.high:
        return ""
    fits = (other.unit for other in usual.others if usual.low <= middle * other.factor <= usual.high)
    return next(fits, "")


def maybe_counts(values: FloatArray) -> bool:
    """True for rates per Mb that are whole and too high for most cohorts: they may be counts of a panel.

    Parameters
    ----------
    values
        NaN unknown, shape (N,).
    """
    known = values[~np.isnan(values)]
    enough = len(known) >= FEWEST_PATIENTS
    return bool(enough and (known == np.rint(known)).all() and np.median(known) >= WHOLE_MEDIAN)


def odd_cohorts(name: str, values: FloatArray, cohorts: NDArray[np.str_]) -> dict[str, str]:
    """Cohorts whose values look like another unit, and that unit.

    Parameters
    ----------
    values
        In the declared unit, NaN unknown, shape (N,).
    cohorts
        Cohort of each sample, shape (N,).
    """
    odd = {}
    for cohort in np.unique(cohorts):
        known = values[(cohorts == cohort) & ~np.isnan(values)]
        guess = other_unit(name, known) if len(known) >= FEWEST_PATIENTS else ""
        if guess:
            odd[str(cohort)] = guess
    return odd
