"""Whether probabilities hold on held-out samples: average precision, Brier score, calibration line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from metarisk.metrics.discrimination import weighted_average_precision
from metarisk.metrics.inputs import Codes, Floats
from metarisk.metrics.intervals import Statistic, resampled_together, weighted_mean
from metarisk.metrics.recalibration import recalibrate, recalibrated
from metarisk.train.figures import FIGURE_COLUMNS, Answers
from metarisk.train.held_out import Asked, HeldOut

LARGE = "calibration_in_the_large"


def probability_figures(models: Mapping[str, Answers], held_out: HeldOut) -> pd.DataFrame:
    """Figures of each model's probabilities, in the columns of `metarisk.train.figures.held_out_figures`.

    ``average_precision`` (chance is the share with the event); ``brier`` (lower is better);
    ``calibration_slope`` (1 is right, below 1 too extreme); ``calibration_in_the_large`` (0 is right, above 0
    the risk is told too low, log odds; without an interval).

    Parameters
    ----------
    models
        Model -> question -> probability of each sample, shape (N,); `metarisk.train.figures.OURS` among them.
    held_out
        The samples.
    """
    rows: list[dict[str, Any]] = []
    for asked in held_out.asked(models):
        label = asked.judged.label
        size = {"stratum": "all", "n": len(label), "events": int(label.sum())}
        statistics = dict(_statistics(asked))
        drawn = resampled_together(statistics, held_out.patients, resamples=held_out.section.bootstrap)
        for (model, metric), found in drawn.items():
            bounds = dict(zip(("lower", "upper"), found.bounds(), strict=True))
            rows.append(
                {**asked.names, **size, "model": model, "metric": metric, "value": found.value, **bounds}
            )
        for model, score in asked.scores.items():
            large = recalibrate(score, label, asked.judged.weight).in_the_large
            rows.append({**asked.names, **size, "model": model, "metric": LARGE, "value": large})
    return pd.DataFrame(rows, columns=list(FIGURE_COLUMNS))


def _statistics(asked: Asked) -> Iterator[tuple[tuple[str, str], Statistic]]:
    label, weight = asked.judged.label, asked.judged.weight
    everybody = np.arange(len(label))
    unweighted = asked._replace(judged=replace(asked.judged, weight=np.ones(len(label))))
    for model, score in asked.scores.items():
        precision: Statistic = partial(weighted_average_precision, score, label)
        squared: Statistic = partial(weighted_mean, (score - label) ** 2)
        yield (model, "average_precision"), asked.among(precision, everybody)
        yield (model, "brier"), asked.among(squared, everybody)
        # The slope's line is fitted with the censoring weights, so it multiplies by them itself.
        yield (model, "calibration_slope"), unweighted.among(_slope(score, label, weight), everybody)


def _slope(score: Floats, label: Codes, weight: Floats) -> Statistic:
    line = recalibrated(score, label, weight)
    return lambda weights: line(weights)[0]
