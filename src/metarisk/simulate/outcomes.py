"""Outcomes of simulated patients, exponential competing risks, organs and response, and their truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from metarisk.schema.endpoints import event_column, time_column

DoubleArray = NDArray[np.float64]

MEDIAN_DAYS = 900.0
FOLLOW_UP_DAYS = (200.0, 2600.0)
UNKNOWN_ORGAN = 0.1


def hazards(
    risk: DoubleArray, type_offset: DoubleArray, years_over_mean: DoubleArray
) -> tuple[DoubleArray, DoubleArray]:
    """Daily hazards of metastasis and of death before it, shape (N,) each."""
    metastasis = np.log(2.0) / MEDIAN_DAYS * np.exp(np.clip(0.7 * risk + type_offset, -4.0, 4.0))
    death = np.log(2.0) / (3.0 * MEDIAN_DAYS) * np.exp(0.03 * years_over_mean)
    return metastasis, death


def true_probabilities(
    metastasis: DoubleArray,
    death: DoubleArray,
    organ: Mapping[str, DoubleArray],
    response: DoubleArray,
    horizons_days: Sequence[float],
) -> pd.DataFrame:
    """What a perfect model would answer.

    Organs are answered for patients whose course is known to its end, so their truth is the chance that
    metastasis comes before death times the chance of the organ given metastasis.
    """
    total = metastasis + death
    first = metastasis / total
    truth = {site: first * given for site, given in organ.items()}
    truth |= {"metastatic": first, "response": response}
    for horizon in horizons_days:
        truth[f"metastasis@{horizon:g}"] = first * -np.expm1(-total * horizon)
    return pd.DataFrame(truth)


def draw_outcomes(
    metastasis: DoubleArray,
    death: DoubleArray,
    organ: Mapping[str, DoubleArray],
    response: DoubleArray,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """One course a patient; what its follow-up did not see is unknown."""
    n_samples = len(metastasis)
    to_metastasis = rng.exponential(1.0 / metastasis)
    to_death = rng.exponential(1.0 / death)
    last_contact = rng.uniform(*FOLLOW_UP_DAYS, size=n_samples)
    time = np.minimum.reduce([to_metastasis, to_death, last_contact])
    event = np.select([to_metastasis == time, to_death == time], [1.0, 2.0], 0.0)
    table = pd.DataFrame({time_column("metastasis"): time, event_column("metastasis"): event})
    table["metastatic"] = np.select([event == 1, event == 2], [1.0, 0.0], np.nan)
    for site, given in organ.items():
        label = np.where(event == 1, rng.random(n_samples) < given, np.where(event == 2, 0.0, np.nan))
        table[site] = np.where(rng.random(n_samples) < UNKNOWN_ORGAN, np.nan, label)
    table["response"] = (rng.random(n_samples) < response).astype(float)
    return table


def response_probability(block: DoubleArray, tmb_per_mb: DoubleArray, tmb_effect: float = 1.0) -> DoubleArray:
    """Chance of CR or PR under an immune checkpoint inhibitor, shape (N,); higher is better."""
    burden = 0.5 * np.log2(np.maximum(tmb_per_mb, 0.5) / 4.0)
    return np.asarray(expit(-0.6 - block + tmb_effect * burden))
