"""One row a sample, there and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metarisk.config.experiment import FeatureSection, SimulationSection, TaskSection
from metarisk.data.cohort import AssayTable, Cohort, Provenance
from metarisk.data.rows import cohort_of, rows_of
from metarisk.errors import InputError
from metarisk.features.transform import FeatureTransform
from metarisk.pathways.curated import curated_topology
from metarisk.schema.assays import Assay
from metarisk.simulate import simulate

UNKNOWN = st.just(np.nan)


@st.composite
def cohorts(draw: st.DrawFn) -> Cohort:
    """Assays of genes, pathways and features with anything unknown: channels, samples, whole assays."""
    n_samples = draw(st.integers(1, 4))
    ids = np.array([f"S{number}" for number in range(n_samples)])
    level = st.floats(-20, 20, width=32) | UNKNOWN
    copies = draw(arrays(np.float32, (n_samples, 3, 1), elements=level))
    calls = draw(arrays(np.float32, (n_samples, 4, 4), elements=st.sampled_from([0.0, 1.0]) | UNKNOWN))
    scores, fractions = (draw(arrays(np.float32, (n_samples, 2, 1), elements=level)) for _ in range(2))
    fractions = np.clip(fractions / 20, 0, 1)
    tables = [
        _table(Assay.SIGNATURE, ids, ("HALLMARK_HYPOXIA", "IFNG:6-gene"), scores, "score"),
        _table(Assay.CELL_FRACTION, ids, ("T cell, CD8", "B cell"), fractions, "fraction"),
        _table(Assay.COPY_NUMBER, ids, ("MYC", "TP53", "RB1"), copies, "log2_ratio"),
        _table(Assay.MUTATION, ids, ("TP53", "KRAS", "RB1", "HLA-A"), calls, "calls"),
    ]
    clinical = pd.DataFrame(
        {
            "patient_id": [f"P{number // 2}" for number in range(n_samples)],
            "age_years": draw(arrays(np.float64, n_samples, elements=st.floats(0, 120) | UNKNOWN)),
            "extra.ldh": draw(arrays(np.float64, n_samples, elements=st.floats(-1e6, 1e6) | UNKNOWN)),
            "ctdna_fraction": draw(arrays(np.float64, n_samples, elements=st.floats(0, 1) | UNKNOWN)),
            "sex": draw(st.lists(st.sampled_from(["Male", None]), min_size=n_samples, max_size=n_samples)),
        },
        index=pd.Index(ids, name="sample_id", dtype=object),
    )
    return Cohort.join(clinical, tables, pd.DataFrame(index=clinical.index), Provenance("x", "", ""))


def _table(
    assay: Assay, ids: np.ndarray, genes: tuple[str, ...], values: np.ndarray, unit: str
) -> AssayTable:
    measured = ~np.isnan(values).all(axis=(1, 2))
    return AssayTable(assay, ids, genes, values, np.where(measured, unit, ""))


@given(cohorts())
@settings(max_examples=60, deadline=None)
def test_a_cohort_comes_back_from_its_rows(cohort: Cohort) -> None:
    back = cohort_of(rows_of(cohort), "x")
    pd.testing.assert_frame_equal(back.clinical, cohort.clinical, check_dtype=False)
    for assay, table in cohort.assays.items():
        found = back.assays.get(assay)
        for at, gene in enumerate(table.genes):
            expected = table.values[:, at]
            if found is None or gene not in found.genes:
                assert np.isnan(expected).all()
            else:
                np.testing.assert_array_equal(found.values[:, found.genes.index(gene)], expected)
        if found is not None:
            assert list(found.units) == list(table.units)


def test_the_model_reads_the_same_from_rows_as_from_the_cohort() -> None:
    topology = curated_topology()
    cohort = simulate(SimulationSection(samples=60), topology, TaskSection(), 3).cohort
    transform = FeatureTransform.fit(cohort, topology, FeatureSection(min_alterations=1))
    direct, through_rows = transform.apply(cohort), transform.apply(cohort_of(rows_of(cohort), "x"))
    np.testing.assert_array_equal(through_rows.flat, direct.flat)
    for assay, entry in direct.assays.items():
        np.testing.assert_array_equal(through_rows.assays[assay].values, entry.values)
        np.testing.assert_array_equal(through_rows.assays[assay].measured, entry.measured)


def row(**cells: Any) -> pd.DataFrame:
    return pd.DataFrame([{"sample_id": "S1", **cells}])


def test_an_unaltered_gene_needs_one_key_and_an_altered_one_its_channel() -> None:
    table = cohort_of(row(mutation={"KRAS": 0.0, "TP53:missense": 1.0}), "x").assays[Assay.MUTATION]
    assert table.values[0, table.genes.index("KRAS")].tolist() == [0.0] * 4
    assert table.values[0, table.genes.index("TP53"), :3].tolist() == [0.0, 1.0, 0.0]


def test_whether_a_mutation_is_a_hotspot_is_unknown_until_it_is_said() -> None:
    told = {"KRAS:missense": 1.0, "KRAS:hotspot": 1.0, "TP53:missense": 1.0, "TP53:hotspot": 0.0}
    rows = row(mutation={**told, "BRAF:missense": 1.0, "RB1:truncating": 0.0, "APC": 0.0})
    table = cohort_of(rows, "x").assays[Assay.MUTATION]
    hotspot = dict(zip(table.genes, table.values[0, :, 3].tolist(), strict=True))
    assert (hotspot["KRAS"], hotspot["TP53"], hotspot["APC"]) == (1.0, 0.0, 0.0)
    assert np.isnan([hotspot["BRAF"], hotspot["RB1"]]).all()
    assert table.measured.all()


def test_an_unaltered_gene_is_one_key_whether_or_not_hotspots_were_looked_for() -> None:
    calls = np.array([[[0, 0, 0, 0], [0, 0, 0, np.nan], [0, 1, 0, np.nan], [1, 0, 0, 0]]], np.float32)
    table = _table(Assay.MUTATION, np.array(["S1"]), ("APC", "RB1", "TP53", "KRAS"), calls, "calls")
    clinical = pd.DataFrame({"patient_id": ["P1"]}, index=pd.Index(["S1"], name="sample_id"))
    cohort = Cohort.join(clinical, [table], pd.DataFrame(index=clinical.index), Provenance("x", "", ""))
    assert rows_of(cohort)["mutation"][0] == {
        "APC": 0.0, "RB1:truncating": 0.0, "TP53:missense": 1.0, "KRAS:truncating": 1.0, "KRAS:hotspot": 0.0,
    }  # fmt: skip


def test_a_sample_without_a_gene_is_unmeasured_there_although_another_has_it() -> None:
    rows = pd.concat([row(mutation={"KRAS": 0.0}), row(sample_id="S2", mutation={"TP53": 0.0})])
    table = cohort_of(rows, "x").assays[Assay.MUTATION]
    assert table.measured.tolist() == [[True, False], [False, True]]


def test_each_row_may_name_its_genes_in_an_order_of_its_own() -> None:
    """Rows with the same keys in the same order are read as one run; others must not fall into it."""
    maps = (
        {"A": 1.0, "B": 2.0},
        {"A": 3.0, "B": 4.0},
        {"B": 5.0, "A": 6.0},
        {},
        {"A": 7.0},
        {"A": 8.0, "B": 9.0},
    )
    rows = pd.concat(
        [row(sample_id=f"S{at}", expression=each, expression_unit="log2_tpm") for at, each in enumerate(maps)]
    )
    table = cohort_of(rows, "x").assays[Assay.EXPRESSION]
    assert table.genes == ("A", "B")
    np.testing.assert_array_equal(
        table.values[:, :, 0], [[1, 2], [3, 4], [6, 5], [np.nan, np.nan], [7, np.nan], [8, 9]]
    )


def test_the_only_unit_of_an_assay_need_not_be_said() -> None:
    table = cohort_of(row(cell_fraction={"T cell": 0.5}), "x").assays[Assay.CELL_FRACTION]
    assert table.units.tolist() == ["fraction"]


def test_pairs_stand_for_a_map_as_arrow_hands_them_over() -> None:
    pairs = cohort_of(row(mutation=[("TP53:truncating", 1.0)]), "x").assays[Assay.MUTATION]
    assert pairs.values[0, 0, :3].tolist() == [1.0, 0.0, 0.0]


def test_an_assay_that_nobody_has_is_left_out() -> None:
    assert not cohort_of(row(mutation=None, copy_number={}, copy_number_unit=None), "x").assays


def test_a_patient_is_the_sample_where_none_is_named() -> None:
    assert cohort_of(row(), "x").patient_ids.tolist() == ["S1"]


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({"sample_id": 7}, "sample_id of row 0 is 7; expected text without white space"),
        ({"sample_id": " S1"}, "sample_id of row 0 is ' S1'"),
        ({"sample_id": None}, "sample_id of row 0 is None"),
        (
            {"expression": {"TP53": 3.0}},
            r"S1 has expression without expression_unit; expected one of log2_tpm",
        ),
        ({"expression": {"TP53": 3.0}, "expression_unit": "log2_tmp"}, "'log2_tmp'. Did you mean 'log2_tpm'"),
        ({"mutation": {"TP53:misense": 1.0}}, "'misense' is not one of its channels.*mean 'missense'"),
        ({"mutation": {"TP53": 1.0}}, r"'TP53' with a value that is not 0; expected TP53:<channel>"),
        ({"mutation": {"TP53:missense": "1"}}, "mutation of TP53:missense is not a finite number"),
        ({"mutation": {"TP53": np.inf}}, "mutation of TP53 is not a finite number"),
        ({"mutation": {"TP53:missense": 2.0}}, r"mutation: 1 values are out of range; calls are 0 or 1"),
        ({"mutation": "TP53"}, "mutation is str; expected a map from gene to number"),
        ({"mutation": {3: 0.0}}, "mutation has the key 3; expected gene names"),
        ({"copy_number": {"MYC": 7}, "copy_number_unit": "discrete"}, r"discrete copy number lies in -2..2"),
        (
            {"expression": {"A": 900.0}, "expression_unit": "log2_tpm"},
            "declared as log2_tpm, and is above 30",
        ),
        ({"age_years": "old"}, "age_years is not a number in samples S1; expected years"),
        ({"age_years": 700.0}, r"age_years lies outside 0..120 in S1; expected years"),
        ({"sex": 1.0}, "sex is not text in samples S1"),
        ({"extra.ldh": "high"}, "extra.ldh is not a number in samples S1; expected a finite number"),
        ({"extra.ldh": np.inf}, r"extra.ldh lies outside .* in S1; expected a finite number"),
        ({"ctdna_fraction": 12.0}, r"ctdna_fraction lies outside 0..1 in S1"),
        ({"agee_years": 50.0}, "column 'agee_years'.*Did you mean 'age_years'"),
        ({"extra.met_count": 5.0}, "column 'extra.met_count', and it counts metastases.*Leave it out"),
        ({"os_months": 5.0}, "column 'os_months', and it is survival after baseline.*Leave it out"),
    ],
)
def test_a_wrong_cell_is_refused_with_what_was_expected(cells: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        cohort_of(row(**cells), "x")


def test_a_sample_named_twice_is_refused() -> None:
    with pytest.raises(InputError, match=r"x names 1 samples more than once \(S1\)"):
        cohort_of(pd.concat([row(), row()]), "x")


def test_a_table_without_rows_or_ids_is_refused() -> None:
    with pytest.raises(InputError, match="x has no samples"):
        cohort_of(row().iloc[:0], "x")
    with pytest.raises(InputError, match=r"x has no column sample_id\. Did you mean 'sampleid'"):
        cohort_of(pd.DataFrame({"sampleid": ["S1"]}), "x")


def test_a_sample_is_judged_by_itself() -> None:
    """Twenty low values alone look like logarithms of logarithms; beside others they would not."""
    quiet = {f"G{number}": number / 10 for number in range(25)}
    assert len(cohort_of(row(expression=quiet, expression_unit="log2_tpm"), "x")) == 1


def test_a_biopsy_site_is_read_by_the_vocabulary_as_in_training():
    rows = pd.DataFrame({"sample_id": ["a", "b", "c"], "biopsy_site": ["Lymph-node", "somewhere", None]})
    assert cohort_of(rows, "rows").clinical["biopsy_site"].tolist() == ["lymph_node", "somewhere", None]
