"""Each of the ten assays through the transform, the encoders and the direct path, alone and in company."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.config.experiment import FeatureSection
from metarisk.config.network import NetworkSection
from metarisk.data.cohort import AssayTable, Cohort, Provenance
from metarisk.features.transform import FeatureTransform
from metarisk.models.ensemble import Ensemble
from metarisk.models.network import Network
from metarisk.models.planning import fit_flat, plan_network
from metarisk.nn.heads import TaskLayout
from metarisk.pathways.topology import Topology
from metarisk.schema.assays import ASSAYS, Assay

SAMPLES = 24
EVERY = tuple(Assay)
LAYOUT = TaskLayout(("site.bone", "response"), {}, {})
SECTION = FeatureSection(
    numeric=("age_years",), categorical=("primary_site",), min_alterations=1, direct_genes=30
)


@dataclass(frozen=True)
class Ten:
    """A cohort with all assays, and an untrained network that reads them."""

    cohort: Cohort
    transform: FeatureTransform
    ensemble: Ensemble

    def answers(self, cohort: Cohort) -> np.ndarray:
        return self.ensemble.answers(self.transform.apply(cohort))["outputs"][0]


def table_of(assay: Assay, topology: Topology, rng: np.random.Generator) -> AssayTable:
    """Values in the first unit of the assay; every fifth sample lacks it, every sample a few columns."""
    spec = ASSAYS[assay]
    names = {
        "gene": tuple(topology.genes[:40]),
        "pathway": topology.pathways,
        "feature": tuple(f"feature {number}" for number in range(12)),
    }[spec.level]
    shape = (SAMPLES, len(names), len(spec.channels))
    draws = {
        "calls": rng.random(shape) < 0.3,
        "discrete": rng.integers(-2, 3, shape),
        "beta": rng.random(shape),
        "fraction": rng.random(shape),
    }
    values = np.asarray(draws.get(spec.units[0], rng.normal(4.0, 2.0, shape)), dtype=np.float32)
    values[rng.random(shape[:2]) < 0.1] = np.nan
    values[::5] = np.nan
    units = np.where(np.arange(SAMPLES) % 5 == 0, "", spec.units[0])
    return AssayTable(assay, sample_ids(), names, values, units)


def sample_ids() -> np.ndarray:
    return np.array([f"S{number:02d}" for number in range(SAMPLES)])


@pytest.fixture(scope="module")
def ten(small_topology: Topology) -> Ten:
    import torch

    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    index = pd.Index(sample_ids(), name="sample_id")
    clinical = pd.DataFrame(
        {
            "patient_id": sample_ids(),
            "primary_site": rng.choice(["Colon", "Lung"], SAMPLES),
            "age_years": rng.uniform(30, 80, SAMPLES),
        },
        index=index,
    )
    endpoints = pd.DataFrame({"response": np.ones(SAMPLES)}, index=index)
    tables = [table_of(assay, small_topology, rng) for assay in EVERY]
    cohort = Cohort.join(clinical, tables, endpoints, Provenance("ten", "none", ""))
    section = SECTION.model_copy(update={"min_category_count": 1})
    transform = FeatureTransform.fit(cohort, small_topology, section)
    flat = fit_flat(transform.apply(cohort).flat, transform, 4)
    network_section = NetworkSection(width=4, readout=2, direct_hidden=8, copies=2, category_width=2)
    plan = plan_network(network_section, LAYOUT, transform, small_topology, flat)
    network = Network(plan, small_topology)
    for parameter in network.direct.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return Ten(cohort, transform, Ensemble(plan, small_topology, [network]))


def with_table(cohort: Cohort, table: AssayTable) -> Cohort:
    return replace(cohort, assays={**cohort.assays, table.assay: table})


def test_all_ten_are_read(ten: Ten) -> None:
    assert set(ten.transform.scales) == set(EVERY)
    encoded = {
        name
        for part in (ten.ensemble.networks[0].graph.genes, ten.ensemble.networks[0].graph.signatures)
        for name in part.encoders
    }
    on_graph = {assay.value for assay in EVERY if ASSAYS[assay].level != "feature"}
    assert encoded == on_graph
    assert set(EVERY) <= set(ten.ensemble.plan.groups)


@pytest.mark.parametrize("assay", EVERY)
def test_what_was_not_measured_changes_nothing(ten: Ten, assay: Assay) -> None:
    """A column that a sample lacks is the same whether it stands there as unknown or not at all."""
    table = ten.cohort.assays[assay]
    row = 1
    lacking = table.values[:, -1].copy()
    lacking[row] = np.nan
    values = table.values.copy()
    values[:, -1] = lacking
    blank = ten.answers(with_table(ten.cohort, replace(table, values=values)))[row]
    absent = replace(table, genes=table.genes[:-1], values=values[:, :-1])
    np.testing.assert_allclose(ten.answers(with_table(ten.cohort, absent))[row], blank, atol=1e-5)


@pytest.mark.parametrize("assay", EVERY)
def test_a_measured_value_does_change_an_answer(ten: Ten, assay: Assay) -> None:
    has = ten.cohort.assays[assay].measured.any(axis=1)
    bare = {name: table for name, table in ten.cohort.assays.items() if name is not assay}
    change = np.abs(ten.answers(ten.cohort) - ten.answers(replace(ten.cohort, assays=bare))).max(axis=1)
    assert (change[has] > 1e-4).mean() > 0.9
    assert (change[~has] == 0).all()  # who lacks the assay is where the assay is nowhere


@pytest.mark.parametrize("assay", EVERY)
def test_the_order_of_columns_in_the_file_does_not_matter(ten: Ten, assay: Assay) -> None:
    table = ten.cohort.assays[assay]
    order = np.random.default_rng(1).permutation(len(table.genes))
    moved = replace(table, genes=tuple(table.genes[at] for at in order), values=table.values[:, order])
    np.testing.assert_allclose(
        ten.answers(with_table(ten.cohort, moved)), ten.answers(ten.cohort), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("size", [0, 1, 2, 9])
def test_any_subset_of_assays_is_answered_as_if_the_others_had_been_left_out(ten: Ten, size: int) -> None:
    batch = ten.transform.apply(ten.cohort)
    chosen = list(combinations(EVERY, size))
    for kept in [chosen[at] for at in np.random.default_rng(size).permutation(len(chosen))[:4]]:
        cohort = replace(ten.cohort, assays={assay: ten.cohort.assays[assay] for assay in kept})
        found = ten.answers(cohort)
        assert np.isfinite(found).all()
        left_out = ten.ensemble.answers(batch, frozenset(set(EVERY) - set(kept)))["outputs"][0]
        np.testing.assert_allclose(found, left_out, atol=1e-5)


def test_the_primary_site_speaks_through_the_direct_path(ten: Any) -> None:
    batch = ten.transform.apply(ten.cohort)
    swapped = ten.cohort.clinical["primary_site"].map({"Colon": "Lung", "Lung": "Colon"})
    other = ten.cohort.clinical.assign(primary_site=swapped)
    changed = ten.transform.apply(replace(ten.cohort, clinical=other))
    one, two = ten.ensemble.answers(batch), ten.ensemble.answers(changed)
    np.testing.assert_array_equal(one["graph"], two["graph"])
    assert (np.abs(one["outputs"] - two["outputs"]).max(axis=-1) > 1e-4).all()
