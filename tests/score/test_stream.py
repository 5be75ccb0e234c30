from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from metarisk.data.cohort import Cohort
from metarisk.errors import InputError, OutputError
from metarisk.models.bundle import ModelBundle
from metarisk.models.scoring import score_cohort
from metarisk.schema.scores import COLUMNS
from metarisk.score import ScoreReport, read_scores, score_to

PROBABILITIES = ["probability", "lower", "upper"]


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_table_on_disk_is_what_memory_says(
    scored: ScoreReport, bundle: ModelBundle, samples: Cohort
) -> None:
    expected, found = score_cohort(bundle, samples), read_scores(scored.out)
    np.testing.assert_allclose(found[PROBABILITIES], expected[PROBABILITIES], rtol=0, atol=1e-6)
    rest = [name for name in COLUMNS if name not in PROBABILITIES]
    pd.testing.assert_frame_equal(found[rest], expected[rest])


def test_there_is_a_row_for_each_sample_and_question_in_the_order_of_the_samples(
    scored: ScoreReport, samples: Cohort
) -> None:
    table = read_scores(scored.out)
    questions = table[["task", "target", "horizon_days"]].drop_duplicates()
    assert len(table) == scored.rows == len(samples) * len(questions)
    assert {"site", "metastasis", "response"} == set(table["task"])
    assert table["sample_id"].drop_duplicates().tolist() == samples.sample_ids.tolist()


def test_two_runs_write_the_same_bytes(
    scored: ScoreReport, bundle: ModelBundle, samples: Cohort, tmp_path: Path
) -> None:
    again = score_to(bundle, samples, tmp_path / "again")
    assert bytes_of(again.out) == bytes_of(scored.out)


def test_a_row_group_holds_512_samples_however_the_work_was_cut(
    bundle: ModelBundle, samples: Cohort, tmp_path: Path
) -> None:
    report = score_to(bundle, many(samples, 600), tmp_path / "out", samples_at_a_time=128)
    whole = score_to(bundle, many(samples, 600), tmp_path / "whole", samples_at_a_time=600)
    table = pq.read_metadata(report.scores)
    questions = report.rows // report.samples
    assert [table.row_group(at).num_rows for at in range(2)] == [512 * questions, 88 * questions]
    assert bytes_of(report.out) == bytes_of(whole.out)


def test_the_manifest_counts_what_the_table_holds(scored: ScoreReport) -> None:
    table = read_scores(scored.out)
    carriers: dict[str, set[str]] = {}
    for row in table.itertuples():
        for flag in filter(None, str(row.flags).split(";")):
            carriers.setdefault(flag, set()).add(str(row.sample_id))
    manifest = json.loads((scored.out / "scores.json").read_text())
    assert manifest["flags"] == {flag: len(ids) for flag, ids in carriers.items()}
    assert manifest["rows"] == len(table)
    assert manifest["samples"] == table["sample_id"].nunique()
    assert manifest["abstained"] == table["probability"].isna().sum()
    assert manifest["model"]["bundle_sha256"] == table["bundle_sha256"].unique().item()


def test_a_sample_of_which_nothing_is_known_abstains_and_is_counted(
    bundle: ModelBundle, samples: Cohort, tmp_path: Path
) -> None:
    clinical = samples.clinical[["patient_id"]].head(2)
    blank = Cohort.join(clinical, [], samples.endpoints.head(2), samples.provenance)
    report = score_to(bundle, blank, tmp_path / "blank")
    table = read_scores(report.out)
    assert table["probability"].isna().all()
    assert report.abstained == report.rows == len(table)
    assert report.flags["abstained:nothing-measured"] == 2


def test_an_unknown_probability_is_null_in_the_file_and_not_nan(
    scored: ScoreReport,
) -> None:
    horizon = pq.read_table(scored.scores).column("horizon_days").to_pylist()
    assert None in horizon
    assert not any(np.isnan(value) for value in horizon if value is not None)


def test_pages_carry_checksums(scored: ScoreReport) -> None:
    raw = bytearray(scored.scores.read_bytes())
    first = pq.read_metadata(scored.scores).row_group(0).column(COLUMNS.index("probability"))
    start = first.dictionary_page_offset or first.data_page_offset
    raw[start + first.total_compressed_size - 3] ^= 1
    with pytest.raises(OSError, match="CRC"):
        pq.read_table(_file(scored.out.parent / "flipped.parquet", raw), page_checksum_verification=True)


def test_an_empty_cohort_is_refused_and_leaves_nothing(
    bundle: ModelBundle, samples: Cohort, tmp_path: Path
) -> None:
    nobody = samples.take(np.zeros(len(samples), dtype=bool))
    with pytest.raises(InputError, match=r"has no samples; expected at least one to score"):
        score_to(bundle, nobody, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_scores_that_stand_there_are_replaced_only_when_asked(
    scored: ScoreReport, bundle: ModelBundle, samples: Cohort, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    score_to(bundle, samples.take(np.arange(3)), out)
    with pytest.raises(OutputError, match=r"out exists. Choose another folder, or allow it with --overwrite"):
        score_to(bundle, samples, out)
    score_to(bundle, samples, out, overwrite=True)
    assert bytes_of(out) == bytes_of(scored.out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_that_holds_no_scores_is_never_replaced(
    bundle: ModelBundle, samples: Cohort, tmp_path: Path
) -> None:
    _file(tmp_path / "thesis" / "chapter.txt", b"years of work")
    with pytest.raises(OutputError, match=r"thesis exists and has no scores.json"):
        score_to(bundle, samples, tmp_path / "thesis", overwrite=True)
    assert (tmp_path / "thesis" / "chapter.txt").read_bytes() == b"years of work"


def test_a_disk_that_is_full_at_once_leaves_nothing(
    bundle: ModelBundle, samples: Cohort, tmp_path: Path
) -> None:
    with files_of_at_most(100), pytest.raises(OutputError, match=r"cannot be written .*File too large"):
        score_to(bundle, samples, tmp_path / "out", samples_at_a_time=5)
    assert not (tmp_path / "out").exists()


def test_a_disk_that_fills_up_keeps_the_work_and_nothing_half_written_has_the_final_name(
    bundle: ModelBundle, samples: Cohort, tmp_path: Path
) -> None:
    whole = many(samples, 600)
    size = 24_000  # enough for a part and the ledger's first entries
    with files_of_at_most(size), pytest.raises(OutputError, match=r"out cannot be written"):
        score_to(bundle, whole, tmp_path / "out", samples_at_a_time=64)
    assert [path.name for path in tmp_path.iterdir()] == ["out.unfinished"]
    score_to(bundle, whole, tmp_path / "out")
    score_to(bundle, whole, tmp_path / "undisturbed")
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "undisturbed")


def test_a_full_disk_keeps_the_scores_that_were_to_be_replaced(
    bundle: ModelBundle, samples: Cohort, tmp_path: Path
) -> None:
    score_to(bundle, samples, tmp_path / "out")
    before = bytes_of(tmp_path / "out")
    with files_of_at_most(1500), pytest.raises(OutputError, match=r"cannot be written"):
        score_to(bundle, samples, tmp_path / "out", overwrite=True)
    assert bytes_of(tmp_path / "out") == before


def test_a_parent_that_is_a_file_is_named(bundle: ModelBundle, samples: Cohort, tmp_path: Path) -> None:
    _file(tmp_path / "file", b"")
    with pytest.raises(OutputError, match=r"file/out cannot be written"):
        score_to(bundle, samples, tmp_path / "file" / "out")


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The kernel refuses to let any file of this process grow beyond a size, like a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def many(cohort: Cohort, n_samples: int) -> Cohort:
    """The same samples again and again under new names."""
    long = cohort.take(np.arange(n_samples) % len(cohort))
    ids = np.array([f"S{number}" for number in range(n_samples)])
    index = pd.Index(ids.astype(object), name="sample_id")
    assays = {assay: replace(table, sample_ids=ids) for assay, table in long.assays.items()}
    return Cohort(long.clinical.set_axis(index), assays, long.endpoints.set_axis(index), long.provenance)


def _file(path: Path, content: bytes | bytearray) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path
