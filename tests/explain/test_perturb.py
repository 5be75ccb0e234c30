"""Perturbations: what an intervention is, that the walk is the network's, and what the figures say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control
from sklearn.metrics import roc_auc_score

from metarisk.config import Experiment
from metarisk.errors import InputError, LimitError
from metarisk.explain.changes import Changer
from metarisk.explain.estimates import estimate
from metarisk.explain.interactions import MOST_PAIRS, pair_table, pairs_of
from metarisk.explain.interventions import STATES, Effect, after
from metarisk.explain.matched import GenePlaces, NullPlan
from metarisk.explain.perturbations import Library, Perturbation, pair_of
from metarisk.explain.screen import Moves, screen
from metarisk.explain.screen_table import screen_table
from metarisk.explain.standing import false_discovery, stands_out
from metarisk.features.batch import AssayInput, Batch
from metarisk.models.answers import probabilities
from metarisk.models.bundle import ModelBundle
from metarisk.models.fingerprint import TrainingIds
from metarisk.models.reference import NO_REFERENCE
from metarisk.nn.adapters import make_adapter
from metarisk.pathways.curated import curated_topology, therapies
from metarisk.pathways.topology import Topology
from metarisk.schema.assays import ASSAYS, Assay
from metarisk.simulate import simulate
from metarisk.train.members import TrainingSet, learn
from metarisk.train.tasks import learnable_layout

# Every part of the network that a change can pass: two steps, adapters, copies, a reading of the therapy.
DEEP = {
    "name": "deep",
    "simulation": {"samples": 160},
    "features": {"direct_genes": 20, "categorical": ["cancer_type", "therapy_class"]},
    "tasks": {"sites": ["bone"], "min_events": 5, "bins": 4},
    "network": {
        "width": 4,
        "readout": 2,
        "state_layers": 2,
        "direct_hidden": 8,
        "copies": 2,
        "therapy_width": 2,
    },
    "training": {"folds": 3, "epochs": 4, "learning_rate": 0.05, "batch_size": 32},
}


@pytest.fixture(scope="module")
def deep(small_topology: Topology) -> tuple[ModelBundle, Any]:
    """A small model with everything in it, and forty of its samples."""
    experiment = Experiment.model_validate(DEEP)
    assert experiment.simulation is not None
    cohort = simulate(experiment.simulation, small_topology, experiment.tasks, 3).cohort
    layout, _ = learnable_layout(cohort.endpoints, experiment.tasks)
    training_set = TrainingSet.of(cohort, small_topology, layout, experiment)
    learned = learn(training_set, small_topology, experiment, lambda epoch: None)
    for member in learned.ensemble.networks:  # what fine-tuning would have put there
        adapters = [make_adapter(4, 2) for _ in member.graph.genes.adapters]
        for adapter in adapters:
            adapter.up.data.normal_(std=0.3)
        member.graph.genes.adapters = torch.nn.ModuleList(adapters)
        member.graph.therapy.therapy.data.normal_(std=0.3)
    bundle = ModelBundle(
        experiment,
        small_topology,
        learned.transform,
        learned.ensemble,
        learned.calibration,
        TrainingIds.of([], "deep"),
        {},
        (),
        "",
        NO_REFERENCE,
    )
    return bundle, cohort.take(np.arange(40))


@pytest.fixture(scope="module")
def library(small_topology: Topology) -> Library:
    return Library(small_topology, frozenset(small_topology.genes))


def perturbed(bundle: ModelBundle, batch: Batch, perturbation: Perturbation) -> Batch:
    """The batch with the intervention written into its cells, for the whole network to read."""
    change = Changer(bundle.transform, batch).change(perturbation)
    assays = dict(batch.assays)
    for cell in change.cells:
        assay = Assay(cell.assay)
        values = assays[assay].values.copy()
        values[:, cell.columns] += cell.difference.numpy()
        assays[assay] = AssayInput(values, assays[assay].measured)
    flat = batch.flat.copy()
    flat[:, change.table.columns] += change.table.difference.numpy()
    return Batch(assays, flat)


def some_perturbations(library: Library) -> list[Perturbation]:
    genes = [library.named(gene, effect) for gene in ("G0A", "G3F") for effect in Effect]
    return [
        *genes,
        library.circuit("circuit_2", Effect.KNOCK_DOWN),
        library.circuit("circuit_1", Effect.ACTIVATE),
    ]


def test_a_walk_of_what_changes_gives_the_answers_of_the_whole_network(deep: Any, library: Library) -> None:
    bundle, cohort = deep
    chosen = some_perturbations(library)
    moves = screen(bundle, cohort, chosen)
    batch = bundle.transform.apply(cohort)
    for at, perturbation in enumerate(chosen):
        outputs = bundle.ensemble.answers(perturbed(bundle, batch, perturbation))["outputs"]
        whole = moves.reader.read(outputs)[0] - moves.baseline
        known = moves.measured[at] > 0
        assert np.abs(whole[:, known]).max() > 1e-3  # or there was nothing to compare
        np.testing.assert_allclose(moves.change[at][:, known], whole[:, known], atol=2e-6)


def test_the_answers_before_are_those_of_scoring(deep: Any, library: Library) -> None:
    bundle, cohort = deep
    moves = screen(bundle, cohort, some_perturbations(library)[:1])
    horizons = bundle.experiment.tasks.horizons_days
    scored = probabilities(bundle.ensemble, bundle.calibration, bundle.transform.apply(cohort), horizons)
    found = {answer.asked: answer.value for answer in scored}
    assert {question.endpoint for question in moves.reader.asked} == {"site.bone", "response", "metastasis"}
    assert "death" not in {question.cause for question in moves.reader.asked}  # it only competes
    for at, question in enumerate(moves.reader.asked):
        np.testing.assert_allclose(moves.baseline[at], found[question], atol=1e-6)


def test_blocks_and_chunks_do_not_show(deep: Any, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle, cohort = deep
    whole = screen(bundle, cohort, some_perturbations(library))
    monkeypatch.setattr("metarisk.explain.screen.SAMPLES_AT_A_TIME", 7)
    monkeypatch.setattr("metarisk.explain.screen.HELD", 1)
    monkeypatch.setattr("metarisk.explain.local_walk.MESSAGES", 1)
    parts = screen(bundle, cohort, some_perturbations(library))
    np.testing.assert_allclose(parts.change, whole.change, atol=1e-6)
    np.testing.assert_allclose(parts.fold_shift, whole.fold_shift, atol=1e-6)
    np.testing.assert_allclose(parts.graph_share, whole.graph_share, atol=1e-5)


def test_a_gene_that_was_not_measured_of_a_sample_says_nothing_of_it(deep: Any, library: Library) -> None:
    bundle, cohort = deep
    at = list(cohort.assays[Assay.MUTATION].genes).index("G0A")
    blind = {assay: replace(table, values=table.values.copy()) for assay, table in cohort.assays.items()}
    for table in blind.values():
        table.values[:5, at] = np.nan
    moves = screen(bundle, replace(cohort, assays=blind), [library.named("G0A", Effect.KNOCK_OUT)])
    assert np.isnan(moves.change[0][:, :5]).all()
    assert not moves.measured[0, :5].any()
    assert not np.isnan(moves.change[0][:, moves.measured[0] > 0]).any()


def test_the_share_of_the_graph_is_that_of_what_moved(deep: Any, library: Library) -> None:
    bundle, cohort = deep
    moves = screen(bundle, cohort, some_perturbations(library))
    assert ((moves.graph_share >= 0) & (moves.graph_share <= 1)).all()
    on_table = {column.gene for chosen in bundle.transform.direct.values() for column in chosen}
    off = next(gene for gene in library.topology.genes if gene not in on_table)
    np.testing.assert_array_equal(
        screen(bundle, cohort, [library.named(off, Effect.KNOCK_OUT)]).graph_share, 1.0
    )


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(sorted(STATES)),
    st.sampled_from(list(Effect)),
    st.lists(st.floats(-2, 2, width=32), min_size=1, max_size=5),
)
def test_an_intervention_never_moves_a_level_the_wrong_way(
    assay: Assay, effect: Effect, levels: list[float]
) -> None:
    channels = len(ASSAYS[assay].channels)
    before = np.repeat(np.array(levels, np.float32)[:, None], channels, axis=1)
    if channels > 1 or assay is Assay.FUSION:
        before = (before > 0).astype(np.float32)
    changed = after(assay, effect, before, hotspot=True)
    np.testing.assert_array_equal(after(assay, effect, changed, hotspot=True), changed)  # once is enough
    up = (effect is Effect.ACTIVATE) != (assay is Assay.METHYLATION)
    if channels == 1:
        assert (changed >= before).all() if up else (changed <= before).all()


def test_knocking_out_truncates_and_activating_hits_a_hotspot_only_where_training_knew_one() -> None:
    altered = np.array([[0, 1, 1, 1], [1, 0, 0, 0]], np.float32)
    told = {effect: after(Assay.MUTATION, effect, altered, hotspot=False).tolist() for effect in Effect}
    assert told[Effect.KNOCK_OUT] == [[1, 0, 0, 0]] * 2
    assert told[Effect.KNOCK_DOWN] == [[0, 0, 0, 0], [1, 0, 0, 0]]  # a loss stays
    assert told[Effect.ACTIVATE] == [[0, 1, 1, 1], [0, 1, 0, 0]]
    assert after(Assay.MUTATION, Effect.ACTIVATE, altered, hotspot=True)[1].tolist() == [0, 1, 0, 1]


def test_every_assay_of_genes_has_a_state_for_every_effect_and_no_other_has_one() -> None:
    assert set(STATES) == {assay for assay, spec in ASSAYS.items() if spec.level == "gene"}
    for assay, effects in STATES.items():
        assert set(effects) == set(Effect)
        assert {name for states in effects.values() for name in states} <= set(ASSAYS[assay].channels)


def test_turning_a_circuit_down_lowers_what_raises_it_and_raises_what_lowers_it(library: Library) -> None:
    down = dict(library.circuit("circuit_3", Effect.KNOCK_DOWN).targets)
    assert down["G3C"] is Effect.KNOCK_DOWN  # an activator of G3A
    assert down["G3B"] is Effect.ACTIVATE  # an inhibitor of it
    up = dict(library.circuit("circuit_3", Effect.ACTIVATE).targets)
    assert up["G3C"] is Effect.ACTIVATE
    assert up["G3B"] is Effect.KNOCK_DOWN


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("TAP11", r"no gene or circuit of the model is named 'TAP11'.*Did you mean 'TAP1'\?"),
        ("tap1", r"Did you mean 'TAP1'\?"),
        ("HER2", r"Its symbol today is ERBB2\."),
        ("family:plasticity", r"has no genes of its own.*Name one below it"),
    ],
)
def test_an_unknown_gene_is_refused_with_the_nearest_name(name: str, sentence: str) -> None:
    curated = Library(curated_topology(), frozenset())
    with pytest.raises(InputError, match=sentence):
        curated.named(name, Effect.KNOCK_OUT)


def test_a_class_of_drugs_lowers_its_targets_and_leaves_its_context_alone() -> None:
    curated = Library(curated_topology(), frozenset())
    parp = curated.therapy("parp_inhibitor")
    assert parp.targets == (("PARP1", Effect.KNOCK_DOWN), ("PARP2", Effect.KNOCK_DOWN))  # not BRCA1
    assert parp.source == "Lord2017"
    assert curated.therapy("Veliparib").targets == (("PARP1", Effect.KNOCK_DOWN),)
    assert set(dict(curated.therapy("pembrolizumab").targets)) == {"PDCD1"}
    assert {one.name for one in curated.therapy_screen()} == set(curated.classes)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("anti_vgf", r"no class of drugs is named 'anti_vgf'.*Did you mean 'anti_vegf'\?"),
        ("fap_targeted", r"is directed at FAP without lowering.*Those that do: .*anti_ctla4, "),
        (
            "cxcr4_antagonist",
            r"no target of cxcr4_antagonist \(CXCR4, CXCL12\) is a gene of the model.*: none",
        ),
    ],
)
def test_a_class_without_a_target_is_refused_and_those_that_have_one_are_named(
    name: str, sentence: str
) -> None:
    of = curated_topology() if name != "cxcr4_antagonist" else replace(curated_topology(), genes=NOBODY)
    with pytest.raises(InputError, match=sentence):
        Library(of, frozenset()).therapy(name)


NOBODY = tuple(f"X{at}" for at in range(curated_topology().n_genes))


def test_each_therapy_row_lowers_or_raises_or_only_names() -> None:
    assert {row.action for row in therapies()} <= {"inhibit", "activate", "context", "target"}


def test_an_interaction_is_the_pair_minus_both_alone(deep: Any, library: Library) -> None:
    bundle, cohort = deep
    singles = [library.named(gene, Effect.ACTIVATE) for gene in ("G0A", "G0C", "G4D")]
    every, trios = pairs_of(singles)
    assert [every[both].name for both, _, _ in trios] == ["G0A + G0C", "G0A + G4D", "G0C + G4D"]
    moves = screen(bundle, cohort, every)
    table = pair_table(moves, trios, every)
    alone = np.nan_to_num(moves.change)  # what was not measured adds nothing to the sum
    by_hand = [moves.change[both] - alone[one] - alone[two] for both, one, two in trios]
    mean = np.stack([np.nanmean(excess, axis=1) for excess in by_hand])
    np.testing.assert_allclose(table["change_interaction"], mean.ravel(), atol=1e-6)
    np.testing.assert_allclose(
        table["change_of_pair"] - table["change_of_sum"], table["change_interaction"], atol=1e-6
    )
    inside = table["log_odds_interaction"].between(
        table["log_odds_interaction_patients_lower"], table["log_odds_interaction_patients_upper"]
    )
    assert inside.mean() > 0.9


def test_pairs_that_contradict_each_other_or_are_too_many_are_refused(library: Library) -> None:
    up, down = (library.named("G0A", effect) for effect in (Effect.ACTIVATE, Effect.KNOCK_OUT))
    assert pair_of(up, down) is None
    with pytest.raises(InputError, match=r"2 perturbations make no pair"):
        pairs_of([up, down])
    many = [library.named(gene, Effect.ACTIVATE) for gene in library.topology.genes]
    with pytest.raises(LimitError, match=rf"3486 pairs; expected at most {MOST_PAIRS}"):
        pairs_of(many)


def test_changes_beyond_a_gigabyte_are_refused_before_anything_is_done(
    deep: Any, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metarisk.explain.screen.MOST", 2000)
    with pytest.raises(LimitError, match=r"expected at most \d+ samples for so many"):
        screen(*deep, some_perturbations(library))


def test_a_patient_with_two_samples_counts_once(deep: Any, library: Library) -> None:
    bundle, cohort = deep
    twice = cohort.take(np.array([0, 0, 0, 1]))
    once = cohort.take(np.array([0, 1]))
    one = [library.circuit("circuit_2", Effect.KNOCK_DOWN)]
    many, few = screen(bundle, twice, one), screen(bundle, once, one)
    np.testing.assert_allclose(many.mean(many.change), few.mean(few.change), atol=1e-6)
    np.testing.assert_allclose(many.fold_change, few.fold_change, atol=1e-6)


def made_moves(shift: np.ndarray, folds: np.ndarray, deep: Any) -> Moves:
    """Moves with made-up changes: shift (Q, A, N), folds (Q, K, A)."""
    bundle, cohort = deep
    like = screen(bundle, cohort, [Perturbation("gene", "G0A", "", (("G0A", Effect.KNOCK_OUT),))])
    shift = shift.astype(np.float32)
    measured = np.ones((len(shift), shift.shape[2]), np.int32)
    share = np.ones(shift.shape[:2])
    return replace(
        like,
        change=shift,
        shift=shift,
        fold_change=folds,
        fold_shift=folds,
        graph_share=share,
        measured=measured,
    )


def test_the_interval_over_the_fit_is_the_jackknife_of_scores(deep: Any) -> None:
    rng = np.random.default_rng(0)
    n_asked = len(made_asked(deep))
    shift, folds = rng.normal(size=(2, n_asked, 40)), rng.normal(size=(2, 3, n_asked))
    found = estimate(shift.astype(np.float32), folds, made_moves(shift, folds, deep))
    half = 4.302653 * np.sqrt((3 - 1) ** 2 / 3 * folds.var(axis=1, ddof=1))  # Student's t, 2 degrees
    np.testing.assert_allclose(found.fit_upper - found.value, half, rtol=1e-6)
    spread = shift.std(axis=2, ddof=1) / np.sqrt(40) * 1.96
    np.testing.assert_allclose(found.patients_upper - found.patients_lower, 2 * spread, rtol=0.25)


def test_under_the_null_few_genes_stand_out_and_a_strong_one_does(deep: Any) -> None:
    rng = np.random.default_rng(1)
    genes, n_asked = 400, len(made_asked(deep))
    own = rng.normal(size=(genes, 1, n_asked))  # what each gene does, of one distribution
    own[7] = 12.0
    folds = own + 0.05 * rng.normal(size=(genes, 3, n_asked))
    shift = own.transpose(0, 2, 1) + 0.2 * rng.normal(size=(genes, n_asked, 40))
    nulls = tuple(np.setdiff1d(rng.choice(genes, 51, replace=False), [at])[:50] for at in range(genes))
    asked = tuple(Perturbation("gene", f"G{at}", "", ()) for at in range(genes))
    out = stands_out(made_moves(shift, folds, deep), NullPlan(asked, nulls))
    others = np.delete(out.p, 7, axis=0)
    assert 0.02 < (others < 0.05).mean() < 0.08
    assert (false_discovery(out.p)[7] < 0.05).all()
    assert (false_discovery(others) < 0.05).sum() <= 3


def made_asked(deep: Any) -> tuple[Any, ...]:
    from metarisk.explain.answers_read import AnswerReader

    return AnswerReader(deep[0]).asked


def test_an_effect_on_which_the_folds_disagree_does_not_stand_out(deep: Any) -> None:
    rng = np.random.default_rng(2)
    n_asked = len(made_asked(deep))
    own = 0.1 * rng.normal(size=(60, 1, n_asked))
    own[0] = 5.0
    folds = np.repeat(own, 3, axis=1)
    folds[0] = np.array([20.0, -10.0, 5.0])[:, None]
    shift = np.repeat(own.transpose(0, 2, 1), 40, axis=2)
    plan = NullPlan((Perturbation("gene", "G", "", ()),), (np.arange(1, 51),))
    out = stands_out(made_moves(shift, folds, deep), plan)
    assert (out.z > 10).all()
    assert (out.p > 0.1).all()


def test_q_values_are_those_of_scipy() -> None:
    p = np.random.default_rng(3).uniform(size=(50, 2)) ** 2
    for column in range(2):
        np.testing.assert_allclose(false_discovery(p)[:, column], false_discovery_control(p[:, column]))
    p[4] = np.nan
    assert np.isnan(false_discovery(p)[4]).all()
    np.testing.assert_allclose(
        np.delete(false_discovery(p), 4, axis=0)[:, 0], false_discovery_control(np.delete(p, 4, axis=0)[:, 0])
    )


def test_matched_genes_are_measured_alike_and_nearest_in_degree(deep: Any, small_topology: Topology) -> None:
    bundle, cohort = deep
    places = GenePlaces.of(bundle.transform, bundle.transform.apply(cohort), small_topology)
    alike = places.matched("G0A", 6)
    assert "G0A" not in alike
    hubs = {f"G{circuit}A" for circuit in range(1, 6)}
    at = {gene: places.genes.index(gene) for gene in (*alike, "G0A")}
    assert all(places.doors[at[gene]] == places.doors[at["G0A"]] for gene in alike)
    doors = {gene for gene in hubs if places.doors[places.genes.index(gene)] == places.doors[at["G0A"]]}
    assert set(alike[: len(doors)]) == doors  # the other hubs come first


def test_a_screen_tells_every_gene_and_answer_once_and_abstains_in_words(deep: Any, library: Library) -> None:
    bundle, cohort = deep
    without = {assay: table for assay, table in cohort.assays.items() if assay is not Assay.EXPRESSION}
    asked = [library.named(gene, Effect.KNOCK_OUT) for gene in library.topology.genes]
    asked.append(Perturbation("gene", "NOBODY", "", (("NOBODY", Effect.KNOCK_OUT),)))
    blind = replace(cohort, assays=without)
    places = GenePlaces.of(bundle.transform, bundle.transform.apply(blind), library.topology)
    plan = NullPlan.of(asked, places)
    table = screen_table(screen(bundle, blind, plan.perturbations), plan, bundle.transform)
    assert len(table) == len(asked) * len(made_asked(deep))
    silent = table[table["perturbation"] == "NOBODY"]
    assert silent["note"].eq("abstains: no assay of the model reads NOBODY").all()
    assert silent[["change", "p", "q", "rank"]].isna().all(axis=None)
    told = table[table["perturbation"] != "NOBODY"]
    tested = told.dropna(subset="p")
    assert len(tested) > 0.8 * len(told)  # genes with fewer like them have no p
    assert tested["q"].ge(tested["p"]).all()
    for _, own in told.groupby(["endpoint", "horizon_days"], dropna=False):
        assert own["rank"].min() == 1
        assert (
            own.loc[own["rank"] == 1, "log_odds_change"].abs().iloc[0] == own["log_odds_change"].abs().max()
        )


def test_samples_that_the_model_does_not_answer_are_left_out_and_counted(deep: Any, library: Library) -> None:
    bundle, cohort = deep
    strange = cohort.clinical.assign(cancer_type=["NEVER", *cohort.clinical["cancer_type"][1:]])
    moves = screen(bundle, replace(cohort, clinical=strange), some_perturbations(library)[:1])
    assert len(moves.cohort) == len(cohort) - 1
    assert moves.left_out == {"abstained:never-met:cancer_type": 1}
    nobody = replace(cohort, clinical=cohort.clinical.assign(cancer_type="NEVER"))
    with pytest.raises(InputError, match=r"the model answers none of the 40 samples \(abstained:never-met"):
        screen(bundle, nobody, some_perturbations(library)[:1])


def test_planted_genes_stand_above_the_others_and_move_the_true_way(
    easy: Any, small_topology: Topology, library: Library
) -> None:
    trained, drawn = easy
    cohort = trained.test.take(np.arange(60))
    chosen = [library.named(gene, Effect.KNOCK_OUT) for gene in small_topology.genes]
    moves = screen(trained.bundle, cohort, chosen)
    shift = moves.mean(moves.shift)
    for circuit in drawn.planted:
        at = next(at for at, asked in enumerate(moves.reader.asked) if asked.endpoint == circuit.endpoint)
        true = circuit.effect != 0
        effect = -circuit.effect if circuit.endpoint == "response" else circuit.effect
        assert roc_auc_score(true, np.abs(shift[:, at])) > 0.9
        assert (np.sign(shift[true, at]) == -np.sign(effect[true])).mean() > 0.9
