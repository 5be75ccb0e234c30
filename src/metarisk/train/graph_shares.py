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
