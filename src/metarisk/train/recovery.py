"""How well hidden values are found on held-out patients, beside what needs no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor

from metarisk.config.experiment import Experiment
from metarisk.features.standardise import CALLS
from metarisk.schema.assays import Assay
from metarisk.train.masking import Unlabelled, hide, hide_assay
from metarisk.train.reconstructor import Reconstructor

OURS, MEAN, RIDGE = "metarisk", "mean", "ridge"
RIDGE_PENALTY = 0.1  # on values of variance near one
ROWS_AT_A_TIME = 256


def recovery_figures(
    network: Reconstructor, learned: Unlabelled, judged: Unlabelled, experiment: Experiment
) -> pd.DataFrame:
    """One row an assay, a way of hiding and a model.

    Levels are judged by R2, the share of the squared error of each gene's training mean that is removed;
    calls by the AUROC over all hidden genes and samples. Controls: ``mean`` answers each gene's training mean
    or rate; ``ridge`` the best linear guess from its most correlated genes of the same assay, of which those
    that are hidden too count as usual.

    Parameters
    ----------
    network
        Fitted.
    learned
        Training samples, for the controls.
    judged
        Held-out samples.
    experiment
        Its pretraining section says how much is hidden; its seed which.

    Returns
    -------
    DataFrame
        Columns ``assay``, ``hidden`` (``genes`` or ``assay``), ``metric`` (``r2`` or ``auroc``), ``model``,
        ``value``, and ``n`` values judged.
    """
    genes_only = experiment.pretraining.model_copy(update={"mask_assay": 0.0})
    chance = torch.Generator().manual_seed(experiment.seed + 2)
    hidden = hide(judged, genes_only, chance)
    rows: list[dict[str, Any]] = []
    for name in judged.values:
        ridge = None
        if experiment.pretraining.partners and Assay(name) not in CALLS:
            ridge = ridge_weights(learned.values[name], experiment.pretraining.partners)
        rows += _rows(network, judged, hidden, name, "genes", ridge)
    for name in judged.values:
        rows += _rows(network, judged, hide_assay(judged, name), name, "assay", None)
    return pd.DataFrame(rows, columns=["assay", "hidden", "metric", "model", "value", "n"])


def _rows(
    network: Reconstructor,
    judged: Unlabelled,
    hidden: Mapping[str, Tensor],
    name: str,
    kind: str,
    ridge: Tensor | None,
) -> Iterator[dict[str, Any]]:
    at = judged.judged(hidden)[name]
    if not at.any():
        return
    values, usual = judged.values[name], network.usual[name].expand(at.shape)
    told = {OURS: _told(network, judged, hidden, name), MEAN: usual}
    if ridge is not None:
        told[RIDGE] = (judged.without(hidden)[name][..., 0] @ ridge)[..., None]
    for model, answer in told.items():
        metric, value = _judge(name, answer[at].numpy(), values[at].numpy(), usual[at].numpy())
        if value is not None:
            yield {
                "assay": name,
                "hidden": kind,
                "metric": metric,
                "model": model,
                "value": value,
                "n": int(at.sum()),
            }


def _judge(
    name: str, told: NDArray[np.float32], values: NDArray[np.float32], usual: NDArray[np.float32]
) -> tuple[str, float | None]:
    if Assay(name) in CALLS:
        labels = values > 0
        two = labels.any() and not labels.all()
        return "auroc", float(roc_auc_score(labels, told)) if two else None
    error, of_usual = np.square(told - values).sum(), np.square(usual - values).sum()
    return "r2", float(1.0 - error / of_usual) if of_usual > 0 else None


@torch.no_grad()
def _told(network: Reconstructor, judged: Unlabelled, hidden: Mapping[str, Tensor], name: str) -> Tensor:
    left = judged.without(hidden)
    parts = judged.pieces(ROWS_AT_A_TIME)
    return torch.cat([network({assay: table[rows] for assay, table in left.items()})[name] for rows in parts])


def ridge_weights(values: Tensor, partners: int) -> Tensor:
    """Weight of each gene (row) in the linear guess of each gene (column), 0 but for its partners, (Ga, Ga).

    Ridge regression on the partners alone, from second moments; what is not known stands at 0, the mean.
    """
    level = values[..., 0].double()
    moments = level.T @ level / len(level)  # (Ga, Ga)
    spread = moments.diagonal().clamp_min(1e-6).sqrt()
    alike = (moments / spread[:, None] / spread).abs().fill_diagonal_(-1.0)
    chosen = alike.topk(min(partners, len(moments) - 1), dim=1).indices  # (Ga, partners)
    within = moments[chosen[:, :, None], chosen[:, None, :]]  # (Ga, partners, partners)
    penalty = RIDGE_PENALTY * torch.eye(chosen.shape[1], dtype=torch.float64)
    towards = torch.gather(moments, 1, chosen)
    solved = torch.linalg.solve(within + penalty, towards)
    weight = torch.zeros_like(moments).scatter_(1, chosen, solved)
    return weight.T.float()
