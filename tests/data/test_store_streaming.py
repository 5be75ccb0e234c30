"""A cohort is written in parts and read in slices; how it was cut leaves no trace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from metarisk.data import AssayTable, Cohort, Provenance
from metarisk.data.store import cohort_writer, open_cohort, read_cohort, write_cohort
from metarisk.errors import InputError
from metarisk.schema.assays import ASSAYS, Assay

GENES = tuple(f"G{n}" for n in range(7))


def made(samples: int = 60, genes: tuple[str, ...] = GENES, seed: int = 0) -> Cohort:
    """Mixed rows: calls, log ratios, samples without an assay, two samples a patient, dated values."""
    rng = np.random.default_rng(seed)
    ids = np.array([f"S{n:03d}" for n in range(samples)])
    patients = [f"P{n // 2:03d}" for n in range(samples)]
    index = pd.Index(ids, name="sample_id")
    clinical = pd.DataFrame(
        {
            "patient_id": patients,
            "age_years": rng.normal(60, 9, samples),
            "stage": ["IV", None] * (samples // 2),
        },
        index=index,
    )
    endpoints = pd.DataFrame({"site.bone": rng.choice([0.0, 1.0, np.nan], samples)}, index=index)
    calls = (rng.random((samples, len(genes), 4)) < 0.2).astype(np.float32)
    ratios = rng.normal(size=(samples, len(genes), 1)).astype(np.float32)
    ratios[::3] = np.round(ratios[::3])
    absent = rng.random(samples) < 0.3
    ratios[absent] = np.nan
    panels = rng.choice(["A", "B"], samples)
    tables = [
        AssayTable(Assay.MUTATION, ids, genes, calls, np.full(samples, "calls"), panels),
        AssayTable(Assay.COPY_NUMBER, ids, genes, ratios, np.where(absent, "", "log2_ratio")),
    ]
    dated = pd.DataFrame(
        {"patient_id": sorted(set(patients)), "time_days": 0.0, "variable": "ctc_count", "value": 1.0}
    )
    return Cohort.join(clinical, tables, endpoints, Provenance("made", "CC0", "", "hg38"), dated)


def parts_of(cohort: Cohort, size: int) -> Iterator[Cohort]:
    for start in range(0, len(cohort), size):
        yield cohort.take(np.arange(start, min(start + size, len(cohort))))


def write_all(parts: Iterable[Cohort], folder: Path) -> None:
    with cohort_writer(folder) as writer:
        for part in parts:
            writer.add(part)


def write_in_parts(cohort: Cohort, folder: Path, size: int) -> None:
    write_all(parts_of(cohort, size), folder)


def bytes_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row groups of some hundred bytes, so that a tiny cohort has many."""
    monkeypatch.setattr("metarisk.data.store.writer.GROUP_BYTES", 600)
    monkeypatch.setattr("metarisk.data.store.writer.BLOCK_BYTES", 300)
    monkeypatch.setattr("metarisk.data.store.stored.BLOCK_BYTES", 100)


@pytest.mark.parametrize("size", [1, 7, 10, 60])
@pytest.mark.usefixtures("small_groups")
def test_how_a_cohort_was_cut_into_parts_leaves_no_trace(tmp_path, size):
    cohort = made()
    write_cohort(cohort, tmp_path / "whole")
    write_in_parts(cohort, tmp_path / "parts", size)
    assert bytes_in(tmp_path / "parts") == bytes_in(tmp_path / "whole")


@pytest.mark.usefixtures("small_groups")
def test_any_slice_is_the_slice_of_the_whole(tmp_path):
    cohort = made()
    write_cohort(cohort, tmp_path / "c")
    stored = open_cohort(tmp_path / "c")
    assert pq.read_metadata(tmp_path / "c" / "mutation.parquet").num_row_groups > 5
    rng = np.random.default_rng(1)
    mask = rng.random(60) < 0.5
    for rows in (np.arange(12, 31), rng.permutation(60)[:9], np.array([5, 5, 0]), np.array([-1]), mask):
        taken, wanted = stored.take(rows), cohort.take(rows)
        assert taken.content_sha256() == wanted.content_sha256()
        assert taken.sample_ids.tolist() == wanted.sample_ids.tolist()
        for assay, table in wanted.assays.items():
            assert taken.assays[assay].panels.tolist() == table.panels.tolist()


def test_an_empty_slice_is_an_empty_cohort(tmp_path):
    write_cohort(made(), tmp_path / "c")
    none = open_cohort(tmp_path / "c").take(np.empty(0, dtype=np.intp))
    assert len(none) == 0
    assert none.assays[Assay.MUTATION].values.shape == (0, len(GENES), 4)


@pytest.mark.parametrize("size", [1, 13, 60, 1000])
@pytest.mark.usefixtures("small_groups")
def test_parts_are_the_whole_in_order(tmp_path, size):
    cohort = made()
    write_cohort(cohort, tmp_path / "c")
    parts = list(open_cohort(tmp_path / "c").parts(size))
    assert [len(part) for part in parts] == [len(part) for part in parts_of(cohort, size)]
    for part, wanted in zip(parts, parts_of(cohort, size), strict=True):
        assert part.content_sha256() == wanted.content_sha256()


@pytest.mark.usefixtures("small_groups")
def test_a_slice_reads_no_other_row_group(tmp_path):
    write_cohort(made(), tmp_path / "c")
    stored = open_cohort(tmp_path / "c")
    path = tmp_path / "c" / "mutation.parquet"
    last = pq.read_metadata(path).row_group(pq.read_metadata(path).num_row_groups - 1)
    data = bytearray(path.read_bytes())
    values = last.column(3)
    data[values.data_page_offset + values.total_compressed_size - 2] ^= 1
    path.write_bytes(data)
    assert len(stored.take(np.arange(5))) == 5  # the damage lies in a page that nobody asked for
    with pytest.raises(InputError, match=r"c: mutation\.parquet is damaged .*page integrity"):
        stored.take(np.arange(55, 60))


def test_row_groups_are_bounded_by_bytes_not_by_rows(tmp_path, monkeypatch):
    monkeypatch.setattr("metarisk.data.store.writer.GROUP_BYTES", 2**16)
    for genes in (5, 500):
        names = tuple(f"G{n}" for n in range(genes))
        write_cohort(made(300, names), tmp_path / str(genes))
        metadata = pq.read_metadata(tmp_path / str(genes) / "mutation.parquet")
        groups = [metadata.row_group(n) for n in range(metadata.num_row_groups)]
        assert all(group.column(3).total_uncompressed_size < 2**16 + 2**12 for group in groups)
    assert len(groups) == 10  # 300 samples of 4 x 500 bytes and 64, 31 to a group


def test_a_part_without_an_assay_lacks_it_for_its_samples(tmp_path):
    cohort = made(20)
    first, second = parts_of(cohort, 10)
    fewer = replace(second, assays={Assay.COPY_NUMBER: second.assays[Assay.COPY_NUMBER]})
    write_all([first, fewer], tmp_path / "c")
    mutation = read_cohort(tmp_path / "c").assays[Assay.MUTATION]
    assert np.isnan(mutation.values[10:]).all()
    assert set(mutation.units[10:]) == {""}
    np.testing.assert_array_equal(mutation.values[:10], first.assays[Assay.MUTATION].values)


def test_dated_values_of_a_patient_in_two_parts_are_written_once(tmp_path):
    cohort = made(20)
    write_in_parts(cohort, tmp_path / "c", 1)  # two samples of a patient, in two parts
    pd.testing.assert_frame_equal(read_cohort(tmp_path / "c").dated, cohort.dated)


def test_a_part_that_differs_from_the_first_is_refused_and_nothing_is_left(tmp_path):
    first, second = parts_of(made(20), 10)
    other_genes = replace(second.assays[Assay.MUTATION], genes=tuple(f"H{n}" for n in range(7)))
    changed = {
        "mutation genes": replace(second, assays={Assay.MUTATION: other_genes}),
        "clinical columns": replace(second, clinical=second.clinical.drop(columns="stage")),
        "endpoint columns": replace(second, endpoints=second.endpoints.astype(object)),
        "provenance": replace(second, provenance=Provenance("other", "", "")),
    }
    for what, part in changed.items():
        with pytest.raises(InputError, match=f"part 2 of the cohort has other {what} than the first part"):
            write_all([first, part], tmp_path / "c")
    assert list(tmp_path.iterdir()) == []


def test_a_sample_in_two_parts_is_refused(tmp_path):
    cohort = made(20)
    overlapping = [cohort.take(np.arange(10)), cohort.take(np.arange(8, 20))]
    with pytest.raises(InputError, match=r"part 2 of the cohort repeats 2 samples \(S008, S009\)"):
        write_all(overlapping, tmp_path / "c")


def test_a_sample_twice_in_a_part_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"part 1 of the cohort repeats 1 samples \(S003\)"):
        write_cohort(made(20).take(np.array([3, 4, 3])), tmp_path / "c")


def test_an_assay_in_another_order_than_the_samples_is_refused(tmp_path):
    cohort = made(20)
    turned = cohort.assays[Assay.MUTATION].take(np.arange(20)[::-1])
    with pytest.raises(
        InputError, match="mutation of part 1 of the cohort has other samples than its clinical"
    ):
        write_cohort(replace(cohort, assays={Assay.MUTATION: turned}), tmp_path / "c")
    assert list(tmp_path.iterdir()) == []


def test_no_part_is_no_cohort(tmp_path):
    with pytest.raises(InputError, match="the cohort has no samples"), cohort_writer(tmp_path / "c"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_opened_cohort_tells_what_it_has_before_values_are_read(tmp_path):
    cohort = made()
    write_cohort(cohort, tmp_path / "c")
    stored = open_cohort(tmp_path / "c")
    assert len(stored) == 60
    assert stored.provenance == cohort.provenance
    assert stored.assays[Assay.MUTATION].genes == GENES
    assert sum(stored.assays[Assay.MUTATION].panels.values()) == 60
    assert set(stored.assays) == {Assay.MUTATION, Assay.COPY_NUMBER}
    assert ASSAYS[Assay.COPY_NUMBER].units[1] in stored.assays[Assay.COPY_NUMBER].units
    pd.testing.assert_frame_equal(stored.clinical, cohort.clinical)
