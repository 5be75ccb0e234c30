from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.explain.states import (
    ALL_TYPES,
    NEVER_READ,
    NO_EXPRESSION,
    TOO_FEW,
    emt_call,
    percentiles,
    state_rows,
)
from metarisk.features.batch import AssayInput, Batch
from metarisk.models.state_reference import FEW, FEWEST, NOT_KEPT, REDEFINED, StateReference
from metarisk.pathways.curated import circuits, curated_edges, references
from metarisk.pathways.states import EPITHELIAL, MESENCHYMAL, STATES, states_sha256
from metarisk.schema.assays import Assay


def test_every_state_rests_on_curated_edges_with_references_and_has_genes_of_one_sign() -> None:
    known = {circuit.id for circuit in circuits()}
    for state in STATES:
        assert set(state.circuits) <= known
        assert len(state.genes) >= 5
        assert set(state.evidence) <= set(references())
        assert set(state.effectors) <= {
            edge.source for edge in curated_edges() if edge.circuit in state.circuits
        }
        assert 1 in state.genes.values()


def test_the_arms_of_emt_hold_the_genes_that_everyone_stains_for() -> None:
    assert {"CDH1", "EPCAM", "OCLN"} <= set(EPITHELIAL.genes)
    assert {"VIM", "CDH2", "FN1"} <= set(MESENCHYMAL.genes)
    assert not set(EPITHELIAL.genes) & set(MESENCHYMAL.genes)
    by_name = {state.name: state.genes for state in STATES}
    assert by_name["hypoxia"]["CA9"] == by_name["cytotoxicity"]["GZMB"] == 1
    assert by_name["cell_cycle_arrest"]["CDK1"] == by_name["t_cell_exclusion"]["GZMB"] == -1


def raised(bundle: Any, levels: dict[str, float], n_samples: int = 1) -> Batch:
    """Samples at the training mean but for some genes."""
    genes = bundle.transform.scales[Assay.EXPRESSION].genes
    values = np.zeros((n_samples, len(genes), 1), np.float32)
    for gene, level in levels.items():
        values[:, genes.index(gene)] = level
    entry = AssayInput(values, np.ones(values.shape[:2], np.bool_))
    flat = np.full((n_samples, len(bundle.transform.columns)), np.nan, np.float32)
    return Batch({Assay.EXPRESSION: entry}, flat)


@pytest.mark.parametrize(
    ("epithelial", "mesenchymal", "call"),
    [(1.0, -1.0, "epithelial"), (-1.0, 1.0, "mesenchymal"), (1.0, 1.0, "hybrid"), (-1.0, -1.0, "neither")],
)
def test_emt_is_called_by_both_arms(
    tiny_model: Any, epithelial: float, mesenchymal: float, call: str
) -> None:
    bundle = tiny_model.bundle
    known = set(bundle.transform.scales[Assay.EXPRESSION].genes)
    levels = {gene: epithelial for gene in EPITHELIAL.genes if gene in known}
    levels |= {gene: mesenchymal for gene in MESENCHYMAL.genes if gene in known}
    rows = state_rows(bundle, raised(bundle, levels), np.array(["S1"])).set_index("state")
    assert rows.loc["emt", "call"] == call
    assert rows.loc["epithelial", "score"] == pytest.approx(epithelial)
    assert rows.loc["emt", "score"] == pytest.approx(mesenchymal - epithelial)
    assert (rows["flag"] == "").all()


def test_a_state_with_too_few_measured_genes_is_not_told(tiny_model: Any) -> None:
    bundle = tiny_model.bundle
    batch = raised(bundle, {}, 2)
    entry = batch.assays[Assay.EXPRESSION]
    genes = bundle.transform.scales[Assay.EXPRESSION].genes
    kept = [genes.index(gene) for gene in ("CDH1", "EPCAM", "VIM")]
    entry.measured[0] = False
    entry.measured[0, kept] = True
    entry.measured[1] = False
    rows = state_rows(bundle, batch, np.array(["few", "none"]))
    assert rows["score"].isna().all()
    assert (rows["call"] == "").all()
    few = rows[rows["sample_id"] == "few"].set_index("state")
    assert few.loc["epithelial", ["genes_measured", "flag"]].tolist() == [2, TOO_FEW]
    assert set(rows.loc[rows["sample_id"] == "none", "flag"]) == {NO_EXPRESSION}
    without = Batch({}, batch.flat)
    assert set(state_rows(bundle, without, np.array(["a", "b"]))["flag"]) == {NO_EXPRESSION}


def test_an_inhibitor_s_targets_push_the_other_way(tiny_model: Any) -> None:
    bundle = tiny_model.bundle
    at_mean, cycling = (
        state_rows(bundle, raised(bundle, levels), np.array(["S"])).set_index("state")["score"]
        for levels in ({}, {"CDK1": 2.0, "PLK1": 2.0})
    )
    assert at_mean["cell_cycle_arrest"] == 0.0 > cycling["cell_cycle_arrest"]


def test_emt_calls_stay_empty_where_an_arm_is_unknown() -> None:
    assert emt_call(np.array([np.nan, 1.0]), np.array([1.0, np.nan])).tolist() == ["", ""]


def test_emt_is_called_where_both_arms_are_clear_of_the_mean() -> None:
    epithelial = np.array([0.5, -0.5, 0.5, -0.5, 0.05, 0.5])
    mesenchymal = np.array([-0.5, 0.5, 0.5, -0.5, 0.5, -0.05])
    told = ["epithelial", "mesenchymal", "hybrid", "neither", "unclear", "unclear"]
    assert emt_call(epithelial, mesenchymal).tolist() == told


def test_percentiles_are_mid_ranks_and_unknown_stays_unknown() -> None:
    scores = np.array([1.0, 2.0, 2.0, 4.0, np.nan])
    found = percentiles(scores, np.sort(scores))
    np.testing.assert_allclose(found, [12.5, 50.0, 50.0, 87.5, np.nan])


def test_a_cohort_of_one_says_nothing_of_its_score() -> None:
    assert np.isnan(percentiles(np.array([1.0, np.nan]), [1.0])).all()
    assert np.isnan(percentiles(np.array([np.nan]), [])).all()


def test_a_single_patient_is_placed_among_training_patients(tiny_model: Any) -> None:
    bundle = tiny_model.bundle
    rows = state_rows(bundle, raised(bundle, {}), np.array(["S1"]))
    assert rows["training_percentile"].between(0.0, 100.0).all()
    assert (rows["training_lower"] <= rows["training_percentile"]).all()
    assert (rows["training_percentile"] <= rows["training_upper"]).all()
    assert set(rows["training_type"]) == {ALL_TYPES}
    assert rows["training_n"].astype(int).between(FEWEST, 100).all()
    assert (rows["flag"] == "").all()


def test_a_sample_s_place_is_the_same_in_any_company(tiny_model: Any) -> None:
    bundle, cohort = tiny_model.bundle, tiny_model.new_samples
    batch = bundle.transform.apply(cohort)
    whole = state_rows(bundle, batch, cohort.sample_ids).set_index("sample_id")
    for row in (0, 3, len(cohort) - 1):
        alone = state_rows(bundle, batch.take(np.array([row])), cohort.sample_ids[[row]])
        pd.testing.assert_frame_equal(alone.set_index("sample_id"), whole.loc[[cohort.sample_ids[row]]])


def test_why_there_is_no_place_is_told(tiny_model: Any) -> None:
    bundle = tiny_model.bundle
    batch = raised(bundle, {})
    for states, why in (
        (StateReference(), NOT_KEPT),
        (StateReference("of other genes", bundle.reference.states.cells), REDEFINED),
        (StateReference(states_sha256()), FEW),
    ):
        other = replace(bundle, reference=replace(bundle.reference, states=states))
        rows = state_rows(other, batch, np.array(["S1"]))
        assert set(rows["flag"]) == {why}
        assert rows["score"].notna().all()
        assert rows["training_percentile"].isna().all()
        assert set(rows["training_n"]) == set(rows["training_type"]) == {""}


def test_a_model_whose_training_cohort_had_no_expression_says_so(tiny_model: Any) -> None:
    transform = tiny_model.bundle.transform
    scales = {assay: scale for assay, scale in transform.scales.items() if assay is not Assay.EXPRESSION}
    direct = {assay: columns for assay, columns in transform.direct.items() if assay is not Assay.EXPRESSION}
    blind = replace(tiny_model.bundle, transform=replace(transform, scales=scales, direct=direct))
    rows = state_rows(blind, blind.transform.apply(tiny_model.new_samples), tiny_model.new_samples.sample_ids)
    assert set(rows["flag"]) == {NEVER_READ}
    assert rows["score"].isna().all()


def test_a_state_without_edges_would_be_noticed() -> None:
    assert not replace(STATES[2], effectors=("NOBODY",)).genes
