"""What acting on each model's answers would gain, and how organs are told apart as one whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from metarisk.metrics.discrimination import weighted_auroc, weighted_average_precision
from metarisk.metrics.inputs import ratio
from metarisk.metrics.intervals import Resampled, Statistic, resampled_together, resampled_weights
from metarisk.train.figures import Answers, DoubleArray
from metarisk.train.held_out import TOO_FEW, Asked, HeldOut, fewer

THRESHOLDS = (0.01, 0.02, 0.03, 0.04, 0.05, 0.075, *(round(0.05 * step, 2) for step in range(2, 19)))
NET_BENEFIT, AUROC, AVERAGE_PRECISION = "net_benefit", "auroc", "average_precision"
EACH, MACRO, MICRO = "each", "macro", "micro"
ORGANS, SITE = "site", "site."
DECISION_COLUMNS = (
    *("model", "endpoint", "horizon_days", "over", "metric", "threshold", "value", "lower", "upper"),
    *("everybody", "nobody", "gain", "gain_lower", "gain_upper", "acted", "n", "events"),
)
_CELLS = 2_000_000  # weights of a micro average held at a time


@dataclass(frozen=True)
class Benefit:
    """Sums that net benefits are made of, on all samples (first row) and in each of B resamples.

    Attributes
    ----------
    sums
        Net benefit times weight, shape (B + 1, M + 1, T): of M models, last of acting on everybody.
    weight
        Total weight, shape (B + 1,).
    """

    sums: DoubleArray
    weight: DoubleArray

    @property
    def value(self) -> DoubleArray:
        """Net benefit, shape (B + 1, M + 1, T)."""
        return ratio(self.sums, np.broadcast_to(self.weight[:, None, None], self.sums.shape))


class Part(NamedTuple):
    """Questions that a figure is of: one, or organs as a whole.

    Attributes
    ----------
    names
        Endpoint, horizon and how the questions are averaged.
    questions
        Their places among the questions asked.
    """

    names: dict[str, object]
    questions: list[int]


def decision_figures(models: Mapping[str, Answers], held_out: HeldOut) -> pd.DataFrame:
    """Net benefit of each model over thresholds, question by question and over the organs.

    Of dated questions a competing event before the horizon is a known "no", and each sample has its censoring
    weight. Over the organs, ``macro`` is the mean of the organs' figures and ``micro`` is over all pairs of a
    sample and an organ, where it is also to a model's credit to know which organ is common; of the organs of
    one horizon those with `TOO_FEW` events and non-events or more.

    Parameters
    ----------
    models
        Model -> question -> probability of each sample, shape (N,); the first is compared with the others.
    held_out
        The samples.

    Returns
    -------
    DataFrame
        Columns `DECISION_COLUMNS`. A net benefit is in true positives a sample (Vickers and Elkin 2006),
        above 0 where acting on the model is better than acting on nobody; ``gain`` is over the better of
        acting on everybody and on nobody, on the same resamples; ``acted`` is the share that the model would
        treat. AUROC and average precision have no threshold.
    """
    asked = list(held_out.asked(models))
    if not asked:
        return pd.DataFrame(columns=list(DECISION_COLUMNS))
    rows: list[dict[str, Any]] = []
    benefits = _benefits(asked, held_out)
    ranked = _ranked(asked, held_out)
    for part in _parts(asked):
        members = [asked[at] for at in part.questions]
        answered = [name for name in models if all(name in member.scores for member in members)]
        size = _size(members)
        for model in answered:
            found = _benefit_of(part, model, asked, benefits)
            acted = _acted(members, model)
            rows += [{**part.names, **size, **row} for row in _benefit_rows(model, found, acted)]
            rows += [{**part.names, **size, **row} for row in _ranked_rows(part, model, asked, ranked)]
    return pd.DataFrame(rows, columns=list(DECISION_COLUMNS))


def _parts(asked: Sequence[Asked]) -> Iterator[Part]:
    """Each question, then the organs of each horizon as a whole where there are two or more."""
    for at, question in enumerate(asked):
        yield Part({**question.names, "over": EACH}, [at])
    large = [
        at
        for at, one in enumerate(asked)
        if one.question.endpoint.startswith(SITE) and fewer(one.judged.label) >= TOO_FEW
    ]
    for horizon in dict.fromkeys(asked[at].question.horizon_days for at in large):
        organs = [at for at in large if asked[at].question.horizon_days == horizon]
        if len(organs) > 1:
            for over in (MACRO, MICRO):
                yield Part({**asked[organs[0]].names, "endpoint": ORGANS, "over": over}, organs)


def _benefits(asked: Sequence[Asked], held_out: HeldOut) -> list[Benefit]:
    """Sums of every question over the same resamples, which are drawn once."""
    terms = [_terms(one) for one in asked]
    sums: list[list[DoubleArray]] = [[] for _ in asked]
    totals: list[list[DoubleArray]] = [[] for _ in asked]
    for weights in _weightings(held_out):
        for at, (one, term) in enumerate(zip(asked, terms, strict=True)):
            own = weights[:, one.judged.rows] * one.judged.weight
            sums[at].append((own @ term.reshape(len(term), -1)).reshape(-1, *term.shape[1:]))
            totals[at].append(own.sum(axis=1))
    return [
        Benefit(np.concatenate(one), np.concatenate(total)) for one, total in zip(sums, totals, strict=True)
    ]


def _terms(asked: Asked) -> DoubleArray:
    """Terms of each model, and last of acting on everybody, shape (n, M + 1, T)."""
    label = asked.judged.label
    answers = [*asked.scores.values(), np.ones(len(label))]
    return np.stack([net_benefit_terms(answer, label) for answer in answers], axis=1)


def net_benefit_terms(probability: DoubleArray, label: DoubleArray) -> DoubleArray:
    """What each sample adds to the net benefit at each threshold, shape (n, T).

    Their mean is the net benefit of `metarisk.metrics.decision.decision_curve`, so that a resample is one
    product of matrices.

    Parameters
    ----------
    probability
        P(event), shape (n,).
    label
        1 the event, 0 none, shape (n,).
    """
    steps = np.array(THRESHOLDS)
    gain = np.where(label[:, None] == 1, 1.0, -steps / (1.0 - steps))
    return np.where(probability[:, None] >= steps, gain, 0.0)


def _weightings(held_out: HeldOut) -> Iterator[DoubleArray]:
    """All samples once, then resampled patients, (block, N) each."""
    yield np.ones((1, len(held_out.patients)))
    yield from resampled_weights(held_out.patients, held_out.section.bootstrap, 0)


def _benefit_of(
    part: Part, model: str, asked: Sequence[Asked], benefits: Sequence[Benefit]
) -> tuple[DoubleArray, DoubleArray]:
    """Net benefit of a model and of acting on everybody, (B + 1, T) each."""
    found = []
    for at in part.questions:
        place = list(asked[at].scores).index(model)
        found.append(Benefit(benefits[at].sums[:, [place, -1]], benefits[at].weight))
    if part.names["over"] == MICRO:
        pooled = Benefit(
            np.sum([one.sums for one in found], axis=0), np.sum([one.weight for one in found], axis=0)
        )
        value = pooled.value
    else:
        value = np.mean([one.value for one in found], axis=0)
    return value[:, 0], value[:, 1]


def _benefit_rows(
    model: str, found: tuple[DoubleArray, DoubleArray], acted: DoubleArray
) -> Iterator[dict[str, Any]]:
    mine, everybody = found
    # The better of the two is chosen once, on all samples, so that a resample does not choose for itself.
    gain = mine - np.where(everybody[0] > 0, everybody, 0.0)
    for at, threshold in enumerate(THRESHOLDS):
        value, ahead = (Resampled(float(table[0, at]), table[1:, at]) for table in (mine, gain))
        lower, upper = value.bounds()
        gain_lower, gain_upper = ahead.bounds()
        yield {
            **{"model": model, "metric": NET_BENEFIT, "threshold": threshold},
            **{"value": value.value, "lower": lower, "upper": upper},
            **{"everybody": float(everybody[0, at]), "nobody": 0.0, "acted": float(acted[at])},
            **{"gain": ahead.value, "gain_lower": gain_lower, "gain_upper": gain_upper},
        }


def _ranked(asked: Sequence[Asked], held_out: HeldOut) -> dict[tuple[object, ...], Resampled]:
    """AUROC and average precision of each model on each question, and over pairs of a sample and an organ."""
    statistics: dict[tuple[object, ...], Statistic] = {}
    for part in _parts(asked):
        if part.names["over"] == MACRO:
            continue
        members = [asked[at] for at in part.questions]
        for model in members[0].scores:
            if all(model in member.scores for member in members):
                for metric, statistic in _pair_statistics(members, model).items():
                    statistics[(*part.questions, model, metric)] = statistic
    return resampled_together(statistics, held_out.patients, resamples=held_out.section.bootstrap)


def _pair_statistics(members: Sequence[Asked], model: str) -> dict[str, Statistic]:
    score = np.concatenate([member.scores[model] for member in members])
    samples, label, weight = (
        np.concatenate([getattr(member.judged, name) for member in members])
        for name in ("rows", "label", "weight")
    )

    def over_pairs(figure: Statistic) -> Statistic:
        def statistic(weights: DoubleArray) -> DoubleArray:
            blocks = np.array_split(weights, max(1, weights.shape[0] * len(samples) // _CELLS))
            return np.concatenate([figure(block[:, samples] * weight) for block in blocks])

        return statistic

    return {
        AUROC: over_pairs(partial(weighted_auroc, score, label)),
        AVERAGE_PRECISION: over_pairs(partial(weighted_average_precision, score, label)),
    }


def _ranked_rows(
    part: Part, model: str, asked: Sequence[Asked], ranked: Mapping[tuple[object, ...], Resampled]
) -> Iterator[dict[str, Any]]:
    for metric in (AUROC, AVERAGE_PRECISION):
        if part.names["over"] == MACRO:
            each = [ranked[at, model, metric] for at in part.questions]
            found = Resampled(
                float(np.mean([one.value for one in each])), np.mean([one.drawn for one in each], axis=0)
            )
        else:
            found = ranked[(*part.questions, model, metric)]
        lower, upper = found.bounds()
        yield {"model": model, "metric": metric, "value": found.value, "lower": lower, "upper": upper}


def _acted(members: Sequence[Asked], model: str) -> DoubleArray:
    """Share of the samples, or of pairs of a sample and an organ, with a threshold's probability or more."""
    score = np.concatenate([member.scores[model] for member in members])
    weight = np.concatenate([member.judged.weight for member in members])
    return np.asarray(weight @ (score[:, None] >= np.array(THRESHOLDS)) / weight.sum())


def _size(members: Sequence[Asked]) -> dict[str, int]:
    """Samples, or pairs of a sample and an organ, and events among them."""
    labels = np.concatenate([member.judged.label for member in members])
    return {"n": len(labels), "events": int(labels.sum())}
