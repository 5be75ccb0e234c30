"""A stored cohort comes back the same, or not at all."""

from __future__ import annotations

import json
import os

import numpy as np
import pandas as pd
import pytest

from metarisk.data import AssayTable, Cohort, Provenance, inspect_study, read_cohort, read_study, write_cohort
from metarisk.errors import InputError, OutputError
from metarisk.schema.assays import Assay


@pytest.fixture
def cohort(tiny) -> Cohort:
    return read_study(tiny.write())


def test_a_cohort_comes_back_the_same(cohort, tmp_path):
    write_cohort(cohort, tmp_path / "c")
    again = read_cohort(tmp_path / "c")
    pd.testing.assert_frame_equal(again.clinical, cohort.clinical)
    pd.testing.assert_frame_equal(again.endpoints, cohort.endpoints)
    assert again.provenance == cohort.provenance
    assert list(again.assays) == list(cohort.assays)
    for assay, table in cohort.assays.items():
        np.testing.assert_array_equal(again.assays[assay].values, table.values)
        assert again.assays[assay].genes == table.genes
        assert again.assays[assay].units.tolist() == table.units.tolist()
    assert again.content_sha256() == cohort.content_sha256()


def test_a_stored_cohort_is_read_like_a_study(cohort, tmp_path):
    write_cohort(cohort, tmp_path / "c")
    assert read_study(tmp_path / "c").content_sha256() == cohort.content_sha256()


def test_values_that_are_read_can_be_written_to(cohort, tmp_path):
    write_cohort(cohort, tmp_path / "c")
    assert read_cohort(tmp_path / "c").assays[Assay.MUTATION].values.flags.writeable


def test_an_assay_without_genes_survives(tmp_path):
    clinical = pd.DataFrame({"patient_id": ["P"]}, index=pd.Index(["S"], name="sample_id"))
    empty = AssayTable(
        Assay.FUSION, np.array(["S"]), (), np.zeros((1, 0, 1), dtype=np.float32), np.array(["calls"])
    )
    cohort = Cohort.join(clinical, [empty], pd.DataFrame(index=clinical.index), Provenance("x", "y", "z"))
    write_cohort(cohort, tmp_path / "c")
    assert read_cohort(tmp_path / "c").assays[Assay.FUSION].values.shape == (1, 0, 1)


@pytest.mark.parametrize("name", ["clinical.parquet", "endpoints.parquet", "mutation.parquet"])
def test_one_flipped_byte_is_named(cohort, tmp_path, name):
    write_cohort(cohort, tmp_path / "c")
    path = tmp_path / "c" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=rf"c: {name} was altered after it was written"):
        read_cohort(tmp_path / "c")


def test_a_truncated_file_is_named_with_both_sizes(cohort, tmp_path):
    write_cohort(cohort, tmp_path / "c")
    path = tmp_path / "c" / "mutation.parquet"
    size = path.stat().st_size
    os.truncate(path, size - 10)
    with pytest.raises(InputError, match=rf"mutation.parquet has {size - 10} bytes; expected {size} bytes"):
        read_cohort(tmp_path / "c")


def test_a_damaged_store_is_a_finding_of_inspection(cohort, tmp_path):
    write_cohort(cohort, tmp_path / "c")
    (tmp_path / "c" / "mutation.parquet").unlink()
    reading = inspect_study(tmp_path / "c")
    assert reading.cohort is None
    assert "mutation.parquet is missing" in str(reading.findings[0])


def test_page_checksums_are_written(cohort, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    write_cohort(cohort, tmp_path / "c")
    path = tmp_path / "c" / "mutation.parquet"
    column = pq.read_metadata(path).row_group(0).column(2)
    data = bytearray(path.read_bytes())
    data[column.data_page_offset + column.total_compressed_size - 3] ^= 1
    path.write_bytes(data)
    with pytest.raises((OSError, pa.ArrowException), match=r"CRC|could not verify page integrity"):
        pq.read_table(path, page_checksum_verification=True)


def test_an_existing_folder_is_kept_unless_asked(cohort, tmp_path):
    write_cohort(cohort, tmp_path / "c")
    with pytest.raises(OutputError, match=r"c exists. Choose another folder, or allow it with --overwrite"):
        write_cohort(cohort, tmp_path / "c")
    rows = np.array([0, 1])
    write_cohort(cohort.take(rows), tmp_path / "c", overwrite=True)
    assert len(read_cohort(tmp_path / "c")) == 2
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_another_format_version_is_refused(cohort, tmp_path):
    write_cohort(cohort, tmp_path / "c")
    path = tmp_path / "c" / "cohort.json"
    path.write_text(
        json.dumps(json.loads(path.read_text()) | {"format_version": 99, "written_by": "metarisk 7.0"})
    )
    told = r"is of format version 99; expected version 2\. Read it with metarisk 7\.0, or write it again"
    with pytest.raises(InputError, match=told):
        read_cohort(tmp_path / "c")
