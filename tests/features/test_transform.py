from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.config.experiment import FeatureSection
from metarisk.config.network import NetworkSection
from metarisk.data.cohort import Cohort
from metarisk.features import Batch, FeatureTransform
from metarisk.features.clinic import OTHER
from metarisk.features.columns import nodes_of
from metarisk.models.planning import fit_flat, plan_network
from metarisk.nn.heads import TaskLayout
from metarisk.pathways.topology import Topology, assemble
from metarisk.schema.assays import Assay

SECTION = FeatureSection(
    min_category_count=3, min_alterations=2, direct_genes=4, numeric=("age_years", "fga")
)
GRAPH_GENES = tuple(
    f"G{number:02d}" for number in range(2, 14)
)  # two of the assays' genes are not on the graph
TRAIN = np.arange(30)


def equal(one: Batch, other: Batch) -> bool:
    return np.array_equal(one.flat, other.flat, equal_nan=True) and all(
        np.array_equal(one.assays[assay].values, other.assays[assay].values)
        and np.array_equal(one.assays[assay].measured, other.assays[assay].measured)
        for assay in one.assays
    )


@pytest.fixture
def cohort(make_cohort: Any) -> Cohort:
    found: Cohort = make_cohort()
    return found


TOPOLOGY = assemble("hand", [], [(f"circuit_{at % 3}", gene) for at, gene in enumerate(GRAPH_GENES)])


def fit(cohort: Cohort, **changed: Any) -> FeatureTransform:
    return FeatureTransform.fit(cohort, TOPOLOGY, SECTION.model_copy(update=changed))


def poisoned(cohort: Cohort, rows: np.ndarray) -> Cohort:
    """Absurd values in some rows of every table."""
    assays = {}
    for assay, table in cohort.assays.items():
        values = table.values.copy()
        values[rows] = 1e6
        assays[assay] = replace(table, values=values)
    clinical = cohort.clinical.copy()
    clinical.loc[clinical.index[rows], ["age_years", "cancer_type"]] = [1e6, "poison"]
    return replace(cohort, assays=assays, clinical=clinical)


def test_nothing_is_learned_from_rows_outside_the_training_set(cohort: Cohort) -> None:
    clean, dirty = cohort.take(TRAIN), poisoned(cohort, np.arange(30, 40)).take(TRAIN)
    assert fit(clean).columns == fit(dirty).columns
    assert equal(fit(clean).apply(clean), fit(dirty).apply(clean))


def test_gene_order_in_the_file_does_not_matter(cohort: Cohort) -> None:
    shuffled = {}
    for seed, (assay, table) in enumerate(cohort.assays.items()):
        order = np.random.default_rng(seed).permutation(len(table.genes))
        genes = tuple(table.genes[index] for index in order)
        shuffled[assay] = replace(table, genes=genes, values=table.values[:, order])
    transform = fit(cohort)
    assert equal(transform.apply(replace(cohort, assays=shuffled)), transform.apply(cohort))


def test_genes_that_the_model_does_not_know_change_nothing(cohort: Cohort) -> None:
    table = cohort.assays[Assay.COPY_NUMBER]
    extra = np.concatenate([np.full((40, 1, 1), 2.0, np.float32), table.values], axis=1)
    wider = replace(table, genes=("NEW", *table.genes), values=extra)
    transform = fit(cohort)
    found = transform.apply(replace(cohort, assays={**cohort.assays, Assay.COPY_NUMBER: wider}))
    assert equal(found, transform.apply(cohort))


def test_what_was_not_measured_is_zero_on_the_graph_and_unknown_in_the_table(cohort: Cohort) -> None:
    transform = fit(cohort)
    batch = transform.apply(cohort)
    for assay, scale in transform.scales.items():
        table, entry = cohort.assays[assay], batch.assays[assay]
        columns = [table.genes.index(gene) for gene in scale.genes]
        np.testing.assert_array_equal(entry.measured, table.measured[:, columns])
        assert (entry.values[~entry.measured] == 0).all()
        group = [index for index, column in enumerate(transform.columns) if column.group == assay]
        names = [transform.columns[index].name.split(":")[1] for index in group]
        known = table.measured[:, [table.genes.index(name) for name in names]]
        np.testing.assert_array_equal(~np.isnan(batch.flat[:, group]), known)


def test_an_assay_that_a_cohort_lacks_is_zeros_and_not_measured(cohort: Cohort) -> None:
    transform = fit(cohort)
    without = {assay: table for assay, table in cohort.assays.items() if assay is not Assay.EXPRESSION}
    entry = transform.apply(replace(cohort, assays=without)).assays[Assay.EXPRESSION]
    assert entry.values.shape == (40, len(transform.scales[Assay.EXPRESSION].genes), 1)
    assert (entry.values == 0).all()
    assert not entry.measured.any()


UNITS = {
    Assay.MUTATION: "calls",
    Assay.COPY_NUMBER: "log2_ratio",
    Assay.FUSION: "calls",
    Assay.EXPRESSION: "log2_tpm",
    Assay.METHYLATION: "beta",
    Assay.MICRORNA: "log2_rpm",
    Assay.PROTEIN: "log2_intensity",
    Assay.METABOLITE: "log2_intensity",
    Assay.SIGNATURE: "score",
    Assay.CELL_FRACTION: "fraction",
}


def test_every_assay_counts_and_goes_missing_as_one(make_table: Any, make_cohort: Any) -> None:
    cohort = make_cohort(
        *(make_table(assay, unit, seed=at) for at, (assay, unit) in enumerate(UNITS.items()))
    )
    transform = fit(cohort, assays=tuple(Assay))
    groups = [column.group for column in transform.columns]
    whole = transform.apply(cohort)
    for assay in Assay:
        own = np.array([group == assay for group in groups])
        assert np.nanstd(whole.flat[:, own], axis=0).min() > 0.1
        without = {name: table for name, table in cohort.assays.items() if name is not assay}
        batch = transform.apply(replace(cohort, assays=without))
        assert np.isnan(batch.flat[:, own]).all()
        np.testing.assert_array_equal(batch.flat[:, ~own], whole.flat[:, ~own])
        assert not batch.assays[assay].measured.any()
        assert (batch.assays[assay].values == 0).all()


def test_assays_are_read_where_they_were_measured_unless_the_experiment_says_which() -> None:
    assert FeatureSection().assays == tuple(Assay)


def test_signatures_enter_at_pathways_and_features_at_no_node(make_table: Any, make_cohort: Any) -> None:
    names = ("circuit_1", "T cell inflamed", "circuit_0", "G05")
    tables = [make_table(assay, UNITS[assay], genes=names) for assay in (Assay.SIGNATURE, Assay.METABOLITE)]
    transform = fit(make_cohort(*tables), assays=(Assay.SIGNATURE, Assay.METABOLITE))
    assert set(nodes_of(Assay.SIGNATURE, TOPOLOGY)) & set(names) == {"circuit_0", "circuit_1"}
    assert not nodes_of(Assay.METABOLITE, TOPOLOGY)
    assert [column.name for column in transform.columns][:8] == [
        *(f"signature:{name}" for name in names),
        *(f"metabolite:{name}" for name in names),
    ]


def test_a_pathway_answers_to_its_title_unless_another_has_the_same(small_topology: Topology) -> None:
    titles = ("Hypoxia", "EMT", "Twice", "Twice", "circuit_0", "Niche", "Family")
    titled = replace(small_topology, titles=titles)
    nodes = nodes_of(Assay.SIGNATURE, titled)
    assert {"Hypoxia": 0, "EMT": 1, "Niche": 5}.items() <= nodes.items()
    assert nodes["circuit_0"] == small_topology.pathway_index["circuit_0"]
    assert "Twice" not in nodes


def test_of_two_scores_of_one_pathway_the_first_enters_the_graph(
    small_topology: Topology, make_table: Any, make_cohort: Any
) -> None:
    titled = replace(small_topology, titles=("Hypoxia", *small_topology.pathways[1:]))
    names = ("circuit_3", "Hypoxia", "circuit_0")
    cohort = make_cohort(make_table(Assay.SIGNATURE, "score", genes=names))
    transform = FeatureTransform.fit(cohort, titled, SECTION)
    flat = fit_flat(transform.apply(cohort).flat, transform, 4)
    plan = plan_network(NetworkSection(), TaskLayout(("response",), {}, {}), transform, titled, flat)
    assert plan.assay_nodes[Assay.SIGNATURE].tolist() == [3, 0, -1]


def test_the_weight_of_assays_leaves_the_clinic_as_it_is(
    small_topology: Topology, make_table: Any, make_cohort: Any
) -> None:
    cohort = make_cohort(make_table(Assay.EXPRESSION, "log2_tpm"))
    transform = FeatureTransform.fit(cohort, small_topology, SECTION)
    table = transform.apply(cohort).flat
    plain, light = fit_flat(table, transform, 4), fit_flat(table, transform, 4, 0.25)
    of_assay = np.array([column.kind in {"call", "level"} for column in transform.columns])
    assert 0 < of_assay.sum() < len(of_assay)
    np.testing.assert_allclose(light["scale"], plain["scale"] * np.where(of_assay, 0.25, 1.0))
    np.testing.assert_array_equal(light["centre"], plain["centre"])


def test_levels_on_the_graph_come_first_and_the_most_variable_others_fill_up(
    make_table: Any, make_cohort: Any
) -> None:
    names = ("cg01", "G05", "cg02", "cg03", "G06")
    table = make_table(Assay.METHYLATION, "m_value", genes=names)
    table.values[...] *= np.array([5.0, 0.1, 1.0, 9.0, 0.2], np.float32)[:, None]
    cohort = make_cohort(table)
    read = {
        room: [name.partition(":")[2] for name in column_names(fit(cohort, assays=UNITS, direct_genes=room))]
        for room in (0, 1, 2, 4)
    }
    assert read == {0: [], 1: ["G06"], 2: ["G05", "G06"], 4: ["cg01", "G05", "cg03", "G06"]}
    assert fit(cohort, assays=UNITS, direct_genes=0).scales[Assay.METHYLATION].genes == ("G05", "G06")


def test_features_without_a_gene_are_read_beside_the_graph(make_table: Any, make_cohort: Any) -> None:
    table = make_table(Assay.METHYLATION, "beta", genes=("cg00000029", "cg00000165"))
    transform = fit(make_cohort(table), assays=(Assay.METHYLATION,))
    assert column_names(transform) == ["methylation:cg00000029", "methylation:cg00000165"]


def test_an_assay_of_which_nothing_can_be_read_is_left_out(make_table: Any, make_cohort: Any) -> None:
    table = make_table(Assay.CELL_FRACTION, "fraction")
    assert not fit(make_cohort(table), assays=(Assay.CELL_FRACTION,), direct_genes=0).scales


def column_names(transform: FeatureTransform) -> list[str]:
    """Names of the columns that come from assays."""
    return [column.name for column in transform.columns if column.kind in {"call", "level"}]


def test_every_sample_is_read_by_itself(cohort: Cohort) -> None:
    transform = fit(cohort)
    rows = np.array([17, 3, 29])
    assert equal(transform.apply(cohort.take(rows)), transform.apply(cohort).take(rows))


def test_mutations_stay_zero_or_one_and_training_levels_centre_on_zero(cohort: Cohort) -> None:
    transform = fit(cohort)
    batch = transform.apply(cohort)
    calls = batch.assays[Assay.MUTATION]
    assert set(np.unique(calls.values)) == {0.0, 1.0}
    level = batch.assays[Assay.EXPRESSION]
    mean = np.where(level.measured, level.values[..., 0], np.nan)
    np.testing.assert_allclose(np.nanmean(mean, axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(np.nanstd(mean, axis=0), 1, atol=0.02)  # clipping costs a little


def test_an_unseen_category_is_other_and_an_unknown_one_is_unknown(cohort: Cohort) -> None:
    transform = fit(cohort)
    assert transform.levels["cancer_type"] == ("BRCA", "LUAD", OTHER)  # UVM is too rare
    clinical = cohort.clinical.copy()
    clinical["cancer_type"] = ["BRCA", "MARS", None] + ["LUAD"] * 37
    changed = replace(cohort, clinical=clinical)
    columns = [at for at, column in enumerate(transform.columns) if column.group == "cancer_type"]
    flat = transform.apply(changed).flat[:3, columns]
    np.testing.assert_array_equal(flat, [[1, 0, 0], [0, 0, 1], [np.nan] * 3])
    assert transform.unknown_levels(changed)["cancer_type"][:4].tolist() == [False, True, False, False]
    assert transform.unknown_levels(cohort)["cancer_type"].sum() == 2


def test_a_column_that_training_never_knew_is_left_out(cohort: Cohort) -> None:
    assert fit(cohort).numeric == ("age_years",)
    clinical = cohort.clinical.assign(fga=np.nan)
    assert fit(replace(cohort, clinical=clinical)).numeric == ("age_years",)


def test_a_clinical_column_that_a_new_cohort_lacks_is_unknown(cohort: Cohort) -> None:
    transform = fit(cohort)
    bare = replace(cohort, clinical=cohort.clinical[["patient_id"]])
    first = transform.first_columns()
    assert set(first) == {"age_years", "sex", "cancer_type"}
    assert np.isnan(transform.apply(bare).flat[:, min(first.values()) :]).all()


def test_the_direct_path_reads_channels_that_are_altered_often_enough(cohort: Cohort) -> None:
    table = cohort.assays[Assay.MUTATION]
    values = np.zeros_like(table.values)
    values[:3, 3, 1] = 1.0  # missense, two of them at a hotspot
    values[:2, 3, 3] = 1.0
    values[:2, 7, 3] = np.nan  # hotspots that nobody looked for
    values[:1, 5] = 1.0
    changed = replace(cohort, assays={Assay.MUTATION: replace(table, values=values)})
    assert column_names(fit(changed)) == ["mutation.missense:G03", "mutation.hotspot:G03"]
    column = fit(changed).apply(changed).flat[:, 1]
    assert column[:4].tolist() == [1.0, 1.0, 0.0, 0.0]


def test_a_hotspot_that_nobody_could_tell_is_unknown_where_its_gene_was_measured(cohort: Cohort) -> None:
    transform = fit(cohort)
    table = cohort.assays[Assay.MUTATION]
    values = np.nan_to_num(table.values)
    values[..., 3] = np.nan
    batch = transform.apply(replace(cohort, assays={Assay.MUTATION: replace(table, values=values)}))
    names = [column.name for column in transform.columns]
    hotspot = np.array([name.startswith("mutation.hotspot:") for name in names])
    others = np.array([name.startswith("mutation.") for name in names]) & ~hotspot
    assert hotspot.any()
    assert np.isnan(batch.flat[:, hotspot]).all()
    assert not np.isnan(batch.flat[:, others]).any()
    assert batch.assays[Assay.MUTATION].measured.all()
    assert (batch.assays[Assay.MUTATION].values[..., 3] == 0).all()


def test_copy_number_in_mixed_units_is_altered_by_the_level_it_amounts_to(
    make_table: Any, make_cohort: Any
) -> None:
    table = make_table(Assay.COPY_NUMBER, "discrete")
    table.values[...] = 0.0
    table.values[1:4, 2] = 0.6  # one copy more
    table.values[1:40, 4] = 0.1  # noise
    mixed = replace(table, units=np.where(np.arange(40) == 0, "discrete", "log2_ratio"))
    assert column_names(fit(make_cohort(mixed))) == ["copy_number:G02"]


def test_a_number_that_only_this_study_has_may_be_read(make_cohort: Any) -> None:
    cohort = make_cohort(**{"extra.ldh": np.linspace(100, 400, 40), "ctdna_fraction": np.linspace(0, 1, 40)})
    section = FeatureSection(numeric=("extra.ldh", "ctdna_fraction"), categorical=())
    transform = FeatureTransform.fit(cohort, TOPOLOGY, section)
    assert transform.numeric == ("extra.ldh", "ctdna_fraction")
    np.testing.assert_allclose(
        transform.apply(cohort).flat[:, -2], cohort.clinical["extra.ldh"].astype(np.float32)
    )


def test_the_columns_are_those_of_the_table(cohort: Cohort) -> None:
    transform = fit(cohort)
    names = [column.name for column in transform.columns]
    assert len(names) == len(set(names)) == transform.apply(cohort).flat.shape[1]
    age = transform.apply(cohort).flat[:, names.index("age_years")]
    np.testing.assert_allclose(age, cohort.clinical["age_years"].astype(np.float32))


def test_taking_rows_of_a_batch_takes_them_everywhere(cohort: Cohort) -> None:
    batch = fit(cohort).apply(cohort)
    part = batch.take(np.array([5, 5, 0]))
    assert len(part) == 3
    pd.testing.assert_frame_equal(pd.DataFrame(part.flat), pd.DataFrame(batch.flat[[5, 5, 0]]))
    for assay in batch.assays:
        np.testing.assert_array_equal(part.assays[assay].measured, batch.assays[assay].measured[[5, 5, 0]])
