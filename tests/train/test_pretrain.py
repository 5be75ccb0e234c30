from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from torch.nn.functional import binary_cross_entropy_with_logits

from metarisk.config.pretraining import PretrainingSection
from metarisk.data.split import holdout
from metarisk.errors import ConfigError
from metarisk.models.network import Network
from metarisk.train.masking import Unlabelled, hide, unlabelled_of
from metarisk.train.pretrain import Recovered, pretrain_model
from metarisk.train.reconstructor import Reconstructor
from metarisk.train.recovery import RIDGE_PENALTY, ridge_weights
from metarisk.train.run import HOLDOUT_SALT

QUICK = {
    "simulation": {"samples": 300},
    "features": {"assays": ["mutation", "expression"], "direct_genes": 0},
    "pretraining": {"epochs": 18, "patience": 10, "batch_size": 32, "partners": 8},
}

QUICK_SECTION = PretrainingSection(mask_genes=0.1, mask_assay=0.1)


@pytest.fixture(scope="module")
def network(ready: Any) -> Reconstructor:
    torch.manual_seed(0)
    return Reconstructor(ready.plan, ready.topology)


@pytest.fixture(scope="module")
def data(ready: Any, network: Reconstructor) -> Unlabelled:
    training = ready.training_set
    data = unlabelled_of(ready.cohort, training.batch, training.transform, network.columns)
    network.start_from(data)
    return data


@pytest.fixture(scope="module")
def woken(network: Reconstructor, data: Unlabelled) -> Reconstructor:
    """The same with a context that says something."""
    torch.manual_seed(1)
    for weight in network.context.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return network


@pytest.fixture(scope="module")
def recovered(make: Any) -> tuple[Any, Any, Recovered]:
    experiment = make.experiment(**QUICK)
    cohort = make.cohort(experiment)
    return experiment, cohort, pretrain_model(experiment, cohort, make.topology, lambda _: None)


def test_it_starts_at_each_genes_mean_or_rate_and_at_a_loss_of_one(ready: Any) -> None:
    fresh = Reconstructor(ready.plan, ready.topology)
    training = ready.training_set
    data = unlabelled_of(ready.cohort, training.batch, training.transform, fresh.columns)
    fresh.start_from(data)
    everything = {name: torch.ones(known.shape[:2], dtype=torch.bool) for name, known in data.known.items()}
    losses = fresh.losses(data, everything)
    torch.testing.assert_close(losses, torch.ones(3), atol=1e-4, rtol=0)


@torch.no_grad()
def test_the_loss_is_that_over_what_was_measured_and_hidden(woken: Reconstructor, data: Unlabelled) -> None:
    hidden = hide(data, QUICK_SECTION, torch.Generator().manual_seed(0))
    losses, told = woken.losses(data, hidden), woken(data.without(hidden))
    for place, name in enumerate(data.values):
        total, count = 0.0, 0
        for sample, gene, channel in data.judged(hidden)[name].nonzero().tolist():
            value, answer = data.values[name][sample, gene, channel], told[name][sample, gene, channel]
            each = (
                binary_cross_entropy_with_logits(answer, value)
                if name == "mutation"
                else (answer - value) ** 2
            )
            total, count = total + float(each), count + 1
        assert float(losses[place]) == pytest.approx(total / count / float(woken.scale[name]), rel=1e-4)


def test_a_hidden_value_has_no_part_in_its_own_answer(woken: Reconstructor, data: Unlabelled) -> None:
    hidden = hide(data, QUICK_SECTION, torch.Generator().manual_seed(0))
    altered = {name: values + 3.0 * hidden[name][..., None].float() for name, values in data.values.items()}
    one, other = woken(data.without(hidden)), woken(Unlabelled(altered, data.known).without(hidden))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_what_others_say_has_a_part_in_it(woken: Reconstructor, data: Unlabelled) -> None:
    one = woken(data.values)["expression"]
    silent = woken({name: torch.zeros_like(values) for name, values in data.values.items()})["expression"]
    assert not torch.allclose(one, silent)


def test_hidden_levels_are_found_better_than_by_the_mean(recovered: Any) -> None:
    told = recovered[2].figures.set_index(["assay", "hidden", "model"])["value"]
    figures = told.sort_index()
    assert figures["expression", "genes", "metarisk"] > 0.01
    assert figures["expression", "genes", "mean"] == 0.0
    assert {"ridge", "mean", "metarisk"} == set(figures["expression", "genes"].index)
    assert 0.5 < figures["mutation", "genes", "metarisk"] <= 1.0
    assert {"genes", "assay"} == set(figures.index.get_level_values("hidden"))


def test_neither_outcomes_nor_held_out_patients_are_learned_from(make: Any, recovered: Any) -> None:
    experiment, cohort, first = recovered
    test = holdout(cohort, experiment.evaluation.test_fraction, HOLDOUT_SALT).test_rows
    tables = {}
    for assay, table in cohort.assays.items():
        values = table.values.copy()
        values[test] = np.where(np.isnan(values[test]), np.nan, 1.0 - values[test])
        tables[assay] = replace(table, values=values)
    changed = replace(cohort, assays=tables, endpoints=cohort.endpoints.iloc[:, :0])
    again = pretrain_model(experiment, changed, make.topology, lambda _: None)
    assert all(
        torch.equal(again.pretrained.weights[name], value) for name, value in first.pretrained.weights.items()
    )
    assert not again.figures["value"].equals(first.figures["value"])


def test_the_weights_kept_are_those_of_the_best_epoch(make: Any) -> None:
    experiment = make.experiment(
        **{**QUICK, "pretraining": {**QUICK["pretraining"], "learning_rate": 0.2, "patience": 3}}
    )
    told: list[Any] = []
    pretrain_model(experiment, make.cohort(experiment), make.topology, told.append)
    best = [epoch.valid_loss for epoch in told if epoch.best][-1]
    assert best == pytest.approx(min(epoch.valid_loss for epoch in told), abs=1e-4)
    assert len(told) < 18
    assert not any(epoch.best for epoch in told[-3:])


def test_the_ridge_control_is_ridge_regression_on_the_partners() -> None:
    rng = np.random.default_rng(0)
    level = rng.normal(size=(300, 3)) @ rng.normal(size=(3, 10)) + 0.3 * rng.normal(size=(300, 10))
    weight = ridge_weights(torch.from_numpy(level[..., None]).float(), partners=4).numpy()
    alike = np.abs((level.T @ level) / np.sqrt(np.outer(*[np.square(level).sum(axis=0)] * 2)))
    for gene in range(10):
        alike[gene, gene] = -1
        partners = np.sort(np.argsort(alike[gene])[-4:])
        model = Ridge(alpha=RIDGE_PENALTY * 300, fit_intercept=False).fit(level[:, partners], level[:, gene])
        np.testing.assert_array_equal(np.flatnonzero(weight[:, gene]), partners)
        np.testing.assert_allclose(weight[partners, gene], model.coef_, rtol=1e-3, atol=1e-4)


def test_a_cohort_off_the_graph_cannot_be_pretrained_on(make: Any, small_topology: Any) -> None:
    experiment = make.experiment()
    cohort = make.cohort(experiment)
    tables = {
        assay: replace(table, genes=tuple(f"X{gene}" for gene in table.genes))
        for assay, table in cohort.assays.items()
    }
    unpruned = experiment.model_copy(
        update={"topology": experiment.topology.model_copy(update={"prune": False})}
    )
    with pytest.raises(ConfigError, match="measured is a gene of the topology"):
        pretrain_model(unpruned, replace(cohort, assays=tables), small_topology, lambda _: None)


def test_the_body_is_that_of_a_network_for_questions(ready: Any, recovered: Any) -> None:
    network = Network(ready.plan, ready.topology)
    assert network.graph is not None
    assert network.graph.genes is not None
    missing = set(network.graph.genes.state_dict()) - set(recovered[2].pretrained.weights)
    assert missing == {"encoders.copy_number.own", "encoders.copy_number.shared"}  # which it did not read
    assert set(recovered[2].pretrained.weights) < set(network.graph.genes.state_dict())
