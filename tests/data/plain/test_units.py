"""Values of a matrix: declared units, scales, pseudocounts, and samples that were not measured."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from metarisk.data import inspect_study, read_study
from metarisk.errors import ConfigError
from metarisk.schema.assays import Assay

GENES = [f"GENE{n}" for n in range(40)]


SAMPLES = ["00123", "1E5", "NA", "x-4"]


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).gamma(2.0, 2.0, size=(len(GENES), len(SAMPLES))) + 3.0


def frame_of(values: np.ndarray) -> pd.DataFrame:
    frame = pd.DataFrame(values, columns=SAMPLES)
    frame.insert(0, "gene", GENES)
    return frame


@pytest.mark.parametrize(
    ("change", "unit", "guess"),
    [
        (lambda v: np.exp2(v) * 10, "log2_tpm", "look like linear values"),
        (lambda v: np.rint(np.exp2(v) * 10), "log2_tpm", "look like counts"),
        (lambda v: np.rint(np.exp2(v) * 10), "tpm", "look like counts"),
        (lambda v: v - v.mean(axis=1, keepdims=True), "log2_tpm", "look like z-scores"),
        (lambda v: np.log2(v + 1), "log2_tpm", "look like values logged twice"),
        (
            lambda v: np.where(v < 4.0, np.log2(0.001), v),
            "log2_tpm",
            "log2 values with a pseudocount below 1",
        ),
        (lambda v: v, "z_score", "look like log2 values"),
        (lambda v: v, "counts", "look like log2 values"),
    ],
)
def test_a_unit_that_the_values_contradict_is_guessed_by_name(folder, values, change, unit, guess):
    frame_of(change(values)).to_parquet(folder.path / "e.parquet")
    folder.assay("e.parquet", unit=unit)
    assert any(f"declared as {unit}, but" in error and guess in error for error in folder.errors())


def test_one_linear_sample_among_log2_ones_is_named(folder, values):
    values[:, 2] = np.exp2(values[:, 2]) * 10
    frame_of(values).to_parquet(folder.path / "e.parquet")
    folder.assay("e.parquet")
    (error,) = folder.errors()
    assert "1 samples look like linear values (TPM or FPKM) (NA)" in error


def test_a_declared_pseudocount_is_told_again_as_one(folder):
    tpm = np.random.default_rng(1).gamma(0.5, 200.0, size=(len(GENES), len(SAMPLES)))
    frame_of(np.log2(tpm + 0.001)).to_parquet(folder.path / "e.parquet")
    folder.assay("e.parquet", pseudocount=0.001)
    table = read_study(folder.write()).assays[Assay.EXPRESSION]
    order = [table.genes.index(gene) for gene in GENES]
    np.testing.assert_allclose(table.values[:, order, 0], np.log2(tpm + 1).T, atol=1e-4)


def test_a_copy_number_ratio_with_a_pseudocount_is_told_again_without(folder):
    ratio = np.array([[1.0, 2.0], [0.5, 0.0]], dtype=np.float32)
    frame = pd.DataFrame(np.log2(ratio + 1), columns=["00123", "1E5"])
    frame.insert(0, "gene", ["KRAS", "TP53"])
    frame.to_parquet(folder.path / "c.parquet")
    folder.assay("c.parquet", unit="log2_ratio", assay="copy_number", pseudocount=1)
    table = folder.read().assays[Assay.COPY_NUMBER]
    # A gene that is lost altogether has no logarithm: the floor of -6 stands for it.
    np.testing.assert_allclose(table.values[:2, :, 0], [[0, -1], [1, -6]], atol=1e-6)


def test_scaled_integers_come_back_as_ratios(folder):
    frame = pd.DataFrame({"gene": ["TP53", "KRAS"], "00123": np.array([-20, 10], dtype=np.int8)})
    frame.to_parquet(folder.path / "c.parquet")
    folder.assay("c.parquet", unit="log2_ratio", assay="copy_number", scale=0.05)
    table = read_study(folder.write()).assays[Assay.COPY_NUMBER]
    assert table.values[0, :, 0].tolist() == [0.5, -1.0]


def test_counted_mutations_become_calls_only_where_declared(folder):
    folder.put("m.tsv", "gene 00123 1E5", "TTN 7 0", "TP53 1 0")
    folder.assay("m.tsv", unit="calls", assay="mutation")
    assert "1 values are out of range; calls are 0 or 1" in folder.errors()[0]
    folder.study["assays"][0]["clip"] = [0, 1]
    assert folder.read().assays[Assay.MUTATION].values[:2, :, 1].tolist() == [[1, 1], [0, 0]]


def test_infinite_and_all_zero_samples_are_left_out_and_listed(folder, values):
    values[3, 0], values[:, 1] = np.inf, 0.0
    frame_of(values).to_parquet(folder.path / "e.parquet")
    folder.assay("e.parquet")
    reading = inspect_study(folder.write())
    told = "\n".join(map(str, reading.findings))
    assert "1 samples hold an infinite value (00123)" in told
    assert "1 samples are zero throughout (1E5)" in told
    assert reading.cohort.assays[Assay.EXPRESSION].units.tolist() == ["", "", "log2_tpm", "log2_tpm"]


@pytest.mark.parametrize(
    ("assay", "unit", "left_out"),
    [
        ("expression", "z_score", True),
        ("expression", "counts", True),
        ("methylation", "beta", True),
        ("methylation", "m_value", True),
        ("microrna", "log2_rpm", True),
        ("protein", "z_score", True),
        ("metabolite", "log2_intensity", True),
        ("signature", "score", True),
        ("cell_fraction", "fraction", True),
        ("copy_number", "log2_ratio", False),
        ("copy_number", "discrete", False),
        ("mutation", "calls", False),
    ],
)
def test_all_zero_samples_are_unmeasured_but_where_zero_is_an_answer(folder, assay, unit, left_out):
    folder.put("a.tsv", "gene 00123 1E5", "TP53 0 1", "KRAS 0 0")
    folder.assay("a.tsv", unit=unit, assay=assay)
    assert folder.read().assays[Assay(assay)].units.tolist() == ["" if left_out else unit, unit, "", ""]
    assert ("1 samples are zero throughout (00123)" in folder.told()) == left_out


@pytest.mark.parametrize("unit", ["z_score", "log2_ratio", "beta", "calls", "score"])
def test_a_sample_with_an_infinite_value_is_left_out_whatever_the_unit(folder, unit):
    assays = {"log2_ratio": "copy_number", "beta": "methylation", "calls": "mutation", "score": "signature"}
    folder.put("a.tsv", "gene 00123 1E5", "TP53 inf 1", "KRAS 1 0")
    folder.assay("a.tsv", unit=unit, assay=assays.get(unit, "expression"))
    assert "a.tsv: 1 samples hold an infinite value (00123)" in folder.told()


def test_linear_values_are_logged_only_where_declared(folder):
    folder.put("r.tsv", "gene 00123 1E5", "ERBB2 4 1", "TP53 0.5 0")
    folder.assay("r.tsv", unit="log2_ratio", assay="copy_number", linear=True)
    table = folder.read().assays[Assay.COPY_NUMBER]
    assert table.values[:2, :, 0].tolist() == [[2, -1], [0, -6]]
    folder.put("r.tsv", "gene 00123 1E5", "ERBB2 4 1", "TP53 0.5 -1")
    assert "r.tsv: is declared as linear, but 1 samples have negative values (1E5)" in folder.errors()[0]


def test_relative_values_are_z_scores_over_the_samples_of_their_matrix(folder, values):
    values[3] = 5.0  # a gene that does not vary
    frame_of(values).to_parquet(folder.path / "e.parquet")
    folder.assay("e.parquet", relative=True)
    table = folder.read().assays[Assay.EXPRESSION]
    order = [table.genes.index(gene) for gene in GENES]
    expected = [[(x - np.mean(row)) / (np.std(row) or 1.0) for x in row] for row in values]
    np.testing.assert_allclose(table.values[:, order, 0].T, expected, atol=1e-5)
    assert set(table.units) == {"z_score"}


def test_relative_values_are_first_judged_in_the_unit_that_they_are_declared_in(folder, values):
    frame_of(np.exp2(values) * 10).to_parquet(folder.path / "e.parquet")
    folder.assay("e.parquet", relative=True)
    assert any("declared as log2_tpm, but" in error for error in folder.errors())


def test_what_is_relative_already_cannot_be_made_so(folder, values):
    frame_of(values).to_parquet(folder.path / "e.parquet")
    folder.assay("e.parquet", unit="z_score", relative=True)
    with pytest.raises(ConfigError, match="relative makes z-scores"):
        folder.read()
