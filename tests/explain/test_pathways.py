from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from metarisk.errors import BundleError
from metarisk.explain import pathway_importance, planted_ranks
from metarisk.explain.pathways import Rank, output_columns
from metarisk.models.ensemble import Ensemble, tensors
from metarisk.models.network import Network


def test_the_planted_circuit_of_each_organ_ranks_first(easy: Any) -> None:
    trained, drawn = easy
    importance = pathway_importance(trained.bundle, trained.test)
    planted = {circuit.endpoint: circuit.pathway for circuit in drawn.planted}
    rivals = {name for name in trained.bundle.topology.pathways if name != "family"}
    ranks = {rank.endpoint: rank for rank in planted_ranks(importance, planted, rivals)}
    assert set(ranks) == {"site.bone", "site.liver", "response", "metastasis"}
    assert [rank.rank for rank in ranks.values()] == [1] * 4
    assert all(rank.of == 6 for rank in ranks.values())


@torch.no_grad()
def slow_importance(bundle: Any, cohort: Any) -> pd.DataFrame:
    """Take one pathway at a time away from the head, and see how far the answer moves."""
    batch = bundle.transform.apply(cohort)
    assays, _ = tensors(batch, torch.device("cpu"))
    columns = output_columns(bundle.ensemble.plan.layout)
    total = np.zeros((len(bundle.topology.pathways), len(columns)))
    for member in bundle.ensemble.networks:
        whole = member.graph(assays)[:, list(columns.values())]
        weight = member.graph.head.weight.clone()
        readout = weight.shape[1] // len(total)
        for pathway in range(len(total)):
            member.graph.head.weight[:, pathway * readout : (pathway + 1) * readout] = 0.0
            moved = whole - member.graph(assays)[:, list(columns.values())]
            gate = torch.sigmoid(member.gate[list(columns.values())])
            total[pathway] += (moved.std(dim=0, correction=0) * gate).numpy()
            member.graph.head.weight.copy_(weight)
    return pd.DataFrame(total / len(bundle.ensemble.networks), list(bundle.topology.pathways), list(columns))


def test_importance_equals_taking_each_pathway_away(easy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    trained, _ = easy
    cohort = trained.test.take(np.arange(40))
    monkeypatch.setattr("metarisk.explain.pathways.ROWS_AT_A_TIME", 16)  # chunks must not show
    found = pathway_importance(trained.bundle, cohort)
    pd.testing.assert_frame_equal(found, slow_importance(trained.bundle, cohort), atol=1e-4)


def test_a_model_without_a_graph_has_nothing_to_rank(easy: Any) -> None:
    trained, _ = easy
    plan = trained.bundle.ensemble.plan
    bare = replace(plan, section=plan.section.model_copy(update={"graph": False}))
    topology = trained.bundle.topology
    ensemble = Ensemble(bare, topology, [Network(bare, topology)])
    with pytest.raises(BundleError, match=r"the model has no graph path. Explain a model trained with"):
        pathway_importance(replace(trained.bundle, ensemble=ensemble), trained.test)


@pytest.mark.parametrize("place", range(5))
def test_the_auroc_of_a_rank_is_that_of_one_true_circuit_among_the_others(place: int) -> None:
    strength = np.array([0.9, 0.7, 0.5, 0.3, 0.1])
    names = list("abcde")
    importance = pd.DataFrame({"site.bone": strength}, index=names)
    rank = planted_ranks(importance, {"site.bone": names[place]}, set(names))[0]
    assert (rank.rank, rank.of) == (place + 1, 5)
    assert rank.auroc == pytest.approx(roc_auc_score(np.arange(5) == place, strength))


def test_only_rivals_are_ranked_and_an_unknown_circuit_is_left_out() -> None:
    importance = pd.DataFrame({"site.bone": [0.9, 0.5, 0.1]}, index=["family", "true", "other"])
    found = planted_ranks(importance, {"site.bone": "true", "os": "true"}, {"true", "other"})
    assert found == [Rank("site.bone", "true", 1, 2)]
    assert planted_ranks(importance, {"site.bone": "absent"}, {"true", "other"}) == []
