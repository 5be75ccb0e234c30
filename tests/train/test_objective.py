from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from metarisk.losses import binary_loss
from metarisk.models.network import Network
from metarisk.train.objective import class_weights, prior_penalty, set_base_rates, task_losses


def network_of(ready: Any, **section: Any) -> Network:
    torch.manual_seed(3)
    plan = replace(ready.plan, section=ready.plan.section.model_copy(update={"dropout": 0.0, **section}))
    network = Network(plan, ready.topology)
    for parameter in network.direct.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return network


def test_copies_learn_each_from_its_own_loss_and_answer_together(ready: Any) -> None:
    network = network_of(ready, copies=3)
    data = ready.data.take(torch.arange(30))
    n_binary = len(network.layout.binary)
    with torch.no_grad():
        each = network.copies(data.assays, data.flat)[..., :n_binary]
        alone = torch.stack([binary_loss(outputs, data.binary) for outputs in each]).mean(dim=0)
        together = binary_loss(each.mean(dim=0), data.binary)
        torch.testing.assert_close(task_losses(network.train(), data)[:n_binary], alone)
        torch.testing.assert_close(task_losses(network.eval(), data)[:n_binary], together)
    assert (together < alone).all()  # Jensen: the loss is convex in the logit


def test_one_copy_learns_from_the_loss_of_its_answer(ready: Any) -> None:
    network, data = network_of(ready), ready.data.take(torch.arange(30))
    with torch.no_grad():
        torch.testing.assert_close(task_losses(network.train(), data), task_losses(network.eval(), data))


def test_the_order_of_samples_does_not_matter(ready: Any) -> None:
    network, order = network_of(ready, copies=2).eval(), torch.randperm(60)
    with torch.no_grad():
        one = task_losses(network, ready.data.take(torch.arange(60)))
        other = task_losses(network, ready.data.take(torch.arange(60)[order]))
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_the_order_of_genes_does_not_matter(ready: Any) -> None:
    network = network_of(ready).eval()
    order = {
        assay: np.random.default_rng(1).permutation(len(n)) for assay, n in ready.plan.assay_nodes.items()
    }
    nodes = {assay: node[order[assay]] for assay, node in ready.plan.assay_nodes.items()}
    twin = Network(replace(ready.plan, section=network_section(ready), assay_nodes=nodes), ready.topology)
    twin.load_state_dict(network.state_dict())
    data = ready.data.take(torch.arange(40))
    moved = data._replace(assays={name: values[:, order[name]] for name, values in data.assays.items()})
    with torch.no_grad():
        torch.testing.assert_close(
            task_losses(network, data), task_losses(twin.eval(), moved), rtol=1e-5, atol=1e-6
        )


def network_section(ready: Any) -> Any:
    return ready.plan.section.model_copy(update={"dropout": 0.0})


@pytest.mark.parametrize(("imbalance", "ratio"), [("root", 3.0), ("balanced", 9.0)])
def test_a_rare_answer_counts_more_and_a_sample_one_on_average(imbalance: str, ratio: float) -> None:
    no, yes = class_weights(torch.tensor([0.1, 0.9]), imbalance)
    assert (yes / no).tolist() == pytest.approx([ratio, 1.0 / ratio], rel=1e-5)
    assert (0.9 * no[0] + 0.1 * yes[0]).item() == pytest.approx(1.0)


def test_weights_play_a_part_while_learning_only_and_leave_base_rates_where_they_are(ready: Any) -> None:
    rows = torch.arange(160)
    plain, weighted = network_of(ready), network_of(ready)
    set_base_rates(plain, ready.data, rows)
    set_base_rates(weighted, ready.data, rows, "balanced")
    torch.testing.assert_close(weighted.bias, plain.bias)
    data, n_binary = ready.data.take(rows), len(plain.layout.binary)
    with torch.no_grad():
        torch.testing.assert_close(task_losses(weighted.eval(), data), task_losses(plain.eval(), data))
        learning = task_losses(weighted.train(), data), task_losses(plain.train(), data)
    assert not torch.allclose(learning[0][:n_binary], learning[1][:n_binary])
    torch.testing.assert_close(learning[0][n_binary:], learning[1][n_binary:])
    assert plain.class_weight is None


@pytest.mark.parametrize("imbalance", ["none", "balanced"])
def test_fitted_answers_keep_the_base_rate_whatever_the_weights(
    ready: Any, halves: Any, imbalance: str
) -> None:
    network = ready.fit(halves, imbalance=imbalance, epochs=12, patience=12)
    assert (network.class_weight is None) == (imbalance == "none")
    with torch.no_grad():
        answer = torch.sigmoid(network(ready.data.assays, ready.data.flat).outputs)
    labels = ready.training_set.targets.binary[halves.train]
    for column in range(labels.shape[1]):
        known = ~np.isnan(labels[:, column])
        found = answer[halves.train, column].numpy()[known].mean()
        assert found == pytest.approx(labels[known, column].mean(), abs=0.08)


def test_copies_share_one_prior(ready: Any) -> None:
    network, training = network_of(ready, copies=4), ready.experiment.training
    before = prior_penalty(network, training).item()
    with torch.no_grad():
        network.direct.mlp.copied_bias += 1.0
    own = network.direct.mlp.copied_bias
    expected = (own.square() - (own - 1.0).square()).sum().item() / (2.0 * training.direct_prior**2 * 4)
    assert prior_penalty(network, training).item() - before == pytest.approx(expected, rel=1e-3)
