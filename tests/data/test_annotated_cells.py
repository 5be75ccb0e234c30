"""Single cells become samples: sums against a slow loop, refusals, memory that does not grow with cells."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from metarisk.config.study import CellsFile
from metarisk.data import inspect_study, read_study
from metarisk.data.annotated import blocks
from metarisk.data.annotated.cells import sum_cells
from metarisk.schema.assays import Assay

GENES = ["TP53", "KRAS", "MYC", *(f"GENE{n}" for n in range(30))]
CELLS = 60


@pytest.fixture(autouse=True)
def unprobed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sound files need no other process to look first, which would take most of the time."""
    monkeypatch.setattr("metarisk.data.annotated.container.probe", lambda path: None)


class Cells:
    """A file of cells in the making, with its study file."""

    def __init__(self, folder: Path) -> None:
        import anndata

        random = np.random.default_rng(1)
        self.folder = folder
        self.counts = random.poisson(2.0, size=(CELLS, len(GENES))).astype(np.float32)
        self.donor = np.array(["d1", "d2", "d3"])[np.arange(CELLS) % 3]
        self.kind = np.array(["T cell", "tumour"])[(np.arange(CELLS) % 4 == 0).astype(int)]
        obs = pd.DataFrame({"donor": self.donor, "kind": self.kind}, index=[f"c{n}" for n in range(CELLS)])
        self.data = anndata.AnnData(sparse.csr_matrix(self.counts), obs, pd.DataFrame(index=GENES))
        self.cells: dict[str, object] = {
            "file": "cells.h5ad",
            "sample_column": "donor",
            "cell_type_column": "kind",
            "fewest_cells": 5,
        }

    def write(self) -> Path:
        self.data.write_h5ad(self.folder / "cells.h5ad")
        (self.folder / "clinical.csv").write_text("sample,age\nd1,50\nd2,60\nd3,70\n")
        study = {
            "name": "cells",
            "format": "tables",
            "folder": ".",
            "clinical_file": {"file": "clinical.csv", "sample_column": "sample"},
            "clinical": {"age_years": "age"},
            "cells": [self.cells],
        }
        (self.folder / "study.yaml").write_text(yaml.safe_dump(study))
        return self.folder / "study.yaml"

    def told(self) -> str:
        return "\n".join(str(finding) for finding in inspect_study(self.write()).findings)

    def expression(self) -> np.ndarray:
        table = read_study(self.write()).assays[Assay.EXPRESSION]
        assert set(table.units) <= {"log2_cpm", ""}
        return table.values[:, [table.genes.index(gene) for gene in GENES], 0]

    def by_hand(self, cells: np.ndarray) -> np.ndarray:
        """log2 CPM + 1 of each donor, by a loop over cells."""
        sums = {donor: np.zeros(len(GENES)) for donor in ("d1", "d2", "d3")}
        for donor, row in zip(self.donor[cells], self.counts[cells], strict=True):
            sums[donor] += row
        return np.array([np.log2(row / row.sum() * 1e6 + 1) for row in sums.values()])


@pytest.fixture
def cells(tmp_path) -> Cells:
    return Cells(tmp_path)


EVERY_CELL = np.ones(CELLS, dtype=bool)


@pytest.mark.parametrize(
    "form", [sparse.csr_matrix, np.asarray, lambda x: sparse.csr_array(x.astype(np.int64))]
)
@pytest.mark.parametrize("at_a_time", [1, 50, 1_000_000])
def test_pseudobulk_is_the_sum_of_a_samples_cells(cells, form, at_a_time, monkeypatch):
    monkeypatch.setattr(blocks, "VALUES_AT_A_TIME", at_a_time)
    monkeypatch.setattr(blocks, "POINTERS_AT_A_TIME", max(2, at_a_time // 10))
    cells.data.X = form(cells.counts)
    np.testing.assert_allclose(cells.expression(), cells.by_hand(EVERY_CELL), rtol=1e-6)


def test_fractions_are_shares_of_the_cells_whose_type_is_known(cells):
    cells.data.obs["kind"] = pd.Categorical(np.where(np.arange(CELLS) < 3, "unknown", cells.kind))
    cohort = read_study(cells.write())
    table = cohort.assays[Assay.CELL_FRACTION]
    assert table.genes == ("T cell", "tumour")
    by_hand = pd.crosstab(cells.donor[3:], cells.kind[3:], normalize="index")
    np.testing.assert_allclose(table.values[:, :, 0], by_hand[list(table.genes)], rtol=1e-6)
    assert (
        "column kind: 3 cells have no known type. They count for expression, and in no fraction"
        in cells.told()
    )
    np.testing.assert_allclose(cells.expression(), cells.by_hand(EVERY_CELL), rtol=1e-6)


def test_without_a_column_of_types_there_are_no_fractions(cells):
    del cells.cells["cell_type_column"]
    assert list(read_study(cells.write()).assays) == [Assay.EXPRESSION]


def test_samples_with_too_few_cells_are_left_out_and_told(cells):
    kept = (cells.donor != "d2") | (np.arange(CELLS) < 10)
    cells.data = cells.data[kept].copy()
    assert "1 samples have fewer than 5 cells (d2). They were left out; lower fewest_cells" in cells.told()
    table = read_study(cells.write()).assays[Assay.EXPRESSION]
    assert table.measured.any(axis=1).tolist() == [True, False, True]
    cells.cells["fewest_cells"] = 3
    np.testing.assert_allclose(cells.expression(), cells.by_hand(kept), rtol=1e-6)


def test_a_study_whose_samples_all_have_too_few_cells_is_an_error(cells):
    cells.cells["fewest_cells"] = 1000
    assert "3 samples have fewer than 1000 cells (d1, d2, d3)" in cells.told()
    assert "error: cells.h5ad: no sample has 1000 cells and a count: no samples" in cells.told()


def test_cells_that_all_belong_to_no_sample_are_an_error(cells):
    cells.data.obs["donor"] = pd.Categorical([None] * CELLS, categories=["d1"])
    assert f"column donor: {CELLS} cells have no sample" in cells.told()
    assert "error: cells.h5ad: no sample has 5 cells and a count: no samples" in cells.told()


def test_a_sample_whose_cells_have_no_counts_is_left_out_and_told(cells):
    cells.data.X = sparse.csr_matrix(np.where((cells.donor == "d2")[:, None], 0, cells.counts))
    assert "1 samples have cells and no counts (d2)" in cells.told()
    table = read_study(cells.write()).assays[Assay.EXPRESSION]
    assert table.units.tolist() == ["log2_cpm", "", "log2_cpm"]


def test_a_sample_whose_cells_have_no_type_has_no_fractions(cells):
    cells.data.obs["kind"] = pd.Categorical(np.where(cells.donor == "d2", None, cells.kind))
    cohort = read_study(cells.write())
    assert cohort.assays[Assay.CELL_FRACTION].units.tolist() == ["fraction", "", "fraction"]
    assert cohort.assays[Assay.EXPRESSION].units.tolist() == ["log2_cpm"] * 3


def test_cells_without_a_sample_are_counted_and_left_out(cells):
    donor = cells.donor.astype(object)
    donor[:6] = None
    cells.data.obs["donor"] = pd.Categorical(donor)
    assert "column donor: 6 cells have no sample. They were left out" in cells.told()
    np.testing.assert_allclose(cells.expression(), cells.by_hand(np.arange(CELLS) >= 6), rtol=1e-6)


def test_a_sample_called_na_is_a_sample(cells):
    cells.data.obs["donor"] = np.where(cells.donor == "d1", "NA", cells.donor)
    assert "samples are not in the clinical table (NA)" in cells.told()


def test_samples_named_by_numbers_keep_their_letters(cells):
    cells.data.obs["donor"] = np.where(cells.donor == "d1", 1, 2)
    assert "samples are not in the clinical table (1, 2)" in cells.told()


@pytest.mark.parametrize(
    ("change", "guess"),
    [
        (np.log1p, "values that look log-normalised in X, not counts"),
        (lambda x: x * 33.3, "values that look normalised in X, not counts"),
        (lambda x: x - x.mean(axis=0), "negative values (they look centred or scaled) in X, not counts"),
        (lambda x: np.where(x == 7, np.nan, x), "values that are not finite in X, not counts"),
        (lambda x: np.where(x == 7, np.inf, x), "values that are not finite in X, not counts"),
    ],
)
def test_what_is_no_matrix_of_counts_is_refused_with_a_guess(cells, change, guess):
    cells.counts[3, 2] = 7
    cells.data.X = sparse.csr_matrix(change(cells.counts))
    told = cells.told()
    assert f"error: cells.h5ad: holds {guess}; expected whole numbers, none negative" in told
    assert "export the raw counts" in told


def test_the_layers_that_may_hold_the_counts_are_named_and_read(cells):
    cells.data.layers["counts"] = cells.data.X.copy()
    cells.data.X = sparse.csr_matrix(np.log1p(cells.counts))
    assert "name another as `part.layer` (counts)" in cells.told()
    cells.cells["part"] = {"layer": "counts"}
    np.testing.assert_allclose(cells.expression(), cells.by_hand(EVERY_CELL), rtol=1e-6)


def test_raw_counts_with_more_genes_than_x_are_read(cells):
    cells.data.raw = cells.data
    cells.data = cells.data[:, :5].copy()
    cells.cells["part"] = {"layer": "raw"}
    np.testing.assert_allclose(cells.expression(), cells.by_hand(EVERY_CELL), rtol=1e-6)


def test_a_matrix_by_columns_says_how_to_turn_it(cells):
    cells.data.X = sparse.csc_matrix(cells.counts)
    assert "keeps X by columns (CSC), so its cells cannot be streamed" in cells.told()
    assert "adata.X = adata.X.tocsr()" in cells.told()


def test_a_column_that_does_not_exist_is_told_with_the_nearest_name(cells):
    cells.cells["sample_column"] = "donors"
    assert "has no column 'donors' in obs. Did you mean 'donor'?" in cells.told()


def test_samples_of_several_cohorts_take_their_cohorts_name(cells):
    cells.cells["cohort"] = "A"
    path = cells.write()
    (cells.folder / "clinical.csv").write_text("sample,age,cohort\nd1,50,A\nd2,60,A\nd3,70,B\n")
    study = yaml.safe_load(path.read_text())
    study["clinical_file"]["cohort_column"] = "cohort"
    path.write_text(yaml.safe_dump(study))
    table = read_study(path).assays[Assay.EXPRESSION]
    assert table.sample_ids[table.measured.any(axis=1)].tolist() == ["A:d1", "A:d2"]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=1, max_size=9), st.integers(1, 12)
)
def test_blocks_are_the_rows_of_the_matrix_in_order(tmp_path, rows, at_a_time):
    from anndata.io import write_elem

    dense = np.array(rows, dtype=np.float32)
    with h5py.File(tmp_path / "m.h5", "w") as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "VALUES_AT_A_TIME", at_a_time)
        patch.setattr(blocks, "POINTERS_AT_A_TIME", 3)
        for form in (sparse.csr_matrix, np.asarray):
            write_elem(file, "X", form(dense))
            read = list(blocks.blocks(blocks.stored_matrix(file["X"], "X")))
            assert [start for start, _ in read] == np.cumsum(
                [0, *(b.shape[0] for _, b in read[:-1])]
            ).tolist()
            assert all(block.nnz <= max(at_a_time, 4) for _, block in read)
            np.testing.assert_array_equal(np.vstack([block.toarray() for _, block in read]), dense)


def many_cells(path: Path, cells: int, genes: int, per_cell: int) -> None:
    """A sparse file of counts, written a part at a time."""
    from anndata.io import write_elem

    random = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        donor = pd.Categorical.from_codes(np.arange(cells) % 20, [f"d{n}" for n in range(20)])
        kind = pd.Categorical.from_codes(np.arange(cells) % 7, [f"k{n}" for n in range(7)])
        index = pd.Index([f"c{n}" for n in range(cells)], dtype=object)
        write_elem(file, "obs", pd.DataFrame({"donor": donor, "kind": kind}, index=index))
        write_elem(file, "var", pd.DataFrame(index=pd.Index([f"G{n}" for n in range(genes)], dtype=object)))
        group = file.create_group("X")
        group.attrs.update(
            {"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": (cells, genes)}
        )
        group["indptr"] = np.arange(cells + 1, dtype=np.int64) * per_cell
        data = group.create_dataset("data", (cells * per_cell,), dtype="f4", chunks=(10_000,))
        where = group.create_dataset("indices", (cells * per_cell,), dtype="i4", chunks=(10_000,))
        for start in range(0, cells, 10_000):
            stop = min(start + 10_000, cells)
            size = (stop - start, per_cell)
            first = random.integers(0, genes // per_cell, size)
            part = slice(start * per_cell, stop * per_cell)
            where[part] = (np.arange(per_cell) * (genes // per_cell) + first).ravel()
            data[part] = random.integers(1, 5, size).ravel()


PEAK = """
import sys
from pathlib import Path
from metarisk.config.study import CellsFile
from metarisk.data.annotated.cells import sum_cells
declared = CellsFile(file="x.h5ad", sample_column="donor", cell_type_column="kind", fewest_cells=1)
sums = sum_cells(Path(sys.argv[1]), declared)
(peak,) = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(int(sums.counts.sum()), int(peak) // 1024)
"""


def peak_of_summing(path: Path) -> tuple[int, int]:
    """Sum of all counts, and the peak memory of a fresh process in MiB."""
    done = subprocess.run([sys.executable, "-c", PEAK, path], capture_output=True, text=True, check=True)
    total, peak = map(int, done.stdout.split())
    return total, peak


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux")
def test_memory_does_not_grow_with_the_number_of_cells(tmp_path):
    peaks = {}
    for cells in (50_000, 200_000):
        many_cells(tmp_path / "x.h5ad", cells, genes=2000, per_cell=100)
        total, peaks[cells] = peak_of_summing(tmp_path / "x.h5ad")
        with h5py.File(tmp_path / "x.h5ad") as file:
            assert total == int(file["X/data"][()].sum(dtype=np.float64))
    assert peaks[200_000] - peaks[50_000] < 16, peaks
    assert peaks[200_000] < 400, peaks


def test_sums_of_cells_are_exact(tmp_path):
    many_cells(tmp_path / "x.h5ad", 500, genes=200, per_cell=20)
    declared = CellsFile(file=Path("x.h5ad"), sample_column="donor", cell_type_column="kind", fewest_cells=1)
    sums = sum_cells(tmp_path / "x.h5ad", declared)
    with h5py.File(tmp_path / "x.h5ad") as file:
        parts = (file["X/data"][()], file["X/indices"][()], file["X/indptr"][()])
    whole = sparse.csr_array(parts, shape=(500, 200)).toarray()
    names = list(sums.sample_ids)
    for sample in names:
        rows = np.arange(500) % 20 == int(sample[1:])
        np.testing.assert_array_equal(sums.counts[names.index(sample)], whole[rows].sum(axis=0))
    assert sums.cells.tolist() == [25] * 20
    assert sums.cells_of_type.sum() == 500
