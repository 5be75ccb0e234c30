"""Every figure of every model for a question, as statistics over weightings of its held-out samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.metrics.calibration import weighted_calibration_error
from metarisk.metrics.concordance import FollowUp
from metarisk.metrics.concordance_strata import concordance_in_strata
from metarisk.metrics.discrimination import weighted_average_precision
from metarisk.metrics.incidence import observed_over_expected, weighted_incidence
from metarisk.metrics.inputs import Weights
from metarisk.metrics.intervals import Statistics, one_figure, reweighted, weighted_mean
from metarisk.metrics.recalibration import recalibrated
from metarisk.metrics.strata_names import BY_SIZE, MEAN, MEAN_WITHIN, POOLED, WITHIN
from metarisk.metrics.within import (
    ByStratum,
    InStrata,
    Strata,
    auroc_in_strata,
    mean_by_cases,
    mean_by_share,
)
from metarisk.train.fold_questions import Followed, Tested

AUROC, HARRELL, UNO = "auroc", "harrell_c", "uno_c"
AVERAGE_PRECISION, BRIER, INTEGRATED_BRIER = "average_precision", "brier", "integrated_brier"
OBSERVED_EXPECTED = "observed_expected"
LINE = ("calibration_slope", "calibration_intercept", "calibration_in_the_large")
# Given in each part and averaged over parts; the other figures are over all rows at once.
RANKED = (AUROC, HARRELL, UNO)
# Metrics of which a difference means that one model is better than the other.
COMPARED = (*RANKED, AVERAGE_PRECISION, BRIER, INTEGRATED_BRIER)


class Figure(NamedTuple):
    """What a figure is of."""

    model: str
    metric: str
    stratum: str


Families = dict[tuple[Figure, ...], Statistics]


def known_families(tested: Tested, ranks_only: frozenset[str], *, by_part: bool) -> Families:
    """Figures over samples whose answer is known, in which each has its censoring weight.

    Parameters
    ----------
    tested
        The samples.
    ranks_only
        Models whose score is no probability: they have ranks and average precision only.
    by_part
        Give each part too, and their mean plain and by size.
    """
    label, weight = tested.label, tested.weight
    families: Families = {}
    for model, score in tested.scores.items():
        families |= auroc_families(model, tested, by_part=by_part)
        precision = reweighted(partial(weighted_average_precision, score, label), weight)
        families[Figure(model, AVERAGE_PRECISION, POOLED),] = one_figure(precision)
        if model not in ranks_only:
            families |= dict(_of_probability(model, score, label, weight))
    return families


def auroc_families(model: str, tested: Tested, *, by_part: bool) -> Families:
    """AUROC of one model over the parts, within strata, and of each of both where these are told."""
    ranks = partial(_auroc, tested.scores[model], tested.label, tested.weight)
    return dict(_ranked(Figure(model, AUROC, POOLED), ranks, tested, by_part))


def followed_families(followed: Followed, ranks_only: frozenset[str], *, by_part: bool) -> Families:
    """Figures over all samples with follow-up: concordance, and observed over expected."""
    tested, uno = followed
    harrell = replace(uno, inverse=np.ones(len(uno.time)))
    families: Families = {}
    for metric, follow_up in ((HARRELL, harrell), (UNO, uno)):
        for model, score in tested.scores.items():
            ranks = partial(concordance_in_strata, score, follow_up)
            families |= dict(_ranked(Figure(model, metric, POOLED), ranks, tested, by_part))
    return families | _expected(followed, [name for name in tested.scores if name not in ranks_only])


def yes_no_expected(tested: Tested, ranks_only: frozenset[str]) -> Families:
    """Observed over expected of a question without dates."""
    models = [name for name in tested.scores if name not in ranks_only]
    return _over_expected(partial(weighted_mean, tested.label), tested.scores, models)


def averages(figures: InStrata, sizes: Sequence[int], *, by_part: bool) -> Statistics:
    """Averages over parts in the order of `averaged`, and then each of S parts, (B, N) -> (3 + S, B).

    Without ``by_part`` the first alone, by cases.
    """
    plain, share = np.ones(len(sizes)), np.asarray(sizes, dtype=np.float64)

    def statistics(weights: Weights) -> Weights:
        found = figures(weights)
        by_cases = mean_by_cases(found)[None, :]
        if not by_part:
            return by_cases
        means = [mean_by_share(found, plain), mean_by_share(found, share)]
        return np.concatenate([by_cases, np.stack(means), found.figure.T])

    return statistics


def averages_within(figures: InStrata, types: Sequence[str]) -> Statistics:
    """Averages over strata by cases, over their T types each alike, and of each type, (B, N) -> (2 + T, B).

    Parameters
    ----------
    figures
        Inside each stratum, a type and a part.
    types
        Type of each stratum, length S; a type's own figure averages its parts by their cases. Without
        types only the first.
    """
    of_type = [np.array(types) == name for name in dict.fromkeys(types)]

    def statistics(weights: Weights) -> Weights:
        found = figures(weights)
        if not of_type:
            return mean_by_cases(found)[None, :]
        each = [mean_by_cases(ByStratum(found.figure[:, one], found.cases[:, one])) for one in of_type]
        by_type = np.stack(each, axis=1)
        alike = mean_by_share(ByStratum(by_type, by_type), np.ones(len(each)))
        return np.stack([mean_by_cases(found), alike, *each])

    return statistics


def averaged(figure: Figure, parts: Sequence[str], *, by_part: bool) -> tuple[Figure, ...]:
    """Names of what `averages` gives."""
    strata = (POOLED, MEAN, BY_SIZE, *parts) if by_part else (POOLED,)
    return tuple(figure._replace(stratum=stratum) for stratum in strata)


def averaged_within(figure: Figure, types: Sequence[str]) -> tuple[Figure, ...]:
    """Names of what `averages_within` gives."""
    strata = (WITHIN, MEAN_WITHIN, *dict.fromkeys(types)) if types else (WITHIN,)
    return tuple(figure._replace(stratum=stratum) for stratum in strata)


def _ranked(
    figure: Figure, ranks: Callable[[Strata], InStrata], tested: Tested, by_part: bool
) -> Iterator[tuple[tuple[Figure, ...], Statistics]]:
    parts, within = tested.strata[POOLED], tested.strata[WITHIN]
    if parts.rows:
        names = averaged(figure, tested.parts, by_part=by_part)
        yield names, averages(ranks(parts), parts.sizes, by_part=by_part)
    if within.rows:
        yield averaged_within(figure, tested.types), averages_within(ranks(within), tested.types)


def _auroc(
    score: NDArray[np.float64], label: NDArray[np.float64], weight: NDArray[np.float64], strata: Strata
) -> InStrata:
    figures = auroc_in_strata(score, label, strata)
    return figures if bool((weight == 1).all()) else lambda weights: figures(weights * weight)


def _of_probability(
    model: str, score: NDArray[np.float64], label: NDArray[np.float64], weight: NDArray[np.float64]
) -> Iterator[tuple[tuple[Figure, ...], Statistics]]:
    missed = reweighted(partial(weighted_mean, (score - label) ** 2), weight)
    error = weighted_calibration_error(score, label, weight)
    yield (Figure(model, BRIER, POOLED),), one_figure(missed)
    yield tuple(Figure(model, metric, POOLED) for metric in LINE), recalibrated(score, label, weight)
    yield (Figure(model, "calibration_error", POOLED),), one_figure(error)


def _expected(followed: Followed, models: Sequence[str]) -> Families:
    course: FollowUp = followed.follow_up
    observed = weighted_incidence(course.time, course.event_code, course.horizon)
    return _over_expected(observed, followed.tested.scores, models)


def _over_expected(
    observed: Callable[[Weights], Weights],
    scores: Mapping[str, NDArray[np.float64]],
    models: Sequence[str],
) -> Families:
    if not models:
        return {}
    names = tuple(Figure(model, OBSERVED_EXPECTED, POOLED) for model in models)
    return {names: observed_over_expected(observed, [scores[model] for model in models])}
