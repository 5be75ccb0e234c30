"""Any subset of assays scores: a model that lost assays while it learned is better where one is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from metarisk.models.ensemble import Ensemble
from metarisk.schema.assays import Assay
from metarisk.train.fit import FoldRows

ROWS = FoldRows(np.arange(500), np.arange(500, 600))
TEST = np.arange(600, 1600)


@pytest.mark.slow
def test_losing_assays_in_training_costs_little_and_helps_where_one_is_missing(make: Any) -> None:
    changes = np.array([_changes(make, seed) for seed in range(3)])
    whole, missing = changes.mean(axis=0)
    assert missing > 0.0, changes
    assert whole > -0.02, changes


def _changes(make: Any, seed: int) -> tuple[float, float]:
    """AUROC with assay dropout minus that without it, on whole samples and without expression."""
    experiment = make.experiment(
        simulation={"samples": 1600, "signal": 3.0, "treated": 1.0}, features={"direct_genes": 84}
    )
    ready = make.all_of(experiment.model_copy(update={"seed": seed}))
    told = []
    for rate in (0.0, 0.3):
        network = ready.fit(ROWS, seed=seed, epochs=40, patience=6, learning_rate=0.01, assay_dropout=rate)
        member = Ensemble(ready.plan, ready.topology, [network])
        told.append(
            [_auroc(ready, member, without) for without in (frozenset(), frozenset({Assay.EXPRESSION}))]
        )
    return told[1][0] - told[0][0], told[1][1] - told[0][1]


@torch.no_grad()
def _auroc(ready: Any, member: Ensemble, without: frozenset[Assay]) -> float:
    """Mean over the yes / no questions, of samples whose expression was measured."""
    measured = ready.training_set.batch.assays[Assay.EXPRESSION].measured.any(axis=1)
    rows = TEST[measured[TEST]]
    outputs = member.answers(ready.training_set.batch.take(rows), without)["outputs"][0]
    labels = ready.training_set.targets.binary[rows]
    known = ~np.isnan(labels)
    return float(
        np.mean(
            [
                roc_auc_score(labels[known[:, at], at], outputs[known[:, at], at])
                for at in range(labels.shape[1])
            ]
        )
    )
