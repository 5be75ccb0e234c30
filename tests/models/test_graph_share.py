from __future__ import annotations

from typing import Any

import numpy as np

from metarisk.models.answers import probabilities
from metarisk.models.graph_share import graph_share


def test_the_share_is_the_graphs_part_of_all_that_is_not_bias() -> None:
    outputs = np.array([[[3.0, 0.5, 1.0, -2.0]]], np.float32)  # bias 1 in each
    graph = np.array([[[1.0, 0.0, 0.0, -3.0]]], np.float32)
    share = graph_share(outputs, graph, [np.ones(4, np.float32)])
    np.testing.assert_allclose(share, [[0.5, 0.0, 0.0, 1.0]])


def test_members_count_alike() -> None:
    outputs = np.array([[[2.0]], [[2.0]]], np.float32)
    graph = np.array([[[2.0]], [[0.0]]], np.float32)
    assert graph_share(outputs, graph, [np.zeros(1, np.float32)] * 2).tolist() == [[0.5]]


def test_an_answer_carries_its_own_outputs_share(small: Any) -> None:
    ensemble = small.bundle.ensemble
    batch = small.bundle.transform.apply(small.new_samples)
    raw = ensemble.answers(batch)
    bias = [member.bias.detach().numpy() for member in ensemble.networks]
    share = graph_share(raw["outputs"], raw["graph"], bias)
    answers = probabilities(ensemble, small.bundle.calibration, batch, (365.0,))
    columns = [0, 1, 2, 3, 4]  # bone, liver, response, then the levels of metastasis and of death
    for answer, column in zip(answers, columns, strict=True):
        np.testing.assert_array_equal(answer.graph_share, share[:, column])
    assert share.min() >= 0.0
    assert share.max() <= 1.0
    assert share.max() > 0.1


def test_without_a_graph_nothing_came_through_it() -> None:
    outputs = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    share = graph_share(outputs, np.zeros_like(outputs), [np.zeros(3, np.float32)] * 2)
    assert (share == 0.0).all()


def test_nothing_at_all_is_no_share_and_no_error() -> None:
    nothing = np.zeros((1, 1, 1), np.float32)
    assert graph_share(nothing, nothing, [np.zeros(1, np.float32)]).tolist() == [[0.0]]
