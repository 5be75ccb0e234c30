"""How much of the held-out answers came through the graph, as rows among the figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from metarisk.features.batch import Batch
from metarisk.models.ensemble import Ensemble
from metarisk.models.graph_share import share_by_endpoint
from metarisk.train.figures import FIGURE_COLUMNS, OURS

METRIC = "graph_share"


def with_graph_shares(
    figures: pd.DataFrame, ensemble: Ensemble, batch: Batch, horizons_days: Sequence[float]
) -> pd.DataFrame:
    """Figures of `held_out_figures`, and a row a question for our model's mean share of the graph.

    ``metric`` is ``graph_share``, 0 .. 1, over all held-out samples, labelled or not (``events`` is 0: none
    is judged). A dated question's is that of the level of its first cause, the same at every horizon.

    Parameters
    ----------
    figures
        Columns of `FIGURE_COLUMNS`.
    ensemble, batch
        Our model, and the held-out samples as its features.
    horizons_days
        Horizons of dated questions.
    """
    shares = share_by_endpoint(ensemble.answers(batch)["graph_share"], ensemble.plan.layout)
    asked = {"model": OURS, "metric": METRIC, "stratum": "all", "n": len(batch), "events": 0}
    rows = [
        {**asked, "endpoint": told.endpoint, "horizon_days": horizon, "value": told.share}
        for told in shares
        for horizon in (horizons_days if told.dated else (np.nan,))
    ]
    return pd.DataFrame([*figures.to_dict("records"), *rows], columns=list(FIGURE_COLUMNS))


def graph_share_note(figures: pd.DataFrame) -> tuple[str, ...]:
    """A sentence on the smallest and the largest share in the figures; none where the graph moved nothing."""
    shares = figures[figures["metric"] == METRIC].set_index("endpoint")["value"]
    if not (shares > 0).any():
        return ()
    least, most = shares.idxmin(), shares.idxmax()
    return (
        f"Of what moved an answer, {shares.min():.0%} ({least}) to {shares.max():.0%} ({most}) came through "
        "the graph, in the mean over held-out samples; the rest came past it.",
    )
