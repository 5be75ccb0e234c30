"""States among training patients: percentiles to within a cell, cells of ten, and why there is none."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metarisk.features.clinic import OTHER
from metarisk.features.states import state_scores
from metarisk.features.transform import FeatureTransform
from metarisk.models.base_rates import EVERYBODY, types_of
from metarisk.models.bundle import load_bundle, save_bundle
from metarisk.models.reference_file import arrays_of_reference, reference_of, tree_of_reference
from metarisk.models.state_reference import (
    FEW,
    FEWEST,
    MOST_CELLS,
    NOT_KEPT,
    REDEFINED,
    StateReference,
    cells_of,
    fit_states,
    states_of_tree,
    tree_of_states,
)
from metarisk.models.training_summary import LEAST_CELL
from metarisk.pathways.curated import curated_topology
from metarisk.pathways.states import STATE_NAMES, states_sha256
from metarisk.simulate import simulate


def reference(scores: np.ndarray, types: np.ndarray) -> StateReference:
    return StateReference(states_sha256(), tuple(cells_of("hypoxia", scores, types)))


def drawn(n: int = 900, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    types = rng.choice(["BRCA", "LUAD", "RARE", ""], n, p=[0.6, 0.34, 0.04, 0.02])
    scores = rng.normal(np.where(types == "LUAD", 1.0, 0.0), 1.0)
    scores[rng.random(n) < 0.1] = np.nan
    return scores, types


def test_a_percentile_is_that_of_all_training_scores_to_within_its_cell() -> None:
    scores, types = drawn()
    told = reference(scores, types)
    for name in ("BRCA", "LUAD"):
        own = scores[(types == name) & ~np.isnan(scores)]
        for score in np.linspace(-4.0, 5.0, 61):
            place = told.place("hypoxia", name, score)
            exact = 100.0 * np.mean(own < score)
            assert place.lower - 1e-9 <= exact <= place.upper + 1e-9
            assert place.lower <= place.percentile <= place.upper
            assert abs(place.percentile - exact) <= place.upper - place.lower <= 100.0 / MOST_CELLS + 1.0
            assert (place.n, place.cancer_type, place.why) == (len(own), name, "")


def test_a_higher_score_never_lies_lower() -> None:
    told = reference(*drawn())
    found = [told.place("hypoxia", "LUAD", score).percentile for score in np.linspace(-5.0, 6.0, 500)]
    assert (np.diff(found) >= 0.0).all()


def test_a_type_of_few_is_compared_with_all_and_other_is_no_type() -> None:
    scores, types = drawn()
    for name in ("RARE", "", OTHER, "NEVER MET"):
        place = reference(scores, types).place("hypoxia", name, 0.5)
        assert (place.cancer_type, place.n) == (EVERYBODY, (~np.isnan(scores)).sum())
    named = np.where(types == "LUAD", OTHER, types)
    assert {each.cancer_type for each in cells_of("hypoxia", scores, named)} == {EVERYBODY, "BRCA"}


def test_under_fifty_patients_say_nothing() -> None:
    scores = np.arange(FEWEST - 1.0)
    place = reference(scores, np.full(len(scores), "LUAD")).place("hypoxia", "LUAD", 3.0)
    assert (place.n, place.why) == (0, FEW)
    assert np.isnan(place.percentile)


@given(
    st.lists(st.integers(0, 120), min_size=1, max_size=6),
    st.integers(1, 400),
    st.integers(0, 2**16),
)
def test_no_cell_is_of_under_ten_and_none_can_be_told_by_subtraction(
    sizes: list[int], levels: int, seed: int
) -> None:
    types = np.repeat([f"T{at}" for at in range(len(sizes))], sizes)
    scores = np.random.default_rng(seed).integers(0, levels, len(types)) / 7.0  # ties, where levels are few
    cells = list(cells_of("hypoxia", scores, types))
    assert all(min(each.counts) >= LEAST_CELL for each in cells)
    assert all(len(each.counts) == len(each.cuts) + 1 <= MOST_CELLS for each in cells)
    if cells:
        rest = cells[0].n - sum(each.n for each in cells[1:])
        assert rest == 0 or rest >= LEAST_CELL


def test_patients_in_another_order_give_the_same_cells() -> None:
    scores, types = drawn()
    order = np.random.default_rng(1).permutation(len(scores))
    assert tuple(cells_of("hypoxia", scores, types)) == tuple(
        cells_of("hypoxia", scores[order], types[order])
    )


def test_what_is_kept_is_read_back() -> None:
    told = reference(*drawn())
    assert states_of_tree(json.loads(json.dumps(tree_of_states(told)))) == told
    assert states_of_tree({}) == StateReference()


def test_a_bundle_without_states_is_read_and_says_so(tiny_model: Any) -> None:
    tree = json.loads(json.dumps(tree_of_reference(tiny_model.bundle.reference)))
    del tree["states"]
    older = reference_of(tree, arrays_of_reference(tiny_model.bundle.reference))
    assert older.states.place("hypoxia", "LUAD", 1.0).why == NOT_KEPT
    assert older.rates == tiny_model.bundle.reference.rates


def test_states_that_were_read_from_other_genes_are_not_compared() -> None:
    told = replace(reference(*drawn()), definition="another")
    assert told.place("hypoxia", "LUAD", 1.0).why == REDEFINED


def test_a_bundle_keeps_the_states_of_its_training_patients_alone(tiny_model: Any, tmp_path: Any) -> None:
    """A hundred were trained on; each percentile is of their scores, as numpy has it."""
    bundle, experiment = tiny_model.bundle, tiny_model.bundle.experiment
    cohort = simulate(experiment.simulation, curated_topology(), experiment.tasks, experiment.seed).cohort
    batch = bundle.transform.apply(cohort.take(np.arange(100)))
    assert fit_states(bundle.transform, batch) == bundle.reference.states
    scores = state_scores(bundle.transform, batch).score
    new = state_scores(bundle.transform, bundle.transform.apply(tiny_model.new_samples)).score
    placed = 0
    for at, name in enumerate(STATE_NAMES):
        own = scores[:, at][~np.isnan(scores[:, at])]
        for score in new[:, at][~np.isnan(new[:, at])]:
            place = bundle.reference.states.place(name, "", float(score))
            assert place.n == len(own)
            assert place.lower - 1e-9 <= 100.0 * np.mean(own < score) <= place.upper + 1e-9
            placed += 1
    assert placed > 100
    save_bundle(bundle, tmp_path / "again")
    ours, again = (folder / "reference.json" for folder in (tiny_model.folder, tmp_path / "again"))
    assert ours.read_bytes() == again.read_bytes()
    assert load_bundle(tiny_model.folder).reference.states == bundle.reference.states


def test_a_model_whose_cohort_had_no_expression_keeps_no_states(tiny_model: Any) -> None:
    transform: FeatureTransform = tiny_model.bundle.transform
    scales = {assay: scale for assay, scale in transform.scales.items() if assay != "expression"}
    direct = {assay: columns for assay, columns in transform.direct.items() if assay != "expression"}
    blind = replace(transform, scales=scales, direct=direct)
    batch = blind.apply(tiny_model.new_samples)
    assert not fit_states(blind, batch).cells
    assert (
        types_of(blind, batch).tolist()
        == types_of(transform, transform.apply(tiny_model.new_samples)).tolist()
    )


@pytest.mark.parametrize("score", [-100.0, 0.0, 100.0])
def test_a_place_at_the_ends_is_a_whole_cell(score: float) -> None:
    place = reference(*drawn()).place("hypoxia", "BRCA", score)
    assert place.upper - place.lower == pytest.approx(5.0, abs=0.6)
