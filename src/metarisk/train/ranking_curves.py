"""Receiver operating and precision-recall curves of each model, ours with its pointwise interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from metarisk.metrics.inputs import ratio
from metarisk.metrics.intervals import resampled_weights
from metarisk.train.figures import OURS, Answers, DoubleArray
from metarisk.train.held_out import TOO_FEW, Asked, HeldOut, fewer

ROC, PRECISION_RECALL = "roc", "precision_recall"
POINTS, CUTS, RESAMPLES = 51, 200, 200
CURVE_COLUMNS = (
    *("endpoint", "horizon_days", "model", "curve", "x", "value", "lower", "upper", "n", "events"),
)


def ranking_curves(models: Mapping[str, Answers], held_out: HeldOut) -> pd.DataFrame:
    """Both curves of each question at evenly spaced places, so that no step is a patient's.

    Parameters
    ----------
    models
        Model -> question -> probability of each sample, shape (N,); `OURS` among them.
    held_out
        The samples.

    Returns
    -------
    DataFrame
        Columns `CURVE_COLUMNS`. ``x`` is 1 - specificity of ``roc``, where ``value`` is sensitivity, and
        sensitivity of ``precision_recall``, where it is precision; higher is better in both. Bounds are a
        patient bootstrap's, pointwise 95 %, of ours alone. A question with fewer than `TOO_FEW` events or
        non-events has no curve. Dated questions have their censoring weights.
    """
    rows: list[dict[str, Any]] = []
    for asked in held_out.asked(models):
        if fewer(asked.judged.label) >= TOO_FEW:
            size = {"n": len(asked.judged.label), "events": int(asked.judged.label.sum())}
            for model, score in asked.scores.items():
                rows += [
                    {**asked.names, **size, "model": model, **row}
                    for row in _rows_of(asked, score, held_out, banded=model == OURS)
                ]
    return pd.DataFrame(rows, columns=list(CURVE_COLUMNS))


def _rows_of(
    asked: Asked, score: DoubleArray, held_out: HeldOut, *, banded: bool
) -> Iterator[dict[str, Any]]:
    label, own = asked.judged.label, asked.judged.weight
    cuts = np.unique(np.quantile(score, np.linspace(0.0, 1.0, CUTS + 1)))
    inside = np.searchsorted(cuts, score, side="right") - 1
    cell = np.zeros((len(score), 2 * len(cuts)))
    cell[np.arange(len(score)), inside + len(cuts) * (label == 1)] = own
    whole = _curves(np.ones((1, len(score))), cell)
    bounds = {}
    if banded:
        blocks = resampled_weights(held_out.patients, RESAMPLES, 0)
        drawn = [_curves(np.take(weights, asked.judged.rows, axis=1), cell) for weights in blocks]
        bounds = {
            name: np.nanpercentile(np.concatenate([block[name] for block in drawn]), [2.5, 97.5], axis=0)
            for name in whole
        }
    for name, values in whole.items():
        for at, x in enumerate(places()):
            row = {"curve": name, "x": x, "value": values[0, at]}
            low, high = bounds[name][:, at] if banded else (np.nan, np.nan)
            yield {**row, "lower": low, "upper": high}


def places() -> DoubleArray:
    """Where the curves are read, shape (POINTS,)."""
    return np.linspace(0.0, 1.0, POINTS)


def _curves(weights: DoubleArray, cell: DoubleArray) -> dict[str, DoubleArray]:
    """Both curves of B weightings, shape (B, POINTS) each; ``cell`` puts each row into its cell of scores."""
    counts = (weights @ cell).reshape(len(weights), 2, -1)[..., ::-1].cumsum(axis=2)
    no, yes = np.concatenate([np.zeros((len(weights), 2, 1)), counts], axis=2).transpose(1, 0, 2)
    wrong, right = (ratio(of, np.broadcast_to(of[:, -1:], of.shape)) for of in (no, yes))
    precision = ratio(yes, yes + no)
    roc = np.stack([np.interp(places(), x, y) for x, y in zip(wrong, right, strict=True)])
    first = [np.searchsorted(x, places().clip(1e-9) - 1e-12).clip(1, len(x) - 1) for x in right]
    recall = np.stack([values[at] for values, at in zip(precision, first, strict=True)])
    return {ROC: roc, PRECISION_RECALL: recall}
