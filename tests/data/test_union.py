from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.config import Experiment
from metarisk.config.experiment import FeatureSection
from metarisk.data.cohort import AssayTable, Cohort, Provenance
from metarisk.data.found import Found
from metarisk.data.split import holdout
from metarisk.data.union import Part, join_cohorts, own_patient_ids, strictest_licence
from metarisk.errors import ConfigError
from metarisk.features.standardise import fit_scale
from metarisk.schema.assays import Assay

CALLS = [[[1, 0, 0, 0], [0, 1, 0, 0]], [[0, 0, 0, 0], [0, 0, 0, np.nan]]]


def cohort_of(
    patients: list[str],
    tables: list[AssayTable],
    *,
    name: str = "a",
    licence: str = "CC-BY-4.0",
    endpoints: dict[str, Any] | None = None,
    **clinical: Any,
) -> Cohort:
    index = pd.Index([f"{patient}-T1" for patient in patients], name="sample_id")
    return Cohort.join(
        pd.DataFrame({"patient_id": patients, **clinical}, index=index),
        tables,
        pd.DataFrame(endpoints or {}, index=index),
        Provenance(name, licence, f"hash-{name}", "hg19"),
    )


def table(
    assay: Assay, patients: list[str], genes: tuple[str, ...], values: Any, unit: str, panel: str = ""
) -> AssayTable:
    ids = np.array([f"{patient}-T1" for patient in patients])
    array = np.array(values, dtype=np.float32)
    return AssayTable(assay, ids, genes, array, np.full(len(ids), unit), np.full(len(ids), panel))


@pytest.fixture
def first() -> Cohort:
    people = ["P1", "P2"]
    calls = table(Assay.MUTATION, people, ("KRAS", "TP53"), CALLS, "calls", "BIG")
    return cohort_of(
        people,
        [calls],
        age_years=[60.0, np.nan],
        sex=["female", None],
        endpoints={"site.bone": [1.0, np.nan]},
    )


@pytest.fixture
def second() -> Cohort:
    people = ["P2", "P3"]
    calls = table(Assay.MUTATION, people, ("TP53", "ATM"), CALLS, "calls", "SMALL")
    levels = table(Assay.EXPRESSION, people, ("CDH1",), [[[5.0]], [[np.nan]]], "log2_tpm")
    return cohort_of(
        people,
        [calls, levels],
        name="b",
        licence="CC-BY-NC-ND-4.0",
        cancer_type=["LUAD", "BRCA"],
        endpoints={"response": [0.0, 1.0]},
    )


def joined(first: Cohort, second: Cohort, *, shared: bool = False, found: Found | None = None) -> Cohort:
    parts = [Part("a", first, shared), Part("b", second, shared)]
    return join_cohorts(parts, [] if found is None else found)


def test_a_gene_that_a_cohort_does_not_measure_is_unknown_for_it_and_never_wild_type(
    first: Cohort, second: Cohort
) -> None:
    both = joined(first, second)
    mutation = both.assays[Assay.MUTATION]
    assert mutation.genes == ("ATM", "KRAS", "TP53")
    assert mutation.measured.tolist() == [[False, True, True]] * 2 + [[True, False, True]] * 2
    np.testing.assert_array_equal(mutation.values[:2, 1:], np.array(CALLS, np.float32))
    np.testing.assert_array_equal(mutation.values[2:, [2, 0]], np.array(CALLS, np.float32))
    assert not both.assays[Assay.EXPRESSION].measured[:2].any()


def test_each_sample_keeps_its_unit_and_panel(first: Cohort, second: Cohort) -> None:
    both = joined(first, second)
    assert both.assays[Assay.MUTATION].panels.tolist() == ["BIG", "BIG", "SMALL", "SMALL"]
    assert both.assays[Assay.EXPRESSION].units.tolist() == ["", "", "log2_tpm", "log2_tpm"]


def test_what_a_cohort_does_not_record_stays_unknown(first: Cohort, second: Cohort) -> None:
    both = joined(first, second)
    np.testing.assert_array_equal(both.endpoints["site.bone"], [1.0, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(both.endpoints["response"], [np.nan, np.nan, 0.0, 1.0])
    np.testing.assert_array_equal(both.clinical["age_years"], [60.0, np.nan, np.nan, np.nan])
    assert both.clinical["cancer_type"].tolist() == [None, None, "LUAD", "BRCA"]
    assert both.clinical["cohort"].tolist() == ["a", "a", "b", "b"]


def test_equal_ids_of_different_cohorts_are_different_people(first: Cohort, second: Cohort) -> None:
    found: Found = []
    both = joined(first, second, found=found)
    assert both.patient_ids.tolist() == ["a:P1", "a:P2", "b:P2", "b:P3"]
    assert own_patient_ids(both).tolist() == ["P1", "P2", "P2", "P3"]
    assert not found


def test_shared_patients_keep_their_ids_and_are_told(first: Cohort, second: Cohort) -> None:
    found: Found = []
    both = joined(first, second, shared=True, found=found)
    assert both.patient_ids.tolist() == ["P1", "P2", "P2", "P3"]
    assert len(set(both.sample_ids)) == 4
    assert [finding.message for finding in found] == [
        "1 of 3 patients are in several of a, b",
        "1 of 3 samples are in several of a, b",
    ]


def test_joining_moves_nobody_to_the_other_side_of_the_split() -> None:
    people = [f"P{number}" for number in range(200)]
    alone = cohort_of(people, [])
    both = join_cohorts([Part("a", alone), Part("b", cohort_of(people[:50], [], name="b"))], [])
    one, other = holdout(alone, 0.3, "salt"), holdout(both, 0.3, "salt")
    np.testing.assert_array_equal(other.test_rows[other.test_rows < 200], one.test_rows)
    np.testing.assert_array_equal(own_patient_ids(both)[other.test_rows][-5:], _last_of(people, one, 50, 5))


def _last_of(people: list[str], split: Any, size: int, count: int) -> list[str]:
    return [people[row] for row in split.test_rows if row < size][-count:]


def test_the_terms_of_all_are_told_and_the_strictest_first(first: Cohort, second: Cohort) -> None:
    both = joined(first, second).provenance
    assert both.licence == "CC-BY-NC-ND-4.0 (a: CC-BY-4.0; b: CC-BY-NC-ND-4.0)"
    assert (both.name, both.build) == ("a, b", "hg19")
    assert strictest_licence(["CC0", "MIT", "GPL-3"]) == "GPL-3"
    assert strictest_licence(["CC-BY-NC-4.0", "unclear, treat as CC-BY-NC-ND"]).startswith("unclear")
    assert strictest_licence(["CC-BY-NC-ND-4.0", "TCGA open access; a non-commercial source"]) == (
        "CC-BY-NC-ND-4.0"
    )
    assert strictest_licence(["ask the authors", "CC-BY-4.0"]) == "ask the authors"


def test_the_hash_of_a_union_depends_on_every_part_and_on_their_values(first: Cohort, second: Cohort) -> None:
    one, again = joined(first, second), joined(first, second)
    altered = second.assays[Assay.MUTATION].values.copy()
    altered[0, 0, 0] = 0.0
    tables = {**second.assays, Assay.MUTATION: replace(second.assays[Assay.MUTATION], values=altered)}
    other = joined(first, replace(second, assays=tables))
    assert one.content_sha256() == again.content_sha256() != other.content_sha256()
    assert one.provenance.sha256 == again.provenance.sha256


def test_two_cohorts_need_two_names(first: Cohort, second: Cohort) -> None:
    with pytest.raises(
        ConfigError, match=r"cohorts are called a, a; expected a name of its own.*cohorts\.name"
    ):
        join_cohorts([Part("a", first), Part("a", second)], [])


def test_the_cohort_is_a_feature_only_where_it_is_asked_for(
    first: Cohort, second: Cohort, small_topology: Any
) -> None:
    from metarisk.features.transform import FeatureTransform

    both = joined(first, second)
    usual = FeatureTransform.fit(both, small_topology, FeatureSection(min_category_count=1))
    assert "cohort" not in usual.levels
    section = FeatureSection(categorical=("cohort",), min_category_count=1)
    asked = FeatureTransform.fit(both, small_topology, section)
    assert asked.levels["cohort"][:2] == ("a", "b")
    assert np.isnan(asked.apply(first).flat[:, -3:]).all()  # a new sample is of no known cohort


def test_a_scale_over_several_units_is_that_of_the_training_rows_alone(rng: Any) -> None:
    people = [f"P{number}" for number in range(60)]
    genes = tuple(f"G{number}" for number in range(8))
    parts = [
        Part(unit, cohort_of(people, [table(Assay.EXPRESSION, people, genes, values, unit)], name=unit))
        for unit, values in (
            ("log2_tpm", rng.normal(5, 2, (60, 8, 1))),
            ("counts", rng.integers(0, 900, (60, 8, 1))),
            ("z_score", rng.normal(0, 1, (60, 8, 1))),
        )
    ]
    both = join_cohorts(parts, [])
    split = holdout(both, 0.3, "salt")
    training = both.take(split.train_rows).assays[Assay.EXPRESSION]
    scale = fit_scale(training, genes)
    poisoned = both.assays[Assay.EXPRESSION].values.copy()
    poisoned[split.test_rows] = 1e4
    other = replace(both.assays[Assay.EXPRESSION], values=poisoned).take(split.train_rows)
    np.testing.assert_array_equal(fit_scale(other, genes).centre, scale.centre)
    np.testing.assert_array_equal(fit_scale(other, genes).spread, scale.spread)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_an_experiment_has_one_source_of_samples() -> None:
    for sources in (
        {"cohorts": [{"study": "a.yaml"}], "simulation": {"samples": 100}},
        {"cohorts": [{"study": "a.yaml"}], "cohort": {"study": "b.yaml"}},
        {},
    ):
        with pytest.raises(ValueError, match=r"one of cohort\.study, cohorts and a simulation"):
            Experiment.model_validate({"name": "x", **sources})
    with pytest.raises(ValueError, match="each of cohorts names its study"):
        Experiment.model_validate({"name": "x", "cohorts": [{"keep": {"sex": ["female"]}}]})
