from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from metarisk.explain.states import (
    EPITHELIAL,
    MESENCHYMAL,
    NO_EXPRESSION,
    STATES,
    TOO_FEW,
    emt_call,
    percentiles,
    state_rows,
)
from metarisk.features.batch import AssayInput, Batch
from metarisk.pathways.curated import circuits, curated_edges, references
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
    return Batch({Assay.EXPRESSION: entry}, np.zeros((n_samples, 1), np.float32))


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


def test_percentiles_are_mid_ranks_and_unknown_stays_unknown() -> None:
    scores = np.array([1.0, 2.0, 2.0, 4.0, np.nan])
    found = percentiles(scores, np.sort(scores))
    np.testing.assert_allclose(found, [12.5, 50.0, 50.0, 87.5, np.nan])


def test_a_state_without_edges_would_be_noticed() -> None:
    assert not replace(STATES[2], effectors=("NOBODY",)).genes
