"""Predicted beside observed in bins of equal count, with how many have which probability."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from metarisk.metrics.calibration import reliability, wilson
from metarisk.train.figures import OURS, Answers
from metarisk.train.held_out import TOO_FEW, Asked, HeldOut, fewer

MOST_BINS, BIN_SIZE, CELLS = 8, 20, 25
BIN, COUNT = "bin", "count"
BIN_COLUMNS = (*("endpoint", "horizon_days", "kind", "place", "predicted", "observed"), "lower", "upper", "n")


def calibration_bins(ours: Answers, held_out: HeldOut) -> pd.DataFrame:
    """Bins of our answers to each question.

    Parameters
    ----------
    ours
        Question -> probability of each sample, shape (N,).
    held_out
        The samples.

    Returns
    -------
    DataFrame
        Columns `BIN_COLUMNS`. Rows of the kind `BIN` have the mean probability and the share observed with
        its Wilson 95 % interval, of dated questions for as many samples as their censoring weights are worth.
        Rows of the kind `COUNT` have the samples between ``predicted`` and the next row's, of `CELLS` cells
        from 0 to 1. A question with fewer than `TOO_FEW` events or non-events has none.
    """
    rows: list[dict[str, Any]] = []
    for asked in held_out.asked({OURS: ours}):
        if fewer(asked.judged.label) >= TOO_FEW:
            rows += [{**asked.names, **row} for row in (*_bins(asked), *_counts(asked))]
    return pd.DataFrame(rows, columns=list(BIN_COLUMNS))


def _bins(asked: Asked) -> Iterator[dict[str, Any]]:
    answer, judged = asked.scores[OURS], asked.judged
    most = int(np.clip(len(answer) // BIN_SIZE, 2, MOST_BINS))
    curve = reliability(answer, judged.label, judged.weight, bins=most)
    worth = curve.n * judged.weight.sum() ** 2 / (len(answer) * (judged.weight**2).sum())
    lower, upper = wilson(curve.observed * worth, worth)
    for place, (predicted, observed, n) in enumerate(zip(*curve, strict=True)):
        yield {
            **{"kind": BIN, "place": place, "predicted": float(predicted), "observed": float(observed)},
            **{"lower": float(lower[place]), "upper": float(upper[place]), "n": int(n)},
        }


def _counts(asked: Asked) -> Iterator[dict[str, Any]]:
    counts, edges = np.histogram(asked.scores[OURS], bins=CELLS, range=(0.0, 1.0))
    for place, n in enumerate(counts):
        yield {"kind": COUNT, "place": place, "predicted": float(edges[place]), "n": int(n)}
