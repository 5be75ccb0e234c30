from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from metarisk.models import network as network_module
from metarisk.models.ensemble import blank_columns, tensors
from metarisk.models.network import Network
from metarisk.schema.assays import Assay


def inputs(small: Any, samples: int = 7) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    batch = small.bundle.transform.apply(small.new_samples.take(np.arange(samples)))
    return tensors(batch, torch.device("cpu"))


def test_an_answer_is_the_direct_path_plus_the_gated_graph_path(small: Any) -> None:
    member, (assays, flat) = small.bundle.ensemble.networks[0], inputs(small)
    answer = member(assays, flat)
    graph = torch.sigmoid(member.gate) * member.graph(assays)
    torch.testing.assert_close(answer.graph, graph)
    torch.testing.assert_close(answer.outputs, member.bias + member.direct(flat) + graph)


def test_without_a_graph_the_graph_part_is_zero(small: Any) -> None:
    section = small.bundle.experiment.network.model_copy(update={"graph": False})
    plan = small.bundle.ensemble.plan
    network = Network(replace(plan, section=section), small.bundle.topology)
    assert network.graph is None
    assert (network(*inputs(small)).graph == 0).all()


def test_nothing_measured_leaves_the_graph_path_silent(small: Any) -> None:
    member, (assays, flat) = small.bundle.ensemble.networks[0], inputs(small)
    silent = {name: torch.zeros_like(values) for name, values in assays.items()}
    base = member(silent, flat).graph
    torch.testing.assert_close(base, base[:1].expand_as(base))  # one constant for all


def test_every_parameter_is_reached_by_the_gradient(small: Any) -> None:
    member = deepcopy(small.bundle.ensemble.networks[0]).train()
    for parameter in member.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    outputs = member(*inputs(small, 20)).outputs
    loss = outputs.square().sum() + member.incidence(outputs, "metastasis").square().sum()
    loss.backward()
    silent = [name for name, p in member.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


def test_an_assay_left_out_is_an_assay_that_was_not_measured(small: Any) -> None:
    cohort = small.new_samples
    bare = {name: table for name, table in cohort.assays.items() if name is not Assay.EXPRESSION}
    batch = small.bundle.transform.apply(cohort)
    left_out = small.bundle.ensemble.answers(batch, frozenset({Assay.EXPRESSION}))
    absent = small.bundle.ensemble.answers(small.bundle.transform.apply(replace(cohort, assays=bare)))
    np.testing.assert_array_equal(left_out["outputs"], absent["outputs"])
    whole = small.bundle.ensemble.answers(batch)
    assert not np.array_equal(whole["outputs"], absent["outputs"])


def test_blank_columns_are_those_of_the_assays_named(small: Any) -> None:
    plan, (_, flat) = small.bundle.ensemble.plan, inputs(small)
    blanked = blank_columns(flat, plan, frozenset({Assay.MUTATION}))
    mutation = torch.tensor([group == "mutation" for group in plan.groups])
    assert torch.isnan(blanked[:, mutation]).all()
    torch.testing.assert_close(blanked[:, ~mutation], flat[:, ~mutation], equal_nan=True)


def test_a_network_without_a_flat_table_can_lose_an_assay(small: Any) -> None:
    plan = replace(small.bundle.ensemble.plan, groups=())
    flat = torch.empty(3, 0)
    assert blank_columns(flat, plan, frozenset({Assay.MUTATION})).shape == (3, 0)


def test_without_gradients_pathways_are_the_same_however_many_samples_go_at_a_time(
    small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    genes, (assays, _) = small.bundle.ensemble.networks[0].graph.genes, inputs(small, 60)
    trained = genes(assays).detach()
    with torch.no_grad():
        few = genes(assays)
        monkeypatch.setattr(network_module, "MOST_AT_ONCE", 1)
        alone = genes(assays)
    assert torch.equal(few, alone)
    torch.testing.assert_close(few, trained, atol=1e-5, rtol=1e-4)
