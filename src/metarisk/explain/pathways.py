"""How much of each answer came through each pathway: exact, since the heads read pathways linearly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from metarisk.data.cohort import Cohort
from metarisk.errors import BundleError
from metarisk.features.batch import Batch
from metarisk.models.bundle import ModelBundle
from metarisk.models.ensemble import ROWS_AT_A_TIME, Ensemble, tensors
from metarisk.models.network import GraphPath, Network
from metarisk.nn.heads import TaskLayout


class Rank(NamedTuple):
    """Where a circuit stands among all that could have been named.

    Attributes
    ----------
    endpoint, pathway
        Which circuit of which answer.
    rank
        1 is the strongest.
    of
        Circuits ranked.
    """

    endpoint: str
    pathway: str
    rank: int
    of: int

    @property
    def auroc(self) -> float:
        """Chance that this circuit stands above another one; 1 is perfect, 0.5 is chance."""
        return 1.0 - (self.rank - 1) / max(self.of - 1, 1)


def pathway_importance(bundle: ModelBundle, cohort: Cohort) -> pd.DataFrame:
    """Standard deviation over samples of what each pathway adds to each answer's log odds, mean of members.

    Parameters
    ----------
    bundle
        A model with a graph path.
    cohort
        Samples to look at.

    Returns
    -------
    DataFrame
        One row a pathway, one column an endpoint (the first cause of dated ones); a larger value matters
        more to that model, which is not to say that it causes anything.

    Raises
    ------
    BundleError
        If the model has no graph path.
    """
    return ensemble_importance(bundle.ensemble, bundle.transform.apply(cohort))


def ensemble_importance(ensemble: Ensemble, batch: Batch) -> pd.DataFrame:
    """What `pathway_importance` gives, of networks and features that are no bundle yet."""
    columns = output_columns(ensemble.plan.layout)
    spreads = [_spread(member, batch, list(columns.values())) for member in ensemble.networks]
    pathways = list(ensemble.topology.pathways)
    return pd.DataFrame(np.mean(spreads, axis=0), index=pathways, columns=list(columns))


def planted_ranks(importance: pd.DataFrame, planted: Mapping[str, str], rivals: set[str]) -> list[Rank]:
    """Rank of the circuit that truly drives each endpoint.

    Parameters
    ----------
    importance
        As `pathway_importance` returns it.
    planted
        Endpoint -> the circuit that drives it.
    rivals
        Pathways that could have been named, the true one among them.
    """
    ranks = []
    for endpoint, pathway in planted.items():
        if endpoint not in importance or pathway not in importance.index:
            continue
        column = importance.loc[importance.index.isin(rivals), endpoint].rank(ascending=False)
        ranks.append(Rank(endpoint, pathway, int(column[pathway]), len(column)))
    return ranks


def output_columns(layout: TaskLayout) -> dict[str, int]:
    """Output that stands for each endpoint: the logit, or the level of the first cause.

    An organ asked both ways has its yes / no under its name and the other as ``site.bone by time``.
    """
    columns = {name: index for index, name in enumerate(layout.binary)}
    for name in layout.timed:
        columns[f"{name} by time" if name in layout.binary else name] = layout.columns(name).start
    return columns


@torch.no_grad()
def _spread(member: Network, batch: Batch, outputs: list[int]) -> NDArray[np.float64]:
    """Standard deviation of each pathway's contribution to the outputs asked for, shape (P, outputs)."""
    if member.graph is None:
        raise BundleError("the model has no graph path", do="Explain a model trained with network.graph.")
    count, total, square = 0, torch.zeros(()), torch.zeros(())
    for start in range(0, len(batch), ROWS_AT_A_TIME):
        rows = np.arange(start, min(start + ROWS_AT_A_TIME, len(batch)))
        added = _contributions(member.graph, batch.take(rows), outputs).double()  # (n, P, outputs)
        count, total, square = count + len(rows), total + added.sum(0), square + added.square().sum(0)
    gate = torch.sigmoid(member.gate[outputs]).double()
    variance = (square / count - (total / count) ** 2).clamp_min(0.0)
    return np.asarray((variance.sqrt() * gate).numpy())


def _contributions(graph: GraphPath, batch: Batch, outputs: list[int]) -> Tensor:
    return graph.contributions(*tensors(batch, graph.readout.weight.device), outputs)
