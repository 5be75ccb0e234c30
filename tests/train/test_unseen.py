from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from metarisk.config.benchmark import PanelStep
from metarisk.config.experiment import Experiment
from metarisk.data.cohort import AssayTable, Cohort
from metarisk.data.split import Split
from metarisk.errors import ConfigError
from metarisk.pathways.topology import Topology
from metarisk.schema.assays import Assay
from metarisk.simulate import simulate
from metarisk.train.crossvalidate import Round
from metarisk.train.figures import EVER, Question
from metarisk.train.unseen import (
    BOTH,
    LEARNED,
    UNSEEN,
    Hiding,
    hide_newer,
    hide_share,
    only_genes,
    unseen_round,
    without_genes,
)

N, TRAINED = 600, 350
BONE = Question("site.bone", EVER)
SETTINGS: dict[str, Any] = {
    "name": "unseen",
    "seed": 5,
    "simulation": {"samples": N, "signal": 4.0},
    "features": {"assays": ["mutation", "expression"], "numeric": [], "categorical": [], "direct_genes": 30},
    "tasks": {"sites": ["bone"], "binary": ["metastatic"], "timed": [], "min_events": 5},
    "network": {"width": 4, "readout": 2, "state_layers": 0, "direct_hidden": 0},
    "training": {"folds": 2, "epochs": 25, "patience": 6, "learning_rate": 0.02},
}
SPLIT = Split(np.arange(TRAINED), np.arange(TRAINED, N))


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    return Experiment.model_validate(SETTINGS)


@pytest.fixture(scope="module")
def cohort(experiment: Experiment, small_topology: Topology) -> Cohort:
    assert experiment.simulation is not None
    return simulate(experiment.simulation, small_topology, experiment.tasks, experiment.seed).cohort


@pytest.fixture(scope="module")
def hiding(experiment: Experiment, cohort: Cohort, small_topology: Topology) -> Hiding:
    return hide_share(cohort, small_topology, experiment.features, 0.5, 1)


@pytest.fixture(scope="module")
def round_(experiment: Experiment, cohort: Cohort, small_topology: Topology, hiding: Hiding) -> Round:
    return unseen_round(cohort, small_topology, experiment, SPLIT, hiding)


def test_a_smaller_share_is_within_a_larger_one_and_every_hidden_gene_is_measured_and_on_the_graph(
    experiment: Experiment, cohort: Cohort, small_topology: Topology
) -> None:
    few, many, other = (
        hide_share(cohort, small_topology, experiment.features, share, seed).genes
        for share, seed in ((0.3, 1), (0.7, 1), (0.7, 2))
    )
    assert few < many
    assert many != other
    assert many < set(small_topology.genes)
    assert len(many) == round(0.7 * len(small_topology.genes))


def test_nothing_that_is_learned_from_knows_a_hidden_gene(
    experiment: Experiment, cohort: Cohort, small_topology: Topology, hiding: Hiding, round_: Round
) -> None:
    """Hidden values of the training patients are replaced by others: features and direct columns stay."""
    training_set = round_.prepared.training_set
    for assay, entry in training_set.batch.assays.items():
        hidden = np.isin(training_set.transform.scales[assay].genes, list(hiding.genes))
        assert hidden.any()
        assert not entry.measured[:, hidden].any()
        assert (entry.values[:, hidden] == 0).all()
    assert not any(column.name.partition(":")[2] in hiding.genes for column in training_set.transform.columns)
    poisoned = _poisoned(cohort, hiding.genes, rows=SPLIT.train_rows)
    again = unseen_round(poisoned, small_topology, experiment, SPLIT, hiding).prepared.training_set
    np.testing.assert_array_equal(again.batch.flat, training_set.batch.flat)
    for assay, entry in training_set.batch.assays.items():
        np.testing.assert_array_equal(again.batch.assays[assay].values, entry.values)


def test_held_out_patients_are_asked_three_times(cohort: Cohort, hiding: Hiding, round_: Round) -> None:
    test = cohort.take(SPLIT.test_rows)
    assert round_.scored_on is not None
    told = dict.fromkeys(round_.scored_on.tolist())
    assert list(told) == [UNSEEN, LEARNED, BOTH]
    asked = {way: round_.test.take(round_.scored_on == way) for way in told}
    for assay, table in test.assays.items():
        genes = np.isin(table.genes, list(hiding.genes))
        for way, kept in ((UNSEEN, genes), (LEARNED, ~genes), (BOTH, genes | ~genes)):
            values = asked[way].assays[assay].values
            np.testing.assert_array_equal(values[:, kept], table.values[:, kept])
            assert np.isnan(values[:, ~kept]).all()
    assert all(list(part.sample_ids) == list(test.sample_ids) for part in asked.values())


@pytest.mark.parametrize("model", ["no_graph", "linear", "boosting"])
def test_a_model_without_a_graph_says_the_same_of_all_whose_genes_it_never_saw(
    round_: Round, model: str
) -> None:
    """Where expression was measured, further genes move the ranks of the others, so only mutations tell."""
    answers = round_.answers(model, lambda epoch: None)
    rows = (round_.test.assays[Assay.EXPRESSION].units == "")[round_.scored_on == BOTH]
    for answer in answers.values():
        assert np.ptp(answer[round_.scored_on == UNSEEN]) < 1e-6
        learned, both = (answer[round_.scored_on == way][rows] for way in (LEARNED, BOTH))
        np.testing.assert_allclose(learned, both, atol=1e-6)
    assert np.ptp(answers[BONE][round_.scored_on == LEARNED]) > 0.05


def test_over_the_real_topology_a_planted_circuit_is_read_in_genes_that_were_never_seen(
    cohort: Cohort, round_: Round
) -> None:
    """Which gene is a brake and which an accelerator is in the edges: over others the same fit is worse."""
    real, other = (_auroc(cohort, round_, model, UNSEEN) for model in ("metarisk", "rewired"))
    assert real > 0.65
    assert real > other + 0.1


def test_a_newer_panel_is_asked_with_the_genes_that_only_it_has(
    experiment: Experiment, cohort: Cohort, small_topology: Topology
) -> None:
    mutation = cohort.assays[Assay.MUTATION]
    values = mutation.values.copy()
    names = np.array(["OLD", "NEW"], dtype=object)[np.arange(N) % 2]
    values[names == "OLD", 60:] = np.nan
    told = replace(
        cohort,
        clinical=cohort.clinical.assign(panel=names),
        assays={Assay.MUTATION: replace(mutation, values=values)},
    )
    step = PanelStep(learned="OLD", asked="NEW")
    hiding = hide_newer(told, experiment.features, step)
    assert hiding.genes == set(mutation.genes[60:])
    round_ = unseen_round(told, small_topology, experiment, SPLIT, hiding)
    assert set(round_.prepared.training_set.cohort.clinical["panel"]) == {"OLD"}
    assert set(round_.test.clinical["panel"]) == {"NEW"}
    read = set(round_.prepared.training_set.transform.scales[Assay.MUTATION].genes)
    assert hiding.genes <= read
    with pytest.raises(
        ConfigError, match="'OLDER', which no sample was sequenced on; expected among NEW, OLD"
    ):
        hide_newer(told, experiment.features, PanelStep(learned="OLDER", asked="NEW"))
    with pytest.raises(ConfigError, match="OLD measures no gene that NEW does not"):
        hide_newer(told, experiment.features, PanelStep(learned="NEW", asked="OLD"))


def test_what_is_not_told_of_a_sample_is_unmeasured_in_every_assay(cohort: Cohort) -> None:
    genes = frozenset(cohort.assays[Assay.EXPRESSION].genes[:5])
    for table in without_genes(cohort, genes).assays.values():
        assert not table.measured[:, :5].any()
    for assay, table in only_genes(cohort, genes).assays.items():
        assert not table.measured[:, 5:].any()
        np.testing.assert_array_equal(table.measured[:, :5], cohort.assays[assay].measured[:, :5])


def _auroc(cohort: Cohort, round_: Round, model: str, way: str) -> float:
    label = cohort.endpoints[BONE.endpoint].to_numpy()[SPLIT.test_rows]
    known = ~np.isnan(label)
    answer = round_.answers(model, lambda epoch: None)[BONE][round_.scored_on == way]
    return float(roc_auc_score(label[known], answer[known]))


def _poisoned(cohort: Cohort, genes: frozenset[str], rows: np.ndarray) -> Cohort:
    def poison(table: AssayTable) -> AssayTable:
        values = table.values.copy()
        hidden = np.flatnonzero(np.isin(table.genes, list(genes)))
        here = np.ix_(rows, hidden)
        values[here] = np.where(np.isnan(values[here]), np.nan, 1.0)
        return replace(table, values=values)

    return replace(cohort, assays={assay: poison(table) for assay, table in cohort.assays.items()})
