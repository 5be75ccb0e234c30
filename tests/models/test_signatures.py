"""Signatures that are pathways of the topology enter at those pathways."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from metarisk.config import Experiment
from metarisk.data.cohort import AssayTable, Cohort
from metarisk.explain.pathways import pathway_importance
from metarisk.models.bundle import ModelBundle, load_bundle, save_bundle
from metarisk.models.ensemble import tensors
from metarisk.models.fingerprint import TrainingIds
from metarisk.models.network import Network
from metarisk.models.scoring import score_cohort
from metarisk.pathways.topology import Topology
from metarisk.schema.assays import Assay
from metarisk.simulate import simulate
from metarisk.tracking.signature import signature_of
from metarisk.train.members import TrainingSet, learn, reference_of
from metarisk.train.tasks import learnable_layout

CARRIER = "circuit_2"
NAMES = ("circuit_5", CARRIER, "of no circuit", "circuit_0", "family")
EXPERIMENT = Experiment.model_validate(
    {
        "name": "signatures",
        "simulation": {"samples": 600, "signal": 0.0},
        "features": {"direct_genes": 0, "min_alterations": 600, "numeric": ["age_years"], "categorical": []},
        "tasks": {"sites": ["bone"], "timed": [], "min_events": 5},
        "network": {"width": 4, "readout": 2, "direct_hidden": 0, "dropout": 0.0},
        "training": {
            "folds": 2,
            "epochs": 15,
            "patience": 5,
            "batch_size": 32,
            "learning_rate": 0.02,
            "graph_prior": 2.0,  # the truth is as strong as this prior allows
        },
    }
)


@dataclass(frozen=True)
class Signed:
    """A model whose response follows one pathway's signature, and patients that it has not seen."""

    bundle: ModelBundle
    new_samples: Cohort


@pytest.fixture(scope="module")
def signed(small_topology: Topology) -> Signed:
    cohort = with_signatures(small_topology)
    training, new_samples = cohort.take(np.arange(300)), cohort.take(np.arange(300, 600))
    layout, _ = learnable_layout(training.endpoints, EXPERIMENT.tasks)
    training_set = TrainingSet.of(training, small_topology, layout, EXPERIMENT)
    learned = learn(training_set, small_topology, EXPERIMENT, lambda _: None)
    bundle = ModelBundle(
        EXPERIMENT,
        small_topology,
        learned.transform,
        learned.ensemble,
        learned.calibration,
        TrainingIds.of(training.patient_ids, "signatures"),
        provenance={},
        figures=(),
        card="",
        reference=reference_of(training_set, learned, EXPERIMENT),
    )
    return Signed(bundle, new_samples)


def with_signatures(topology: Topology) -> Cohort:
    """Simulated patients whose response follows the score of `CARRIER`; a fifth have no scores at all."""
    assert EXPERIMENT.simulation is not None
    cohort = simulate(EXPERIMENT.simulation, topology, EXPERIMENT.tasks, 0).cohort
    rng = np.random.default_rng(1)
    scores = rng.normal(2.0, 3.0, (len(cohort), len(NAMES), 1)).astype(np.float32)
    standard = (scores[:, NAMES.index(CARRIER), 0] - 2.0) / 3.0
    response = (rng.random(len(cohort)) < expit(2.0 * standard)).astype(float)
    unmeasured = rng.random(len(cohort)) < 0.2
    scores[unmeasured] = np.nan
    units = np.where(unmeasured, "", "score")
    table = AssayTable(Assay.SIGNATURE, cohort.sample_ids, NAMES, scores, units)
    endpoints = cohort.endpoints.assign(response=response)
    return replace(cohort, assays={**cohort.assays, Assay.SIGNATURE: table}, endpoints=endpoints)


def graph_auroc(signed: Signed, cohort: Cohort) -> float:
    """AUROC for response of what came through the graph, among samples with signatures."""
    batch = signed.bundle.transform.apply(cohort)
    column = signed.bundle.ensemble.plan.layout.binary.index("response")
    graph = signed.bundle.ensemble.answers(batch)["graph"].mean(axis=0)[:, column]
    has = has_signatures(cohort)
    return float(roc_auc_score(cohort.endpoints["response"][has], graph[has]))


def has_signatures(cohort: Cohort) -> NDArray[np.bool_]:
    return np.asarray(cohort.assays[Assay.SIGNATURE].measured.any(axis=1))


def renamed(cohort: Cohort, names: tuple[str, ...]) -> Cohort:
    """The same scores under other names."""
    table = replace(cohort.assays[Assay.SIGNATURE], genes=names)
    return replace(cohort, assays={**cohort.assays, Assay.SIGNATURE: table})


def inputs(signed: Signed, samples: int = 5) -> dict[str, torch.Tensor]:
    batch = signed.bundle.transform.apply(signed.new_samples.take(np.arange(samples)))
    return tensors(batch, torch.device("cpu"))[0]


def test_a_pathways_state_is_its_genes_and_its_own_score(signed: Signed) -> None:
    graph, assays = signed.bundle.ensemble.networks[0].graph, inputs(signed)
    assert graph is not None
    assert graph.genes is not None
    assert graph.signatures is not None
    expected = graph.genes(assays)
    part = graph.signatures
    encoder: Any = part.encoders["signature"]
    columns = signed.bundle.transform.scales[Assay.SIGNATURE].genes
    for at, name in enumerate(columns):
        pathway = signed.bundle.topology.pathway_index[name]
        for sample, value in enumerate(assays["signature"][:, at, 0]):
            effect = encoder.shared[0] + encoder.own[0] * part.identity[pathway]
            expected[pathway, sample] = expected[pathway, sample] + value * effect
    torch.testing.assert_close(graph.pathway_states(assays), expected, atol=1e-5, rtol=1e-5)


def test_a_signature_at_a_pathway_is_learned_through_the_graph(signed: Signed) -> None:
    assert not [column for column in signed.bundle.transform.columns if column.group == "signature"]
    assert graph_auroc(signed, signed.new_samples) > 0.8


def test_the_explanation_names_the_pathway_that_carries_the_truth(signed: Signed) -> None:
    assert pathway_importance(signed.bundle, signed.new_samples)["response"].idxmax() == CARRIER


def test_the_same_scores_under_other_names_say_nothing(signed: Signed) -> None:
    assert CARRIER in NAMES
    for turn in range(1, len(NAMES)):
        moved = renamed(signed.new_samples, (*NAMES[turn:], *NAMES[:turn]))
        assert graph_auroc(signed, moved) == pytest.approx(0.5, abs=0.12)


def test_the_order_of_signatures_and_unknown_names_change_nothing(signed: Signed) -> None:
    table = signed.new_samples.assays[Assay.SIGNATURE]
    order = [4, 1, 0, 3, 2]
    names = tuple("never seen" if at == 2 else NAMES[at] for at in order)
    moved = replace(table, genes=names, values=table.values[:, order])
    found = replace(signed.new_samples, assays={**signed.new_samples.assays, Assay.SIGNATURE: moved})
    pd.testing.assert_frame_equal(
        score_cohort(signed.bundle, found), score_cohort(signed.bundle, signed.new_samples)
    )


def test_an_absent_signature_is_a_signature_without_values(signed: Signed) -> None:
    cohort = signed.new_samples.take(np.arange(20))
    table = cohort.assays[Assay.SIGNATURE]
    masked = replace(table, values=np.full_like(table.values, np.nan))
    bare = {name: entry for name, entry in cohort.assays.items() if name is not Assay.SIGNATURE}
    absent = score_cohort(signed.bundle, replace(cohort, assays=bare))
    pd.testing.assert_frame_equal(
        absent, score_cohort(signed.bundle, replace(cohort, assays={**bare, Assay.SIGNATURE: masked}))
    )
    assert absent["flags"].str.contains("missing:signature").all()
    whole = score_cohort(signed.bundle, cohort)
    asked = whole["task"] == "response"
    absent, whole = absent[asked], whole[asked]
    changed = absent["probability"] != whole["probability"]
    assert (changed == ~whole["flags"].str.contains("missing:signature")).all()
    assert (changed.to_numpy() == has_signatures(cohort)).all()


def test_lacking_the_signature_widens_the_intervals_of_what_it_answers(signed: Signed) -> None:
    spread = signed.bundle.calibration.missing_spread[Assay.SIGNATURE]
    bone, response = (signed.bundle.ensemble.plan.layout.binary.index(x) for x in ("site.bone", "response"))
    assert spread[response] > 0.5  # log odds; the score's own effect has a deviation of 2
    assert spread[response] > 2 * spread[bone]


def test_half_of_the_signatures_are_flagged_as_partial(signed: Signed) -> None:
    cohort = signed.new_samples.take(np.flatnonzero(has_signatures(signed.new_samples))[:4])
    table = cohort.assays[Assay.SIGNATURE]
    values = table.values.copy()
    values[1, NAMES.index("circuit_0") :] = np.nan
    values[1, 0] = np.nan
    changed = replace(cohort, assays={**cohort.assays, Assay.SIGNATURE: replace(table, values=values)})
    flagged = score_cohort(signed.bundle, changed).groupby("sample_id", sort=False)["flags"].first()
    assert flagged.str.contains("partial:signature").tolist() == [False, True, False, False]


def test_scores_in_a_unit_that_training_never_saw_are_missing_and_said_to_be(signed: Signed) -> None:
    transform = signed.bundle.transform
    scale = transform.scales[Assay.SIGNATURE]
    unfitted = replace(scale, centre=np.full_like(scale.centre, np.nan))
    only_z = replace(transform, scales={**transform.scales, Assay.SIGNATURE: unfitted})
    bundle = replace(signed.bundle, transform=only_z)
    flags = score_cohort(bundle, signed.new_samples).groupby("sample_id", sort=False)["flags"].first()
    assert flags.str.contains("missing:signature").all()
    assert (flags.str.contains("unit:signature").to_numpy() == has_signatures(signed.new_samples)).all()
    assert not score_cohort(signed.bundle, signed.new_samples)["flags"].str.contains("unit:").any()


def test_a_bundle_with_signatures_scores_the_same_after_it_was_read_back(
    signed: Signed, tmp_path: Path
) -> None:
    save_bundle(signed.bundle, tmp_path / "bundle")
    loaded = load_bundle(tmp_path / "bundle")
    own = ["model_version", "bundle_sha256"]
    before, after = (score_cohort(bundle, signed.new_samples) for bundle in (signed.bundle, loaded))
    pd.testing.assert_frame_equal(before.drop(columns=own), after.drop(columns=own), check_exact=True)


def test_the_registered_signature_names_the_assay_of_pathways_and_the_numbers_read(signed: Signed) -> None:
    transform = replace(signed.bundle.transform, numeric=("age_years", "ctdna_fraction", "extra.ldh"))
    names = signature_of(transform).inputs.input_names()
    assert {"signature", "signature_unit", "ctdna_fraction", "extra.ldh"} <= set(names)
    assert not any(name.startswith("circuit") for name in names)


def test_a_network_of_signatures_alone_has_no_gene_states(signed: Signed) -> None:
    plan = signed.bundle.ensemble.plan
    alone = replace(plan, assay_nodes={Assay.SIGNATURE: plan.assay_nodes[Assay.SIGNATURE]})
    network = Network(alone, signed.bundle.topology)
    assert network.graph is not None
    assert network.graph.genes is None
    states = network.graph.pathway_states(inputs(signed))
    silent = [
        pathway not in signed.bundle.transform.scales[Assay.SIGNATURE].genes
        for pathway in signed.bundle.topology.pathways
    ]
    assert ((states == 0).all(dim=2).all(dim=1) == torch.tensor(silent)).all()


def test_a_network_without_a_node_to_enter_at_has_no_graph(signed: Signed) -> None:
    plan = replace(signed.bundle.ensemble.plan, assay_nodes={Assay.CELL_FRACTION: np.array([-1, -1])})
    assert Network(plan, signed.bundle.topology).graph is None
