from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from metarisk.config.experiment import CohortSection, FeatureSection
from metarisk.data.cohort import AssayTable, Cohort
from metarisk.data.split import holdout
from metarisk.errors import InputError
from metarisk.schema.assays import Assay
from metarisk.train.figures import OURS
from metarisk.train.run import (
    HOLDOUT_SALT,
    OFF_THE_GRAPH,
    Trained,
    choose_samples,
    measured_genes,
    train_model,
)
from metarisk.train.subgroups import worst_groups


def run(make: Any, experiment: Any, cohort: Cohort) -> Trained:
    return train_model(experiment, cohort, make.topology, lambda model, epoch: None)


@pytest.fixture(scope="module")
def trained(make: Any) -> Trained:
    experiment = make.experiment(evaluation={"controls": ["no_graph", "rewired", "linear"]})
    return run(make, experiment, make.cohort(experiment))


def poisoned(cohort: Cohort, rows: np.ndarray) -> Cohort:
    """Rows whose every measurement and outcome is absurd, under the ids they had."""
    rng = np.random.default_rng(0)
    assays = {}
    for assay, table in cohort.assays.items():
        values = table.values.copy()
        values[rows] = rng.normal(0, 1e3, values[rows].shape)
        assays[assay] = replace(table, values=values)
    clinical, endpoints = cohort.clinical.copy(), cohort.endpoints.copy()
    clinical.loc[clinical.index[rows], ["age_years", "tmb_per_mb", "fga"]] = -1e6
    clinical.loc[clinical.index[rows], "cancer_type"] = "poison"
    for name in endpoints:
        endpoints.loc[endpoints.index[rows], name] = 1.0
    return replace(cohort, assays=assays, clinical=clinical, endpoints=endpoints)


def test_poisoned_test_rows_change_nothing_in_the_fitted_model(make: Any) -> None:
    experiment = make.experiment(training={"epochs": 2})
    cohort = make.cohort(experiment)
    test_rows = holdout(cohort, experiment.evaluation.test_fraction, HOLDOUT_SALT).test_rows
    clean, dirty = (
        run(make, experiment, samples).bundle for samples in (cohort, poisoned(cohort, test_rows))
    )
    weights = dirty.ensemble.state_dict()
    for name, tensor in clean.ensemble.state_dict().items():
        assert torch.equal(tensor, weights[name]), name
    assert clean.transform.columns == dirty.transform.columns
    for assay, scale in clean.transform.scales.items():
        np.testing.assert_array_equal(scale.centre, dirty.transform.scales[assay].centre)
        np.testing.assert_array_equal(scale.spread, dirty.transform.scales[assay].spread)
    np.testing.assert_array_equal(clean.calibration.slope, dirty.calibration.slope)
    np.testing.assert_array_equal(clean.calibration.offset, dirty.calibration.offset)
    assert clean.ensemble.plan.layout == dirty.ensemble.plan.layout


def test_no_patient_is_on_both_sides(trained: Trained) -> None:
    assert not trained.bundle.training_ids.contains(trained.test.patient_ids).any()
    provenance = trained.bundle.provenance
    assert provenance["training_samples"] + provenance["held_out_samples"] == 240
    assert provenance["held_out_samples"] == len(trained.test)
    assert len(trained.bundle.training_ids.digests) == provenance["training_patients"]


def test_figures_stand_beside_every_control(trained: Trained) -> None:
    models = set(trained.figures["model"])
    assert {"metarisk", "no_graph", "rewired", "linear", "metarisk - linear"} <= models
    linear = trained.figures[trained.figures["model"] == "linear"]
    assert set(linear["endpoint"]) == set(trained.figures.loc[trained.figures["model"] == OURS, "endpoint"])


def test_the_card_and_the_bundle_carry_the_figures(trained: Trained) -> None:
    rows = pd.DataFrame(trained.bundle.figures)
    assert len(rows) == len(trained.figures)
    np.testing.assert_allclose(rows["value"].astype(float), trained.figures["value"].astype(float))
    for phrase in ("Research use only", "## Data", "| metarisk | site.bone |", "Associations are not causes"):
        assert phrase in trained.bundle.card


def test_the_card_names_the_worst_group_of_each_question(trained: Trained) -> None:
    section = trained.bundle.card.split("## Subgroups, held out")[1].split("##")[0]
    worst = worst_groups(trained.subgroups)
    assert len(worst)
    for row in worst.to_dict("records"):
        told = f"{row['column'].replace('_', ' ')} {row['group']}, AUROC {row['auroc']:.3f} ["
        assert any(line.startswith(f"- {row['endpoint']}") and told in line for line in section.splitlines())
    assert set(trained.decisions["model"]) == set(trained.answers) == set(trained.subgroups["model"])


def test_what_cannot_be_learned_is_told_in_the_notes(make: Any) -> None:
    experiment = make.experiment(tasks={"sites": ["bone"], "binary": ["response"], "min_events": 40})
    cohort = make.cohort(experiment)
    cohort.endpoints.loc[cohort.endpoints.index[50:], "response"] = np.nan
    found = run(make, experiment, cohort)
    assert any(note.startswith("response is not answered") for note in found.notes)
    assert any("response is not answered" in line for line in found.bundle.card.splitlines())
    assert "response" not in found.bundle.ensemble.plan.layout.binary


def test_the_topology_is_cut_to_the_genes_that_training_measured(make: Any) -> None:
    experiment = make.experiment(training={"epochs": 1})
    cohort = make.cohort(experiment)
    assays = {
        assay: replace(table, genes=table.genes[:56], values=table.values[:, :56])
        for assay, table in cohort.assays.items()
    }
    found = run(make, experiment, replace(cohort, assays=assays))
    assert set(found.bundle.topology.genes) <= set(make.topology.genes[:56])
    assert found.bundle.topology.n_genes < make.topology.n_genes
    assert found.notes


def test_without_a_signal_nothing_is_found_within_a_cancer_type(make: Any) -> None:
    experiment = make.experiment(
        simulation={"samples": 500, "signal": 0.0},
        training={"epochs": 6},
        evaluation={"bootstrap": 200, "test_fraction": 0.4, "within_min_events": 5},
    )
    figures = run(make, experiment, make.cohort(experiment)).figures
    # Age, type and TMB still tell something; circuits do not.
    inside = figures[(figures["metric"] == "auroc") & (figures["stratum"] == "within cancer_type")]
    inside = inside[inside["endpoint"].str.startswith(("site.", "metastasis"))]
    assert len(inside) >= 3
    assert ((inside["lower"] <= 0.5) & (inside["upper"] >= 0.5)).sum() >= len(inside) - 1


def test_every_epoch_of_every_model_is_told(make: Any) -> None:
    told: list[tuple[str, int, int]] = []
    experiment = make.experiment(training={"epochs": 2}, evaluation={"controls": ["no_graph"]})
    train_model(
        experiment,
        make.cohort(experiment),
        make.topology,
        lambda model, epoch: told.append((model, epoch.member, epoch.epoch)),
    )
    expected = [
        (model, member, epoch)
        for model in ("metarisk", "no_graph")
        for member in range(2)
        for epoch in range(2)
    ]
    assert told == expected


def test_keep_leaves_out_other_samples_and_one_a_patient_the_later_ones(make: Any) -> None:
    cohort = make.cohort(make.experiment())
    clinical = cohort.clinical.copy()
    clinical.loc[clinical.index[1], "patient_id"] = clinical["patient_id"].iloc[0]
    twice = replace(cohort, clinical=clinical)
    kept = choose_samples(twice, CohortSection(keep={"cancer_type": ("LUAD", "BRCA")}))
    assert set(kept.clinical["cancer_type"]) == {"LUAD", "BRCA"}
    once = choose_samples(twice, CohortSection(one_sample_per_patient=True))
    assert len(once) == len(twice) - 1
    assert twice.sample_ids[1] not in once.sample_ids


def test_a_first_sample_that_keep_leaves_out_does_not_take_its_patient_with_it(make: Any) -> None:
    cohort = make.cohort(make.experiment()).take(np.arange(2))
    clinical = cohort.clinical.assign(patient_id="P", sample_type=["Metastasis", "Primary"])
    section = CohortSection(keep={"sample_type": ("Primary",)}, one_sample_per_patient=True)
    kept = choose_samples(replace(cohort, clinical=clinical), section)
    assert kept.sample_ids.tolist() == [cohort.sample_ids[1]]


def test_a_filter_that_leaves_nobody_is_refused(make: Any) -> None:
    cohort = make.cohort(make.experiment())
    with pytest.raises(InputError, match=r"no sample of simulated-0 passes cohort.keep \(\{'cancer_type'"):
        choose_samples(cohort, CohortSection(keep={"cancer_type": ("MARS",)}))
    with pytest.raises(InputError, match=r"cohort.keep names 'planet', which simulated-0 does not have"):
        choose_samples(cohort, CohortSection(keep={"planet": ("MARS",)}))


def test_only_samples_that_an_assay_measured_are_chosen_where_that_is_asked(make: Any) -> None:
    cohort = make.cohort(make.experiment())
    measured = cohort.assays[Assay.EXPRESSION].measured.any(axis=1)
    assert 0 < measured.sum() < len(cohort)
    kept = choose_samples(cohort, CohortSection(measured=(Assay.EXPRESSION,)))
    assert kept.sample_ids.tolist() == cohort.sample_ids[measured].tolist()
    with pytest.raises(InputError, match="and was measured by protein"):
        choose_samples(cohort, CohortSection(measured=(Assay.PROTEIN,)))
    assert "measured" not in CohortSection().model_dump()


def test_measured_genes_are_those_that_some_sample_measured_in_an_assay_that_is_read(
    make: Any, small_topology: Any
) -> None:
    cohort = make.cohort(make.experiment())
    read = FeatureSection(assays=(Assay.COPY_NUMBER,))
    assert measured_genes(cohort, FeatureSection(assays=(Assay.PROTEIN,)), small_topology) == set()
    table = cohort.assays[Assay.COPY_NUMBER]
    values = table.values.copy()
    values[:, 3] = np.nan
    changed = replace(cohort, assays={Assay.COPY_NUMBER: replace(table, values=values)})
    found = measured_genes(changed, read, small_topology)
    assert set(table.genes[:3]) <= found
    assert found == measured_genes(cohort, read, small_topology) - {table.genes[3]}


def test_a_cohort_that_no_node_of_the_graph_was_measured_in_is_answered_beside_it_and_said(
    make: Any, small_topology: Any
) -> None:
    experiment = make.experiment(training={"epochs": 1})
    cohort = make.cohort(experiment)
    fractions = np.random.default_rng(0).random((len(cohort), 3, 1)).astype(np.float32)
    units = np.full(len(cohort), "fraction")
    table = AssayTable(Assay.CELL_FRACTION, cohort.sample_ids, ("B", "T", "NK"), fractions, units)
    trained = train_model(
        experiment, replace(cohort, assays={table.assay: table}), small_topology, lambda *_: None
    )
    assert OFF_THE_GRAPH in trained.notes
    assert trained.bundle.topology.sha256 == small_topology.sha256  # nothing was measured to prune it to
    assert trained.bundle.ensemble.networks[0].graph is None


def test_the_genes_of_a_measured_signature_keep_its_pathway_from_being_pruned(
    make: Any, small_topology: Any
) -> None:
    cohort = make.cohort(make.experiment())
    ids, units = cohort.sample_ids, np.full(len(cohort), "score")
    scores = np.ones((len(cohort), 2, 1), np.float32)
    signature = AssayTable(Assay.SIGNATURE, ids, ("circuit_1", "OTHER"), scores, units)
    fractions = AssayTable(Assay.CELL_FRACTION, ids, ("circuit_2",), scores[:, :1], units)
    only = replace(cohort, assays={Assay.SIGNATURE: signature, Assay.CELL_FRACTION: fractions})
    assert measured_genes(only, FeatureSection(), small_topology) == set(small_topology.members("circuit_1"))


def test_a_way_of_calibrating_is_chosen_in_the_configuration_and_told_where_it_cannot_be_had(
    make: Any,
) -> None:
    tasks = {"timed": [], "binary": []}
    stepped, cooled = (
        run(make, experiment, make.cohort(experiment))
        for method in ("isotonic", "temperature")
        for experiment in (
            make.experiment(calibration={"method": method}, training={"epochs": 1}, tasks=tasks),
        )
    )
    assert stepped.bundle.calibration.steps == {}  # two hundred patients have no two hundred events
    assert any(note.startswith("site.bone is calibrated by a line") for note in stepped.notes)
    assert (cooled.bundle.calibration.offset == 0.0).all()
    assert (cooled.bundle.calibration.slope != 1.0).all()
    assert (stepped.bundle.calibration.offset != 0.0).any()


def test_figures_tell_how_the_sets_did_and_the_card_repeats_them(trained: Trained) -> None:
    mine = trained.figures[trained.figures["model"] == OURS]
    assert {"set_coverage", "set_decided", "free_coverage"} <= set(mine["metric"])
    bone = mine[(mine["metric"] == "set_coverage") & (mine["endpoint"] == "site.bone")]
    assert {"all", "with the event", "without the event"} <= set(bone["stratum"])
    everybody = float(bone.loc[bone["stratum"] == "all", "value"].iloc[0])
    assert f"| site.bone |  | {everybody:.3f} |" in trained.bundle.card
    assert any(note.startswith("Conformal limits of no / yes rest on") for note in trained.notes)
