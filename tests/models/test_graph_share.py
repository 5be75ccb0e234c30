from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metarisk.models.ensemble import Ensemble, blank_batch
from metarisk.models.graph_share import graph_share, share_by_endpoint
from metarisk.models.network import Network
from metarisk.nn.heads import TaskLayout

MOVES = arrays(np.float32, (4, 2), elements=st.floats(-50, 50, width=16))


@given(MOVES, MOVES)
@settings(max_examples=60, deadline=None)
def test_the_share_is_the_graphs_part_of_what_moved_an_answer(graph: Any, direct: Any) -> None:
    blank_graph, blank_direct = np.float32([[0.5, -1.0]]), np.float32([[2.0, 0.25]])
    found = graph_share(
        graph + blank_graph + direct + blank_direct,
        graph + blank_graph,
        blank_graph + blank_direct,
        blank_graph,
    )
    assert ((found >= 0) & (found <= 1)).all()
    total = np.abs(graph) + np.abs(direct)
    large = total > 0.1  # below, what is left of a difference of sums is rounding
    np.testing.assert_allclose(found[large], (np.abs(graph) / np.maximum(total, 0.1))[large], atol=1e-3)


def test_only_the_graph_is_one_only_the_direct_path_zero_and_no_move_zero() -> None:
    graph, direct = np.float32([[3.0, 0.0, 0.0]]), np.float32([[0.0, -2.0, 0.0]])
    nothing = np.zeros((1, 3), np.float32)
    assert graph_share(graph + direct, graph, nothing, nothing).tolist() == [[1.0, 0.0, 0.0]]


def ensemble_of(small: Any, network: Network) -> Ensemble:
    return Ensemble(small.bundle.ensemble.plan, small.bundle.topology, [network])


def test_a_model_without_a_graph_has_a_share_of_zero(small: Any) -> None:
    plan = small.bundle.ensemble.plan
    section = plan.section.model_copy(update={"graph": False})
    network = Network(replace(plan, section=section), small.bundle.topology)
    torch.nn.init.normal_(network.direct.linear.weight)
    answers = ensemble_of(small, network).answers(small.bundle.transform.apply(small.new_samples))
    assert (answers["graph_share"] == 0).all()


def test_a_model_whose_direct_path_is_silent_has_a_share_of_one(small: Any) -> None:
    network = deepcopy(small.bundle.ensemble.networks[0])
    with torch.no_grad():
        for parameter in network.direct.parameters():
            parameter.zero_()
    answers = ensemble_of(small, network).answers(small.bundle.transform.apply(small.new_samples))
    share, graph = answers["graph_share"], answers["graph"][0]
    moved = np.abs(graph - np.median(graph, axis=0)) > 1e-2
    assert moved.any()
    np.testing.assert_allclose(share[moved], 1.0, atol=1e-3)
    assert set(np.unique(share.round(3))) <= {0.0, 1.0}


def test_the_ensembles_share_is_the_mean_of_its_members_and_of_each_sample_alone(small: Any) -> None:
    bundle = small.bundle
    batch = bundle.transform.apply(small.new_samples.take(np.arange(6)))
    found = bundle.ensemble.answers(batch)["graph_share"]
    each = [ensemble_of(small, member).answers(batch)["graph_share"] for member in bundle.ensemble.networks]
    np.testing.assert_allclose(found, np.mean(each, axis=0), rtol=1e-5)
    alone = bundle.ensemble.answers(batch.take(np.array([4])))["graph_share"]
    np.testing.assert_allclose(alone[0], found[4], rtol=1e-3, atol=1e-4)
    assert 0.0 < found.mean() < 1.0


def test_a_blank_sample_is_one_that_has_nothing(small: Any) -> None:
    bundle = small.bundle
    bare = replace(small.new_samples, assays={}, clinical=small.new_samples.clinical[["patient_id"]]).take(
        np.arange(1)
    )
    batch = bundle.transform.apply(bare)
    blank = blank_batch(bundle.ensemble.plan)
    np.testing.assert_array_equal(blank.flat, batch.flat)
    for assay, entry in batch.assays.items():
        np.testing.assert_array_equal(blank.assays[assay].values, entry.values)
        np.testing.assert_array_equal(blank.assays[assay].measured, entry.measured)


def test_shares_are_told_a_question_and_an_organ_asked_twice_is_told_twice() -> None:
    layout = TaskLayout(("site.bone",), {"site.bone": ("site.bone", "death")}, {"site.bone": (365.0,)})
    share = np.float32([[0.2, 0.6, 0.0, 0.0, 0.0], [0.4, 0.8, 0.0, 0.0, 0.0]])
    yes_no, dated = share_by_endpoint(share, layout)
    assert (yes_no.endpoint, yes_no.dated, yes_no.share) == ("site.bone", False, pytest.approx(0.3))
    assert (dated.endpoint, dated.dated, dated.share) == ("site.bone", True, pytest.approx(0.7))
