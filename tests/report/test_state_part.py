"""States on a patient's page: a strip with words for each, or a blank with its reason."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from metarisk.config import Experiment
from metarisk.data.cohort import Cohort
from metarisk.explain.states import NEVER_READ, NO_EXPRESSION, TOO_FEW
from metarisk.models.bundle import ModelBundle
from metarisk.models.state_reference import NO_STATES, NOT_KEPT
from metarisk.pathways.states import STATE_NAMES, STATES
from metarisk.pathways.topology import Topology
from metarisk.report.page.place_strip import EDGE, WIDTH, place_strip
from metarisk.report.patient.facts import PatientFacts
from metarisk.report.patient.gather import Wanted, gather_patients
from metarisk.report.patient.rows import patient_rows
from metarisk.report.patient.state_part import place_words, states_part
from metarisk.schema.assays import Assay
from metarisk.simulate import simulate
from metarisk.train.run import train_model

if TYPE_CHECKING:
    from tests.conftest import TinyModel

BLIND: dict[str, Any] = {
    "name": "blind",
    "simulation": {"samples": 240},
    "features": {"direct_genes": 20, "assays": ["mutation", "copy_number"], "categorical": ["cancer_type"]},
    "tasks": {"sites": ["bone", "liver"], "min_events": 5, "bins": 4},
    "network": {"width": 4, "readout": 2, "direct_hidden": 8},
    "training": {"folds": 2, "epochs": 1, "batch_size": 32},
    "evaluation": {"bootstrap": 50, "controls": []},
}


def first_of(bundle: ModelBundle, cohort: Cohort) -> PatientFacts:
    return next(gather_patients(bundle, cohort, Wanted(what_if=False)))


def measured(model: TinyModel) -> Cohort:
    """The new samples whose expression was measured."""
    table = model.new_samples.assays[Assay.EXPRESSION]
    named = table.sample_ids[table.measured.any(axis=1)]
    return model.new_samples.take(np.flatnonzero(np.isin(model.new_samples.sample_ids, named)))


def with_expression_of(cohort: Cohort, genes: set[str]) -> Cohort:
    table = cohort.assays[Assay.EXPRESSION]
    values = table.values.copy()
    values[:, [gene not in genes for gene in table.genes]] = np.nan
    return replace(cohort, assays={**cohort.assays, Assay.EXPRESSION: replace(table, values=values)})


def test_each_state_has_a_strip_and_says_whom_it_is_higher_than(tiny_model: TinyModel) -> None:
    facts = first_of(tiny_model.bundle, measured(tiny_model))
    page = str(states_part(facts))
    assert page.count('class="strip"') == len(STATE_NAMES)
    for state in facts.states:
        assert state.percentile is not None
        assert f" of {state.training_n}<span" in page
    assert "of all types where" in page
    told = {row[1]: row for row in patient_rows(facts) if row[6] == "training percentile"}
    assert set(told) == set(STATE_NAMES)
    assert told["hypoxia"][7].startswith("of (all types), n=")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ((83.2, 80.0, 85.0), "higher than 83 % of"),
        ((2.5, 0.0, 5.0), "in the lowest 5 % of"),
        ((97.5, 95.0, 100.0), "in the highest 5 % of"),
    ],
)
def test_words_of_a_place(place: tuple[float, float, float], words: str) -> None:
    assert place_words(*place) == words


def test_the_point_lies_where_the_percentile_says() -> None:
    drawn = str(place_strip(25.0, 20.0, 30.0, "a quarter"))
    assert f'cx="{EDGE + (WIDTH - 2 * EDGE) / 4:.1f}"' in drawn
    assert 'aria-label="a quarter"' in drawn


def test_a_state_of_few_measured_genes_is_blank_with_the_reason(tiny_model: TinyModel) -> None:
    """Nearly all genes are measured, but none that tell of cytotoxicity."""
    few = next(state for state in STATES if state.name == "cytotoxicity")
    cohort = measured(tiny_model)
    kept = set(cohort.assays[Assay.EXPRESSION].genes) - set(few.genes)
    facts = first_of(tiny_model.bundle, with_expression_of(cohort, kept))
    assert [state.name for state in facts.states if state.flag == TOO_FEW] == ["cytotoxicity"]
    page = str(states_part(facts))
    assert "Blank: too few of its genes were measured." in page
    assert page.count('class="strip"') == len(STATE_NAMES) - 1


def test_a_sample_without_expression_has_one_sentence_on_it(tiny_model: TinyModel) -> None:
    cohort = measured(tiny_model)
    without = {assay: table for assay, table in cohort.assays.items() if assay is not Assay.EXPRESSION}
    facts = first_of(tiny_model.bundle, replace(cohort, assays=without))
    assert {state.flag for state in facts.states} == {NO_EXPRESSION}
    assert "not told, expression was not measured." in str(states_part(facts))


def test_a_bundle_of_before_has_scores_without_places(tiny_model: TinyModel) -> None:
    reference = replace(tiny_model.bundle.reference, states=NO_STATES)
    facts = first_of(replace(tiny_model.bundle, reference=reference), measured(tiny_model))
    assert {state.flag for state in facts.states} == {NOT_KEPT}
    page = str(states_part(facts))
    assert page.count("No percentiles: the model was trained before such were kept") == 1
    assert "Strips" not in page
    assert " SD</b>" in page


def test_a_model_that_was_trained_without_expression_says_so(small_topology: Topology) -> None:
    experiment = Experiment.model_validate(BLIND)
    assert experiment.simulation is not None
    cohort = simulate(experiment.simulation, small_topology, experiment.tasks, 0).cohort
    trained = train_model(experiment, cohort, small_topology, lambda model, epoch: None)
    facts = first_of(trained.bundle, trained.test)
    assert not trained.bundle.reference.states.cells
    assert {state.flag for state in facts.states} == {NEVER_READ}
    assert "not told, the model reads no expression" in str(states_part(facts))
