from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from metarisk.config import Experiment
from metarisk.explain import GeneAttribution, gene_attribution
from metarisk.explain.genes import at_the_mean
from metarisk.explain.pathways import output_columns
from metarisk.models.ensemble import Ensemble, tensors
from metarisk.models.network import NetworkPlan
from metarisk.pathways.topology import Topology
from metarisk.schema.assays import ASSAYS, Assay
from metarisk.simulate import simulate
from metarisk.train.members import TrainingSet, learn
from metarisk.train.tasks import learnable_layout

LOWERS = {(Assay.MUTATION, "truncating"): -1.0}
# Both paths curved: tanh in the graph, a small MLP beside it, and clinical numbers in bins.
CURVED = {
    "name": "curved",
    "simulation": {"samples": 200},
    "features": {"direct_genes": 20, "categorical": ["cancer_type"]},
    "tasks": {"sites": ["bone"], "min_events": 5, "bins": 4},
    "network": {"width": 4, "readout": 2, "direct_hidden": 8, "state_layers": 1},
    "training": {"folds": 2, "epochs": 6, "learning_rate": 0.03, "batch_size": 32},
}


@pytest.fixture(scope="module")
def curved(small_topology: Topology) -> Any:
    experiment = Experiment.model_validate(CURVED)
    assert experiment.simulation is not None
    cohort = simulate(experiment.simulation, small_topology, experiment.tasks, 2).cohort
    layout, _ = learnable_layout(cohort.endpoints, experiment.tasks)
    training_set = TrainingSet.of(cohort, small_topology, layout, experiment)
    learned = learn(training_set, small_topology, experiment, lambda epoch: None)
    return learned, training_set.batch.take(np.arange(40))


@pytest.fixture(scope="module")
def found(curved: Any) -> GeneAttribution:
    learned, batch = curved
    return gene_attribution(learned.ensemble, learned.transform, batch)


def test_what_the_genes_add_sums_to_the_difference_from_nothing_measured(curved: Any, found: Any) -> None:
    learned, batch = curved
    columns = list(output_columns(learned.ensemble.plan.layout).values())
    whole = learned.ensemble.answers(batch)["outputs"].mean(axis=0)[:, columns]
    nothing = learned.ensemble.answers(batch, frozenset(batch.assays))["outputs"].mean(axis=0)[:, columns]
    assert found.endpoints == ("site.bone", "response", "metastasis")
    np.testing.assert_allclose(found.difference, (whole - nothing).T, atol=1e-5)
    assert np.abs(found.difference).max() > 0.1  # or there was nothing to share out
    assert found.gap < 1e-3


def slow_integral(member: Any, batch: Any, start: Any, column: int, steps: int = 60) -> list[Any]:
    """Midpoint rule for one sample and one output: one array an assay, then one for the table."""
    assays, flat = tensors(batch, torch.device("cpu"))
    way = [*assays.values(), torch.nan_to_num(flat - start)]
    total = [torch.zeros_like(values) for values in way]
    for step in range(steps):
        here = [((step + 0.5) / steps * values).requires_grad_() for values in way]
        output = member(dict(zip(assays, here[:-1], strict=True)), start + here[-1]).outputs[0, column]
        for place, gradient in enumerate(torch.autograd.grad(output, here)):
            total[place] += gradient * way[place] / steps
    return [values[0].numpy() for values in total]


def slow_shares(learned: Any, batch: Any, column: int) -> dict[str, np.ndarray]:
    """Shares of one sample in one output, the table's put on genes by the names of its columns."""
    flat = torch.from_numpy(batch.flat)
    start = flat.clone()
    for place, group in enumerate(learned.ensemble.plan.groups):
        if group in set(Assay) and not torch.isnan(flat[0, place]):
            start[0, place] = float(learned.ensemble.plan.centre[place])
    each = [slow_integral(member, batch, start, column) for member in learned.ensemble.networks]
    *cells, table = [np.mean(parts, axis=0) for parts in zip(*each, strict=True)]
    shares = {assay.value: values for assay, values in zip(batch.assays, cells, strict=True)}
    for value, known in zip(table, learned.transform.columns, strict=True):
        kind, _, gene = known.name.partition(":")
        name, _, channel = kind.partition(".")
        if gene:
            at = learned.transform.scales[Assay(name)].genes.index(gene)
            shares[name][at, ASSAYS[Assay(name)].channels.index(channel) if channel else 0] += value
        else:
            assert value == 0.0  # what is clinical stays as it is
    return shares


def test_shares_equal_those_of_a_slow_integral_cell_by_cell(curved: Any, found: Any) -> None:
    learned, batch = curved
    row = int(np.flatnonzero(batch.assays[Assay.EXPRESSION].measured.any(axis=1))[0])
    columns = output_columns(learned.ensemble.plan.layout).values()
    for answer, column in enumerate(columns):
        slow = slow_shares(learned, batch.take(np.array([row])), column)
        for assay, shares in found.cells.items():
            np.testing.assert_allclose(shares[answer, row], slow[assay.value], atol=1e-4)
            assert np.abs(shares[answer, row]).max() > 1e-3 or not slow[assay.value].any()


def test_what_was_not_measured_adds_nothing(curved: Any, found: Any) -> None:
    _, batch = curved
    for assay, shares in found.cells.items():
        measured = batch.assays[assay].measured
        assert not measured.all()
        assert not shares[:, ~measured].any()


def test_chunks_of_samples_do_not_show(curved: Any, found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    learned, batch = curved
    monkeypatch.setattr("metarisk.explain.genes.SAMPLES_AT_A_TIME", 7)
    chunked = gene_attribution(learned.ensemble, learned.transform, batch)
    for assay, shares in found.cells.items():
        np.testing.assert_allclose(chunked.cells[assay], shares, atol=1e-6)


def test_the_attribution_of_an_ensemble_is_the_mean_of_its_members(curved: Any, found: Any) -> None:
    learned, batch = curved
    plan, topology = learned.ensemble.plan, learned.ensemble.topology
    each = [
        gene_attribution(Ensemble(plan, topology, [member]), learned.transform, batch)
        for member in learned.ensemble.networks
    ]
    for assay, shares in found.cells.items():
        np.testing.assert_allclose(np.mean([one.cells[assay] for one in each], axis=0), shares, atol=1e-6)


def test_planted_genes_stand_above_the_others_and_pull_the_way_they_were_planted(
    easy: Any, small_topology: Topology
) -> None:
    trained, drawn = easy
    bundle, genes = trained.bundle, small_topology.genes
    found = gene_attribution(bundle.ensemble, bundle.transform, bundle.transform.apply(trained.test))
    importance, pull = found.importance(genes), found.pull(genes, LOWERS)
    for circuit in drawn.planted:
        at, true = found.endpoints.index(circuit.endpoint), circuit.effect != 0
        effect = -circuit.effect if circuit.endpoint == "response" else circuit.effect
        assert roc_auc_score(true, importance[at]) > 0.9
        assert (np.sign(pull[at][true]) == np.sign(effect[true])).mean() > 0.9


def test_importance_and_pull_add_the_assays_of_a_gene() -> None:
    cells = {
        Assay.EXPRESSION: np.array([[[[1.0], [2.0]], [[-3.0], [0.5]]]], np.float32),  # Q 1, N 2, Ga 2, C 1
        Assay.FUSION: np.array([[[[-0.5]], [[1.0]]]], np.float32),
    }
    values = {
        Assay.EXPRESSION: np.array([[[1.0], [-1.0]], [[-2.0], [1.0]]], np.float32),
        Assay.FUSION: np.array([[[1.0]], [[1.0]]], np.float32),
    }
    names = {Assay.EXPRESSION: ("A", "B"), Assay.FUSION: ("B",)}
    found = GeneAttribution(("os",), names, cells, values, np.array([[2.5, -1.5]]))
    assert found.gap == 0.0
    assert found.importance(["B", "A", "Z"]).tolist() == [[1.5, 2.0, 0.0]]
    assert found.pull(["B", "A", "Z"]).tolist() == [[(-2.0 - 0.5 + 0.5 + 1.0) / 2, 2.0, 0.0]]
    turned = found.pull(["B"], {(Assay.FUSION, "present"): -1.0})
    assert turned.tolist() == [[(-2.0 + 0.5 + 0.5 - 1.0) / 2]]
    assert replace(found, difference=np.array([[2.5, -1.0]])).gap == pytest.approx(0.5)


def test_a_model_without_a_flat_table_starts_from_none() -> None:
    empty = SimpleNamespace(groups=(), centre=np.empty(0, np.float32))
    assert at_the_mean(torch.empty(3, 0), cast("NetworkPlan", empty)).shape == (3, 0)
