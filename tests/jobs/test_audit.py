"""What a scoring job calls on its way leaves three files, the same whatever the order and cut of parts."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metarisk.jobs.audit import FURTHER, MOST_REASONS, PAGE, TABLE, TREE, AuditOfJob, set_aside_rows
from metarisk.models.bundle import load_bundle
from metarisk.models.scoring import score_cohort
from metarisk.score.report import Tally


def audited(model: Any, rows: Sequence[int], size: int, folder: Path) -> dict[str, bytes]:
    """Files of a job over some of the new samples, in parts of a size."""
    folder.mkdir()
    bundle, cohort = load_bundle(model.folder), model.new_samples
    job, tally = AuditOfJob(bundle), Tally()
    for start in range(0, len(rows), size):
        part = cohort.take(np.array(rows[start : start + size]))
        scores = score_cohort(bundle, part)
        job.input_seen(part)
        job.scores_composed(scores)
        tally.add(scores)
    (folder / "quarantine.tsv").write_text(
        "row\tsample_id\treason\n3\tbad-1\tno number\n9\tbad-2\tno number\n"
    )
    job.finishing(folder, tally.report(bundle, cohort.provenance, folder, "0" * 64, 0))
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_it_leaves_a_table_a_tree_and_a_page(tiny_model: Any, tmp_path: Path) -> None:
    files = audited(tiny_model, range(30), 30, tmp_path / "job")
    assert set(files) == {TABLE, TREE, PAGE, "quarantine.tsv"}
    rows = list(csv.DictReader(files[TABLE].decode().splitlines(), delimiter="\t"))
    tree = json.loads(files[TREE])
    assert [row["name"] for row in rows] == [check["name"] for check in tree["checks"]]
    assert {row["verdict"] for row in rows} <= {"ok", "too few"}
    assert (tree["samples"], tree["training_patients"]) == (30, 100)
    page = files[PAGE].decode()
    assert "2 of 32 rows were set aside" in page
    assert len(page) < 300_000


def test_no_id_of_a_sample_or_patient_enters_a_file(tiny_model: Any, tmp_path: Path) -> None:
    files = audited(tiny_model, range(30), 30, tmp_path / "job")
    ids = [*tiny_model.new_samples.sample_ids, *tiny_model.new_samples.patient_ids, "bad-1"]
    for name in (TABLE, TREE, PAGE):
        assert not [one for one in ids if one in files[name].decode()]


@pytest.mark.parametrize("size", [1, 7])
def test_parts_of_another_size_give_the_same_bytes(tiny_model: Any, tmp_path: Path, size: int) -> None:
    whole = audited(tiny_model, range(30), 30, tmp_path / "whole")
    assert audited(tiny_model, range(30), size, tmp_path / "parts") == whole


def test_reasons_are_counted_in_bounded_memory(tmp_path: Path) -> None:
    file = tmp_path / "quarantine.tsv"
    assert set_aside_rows(file).rows == 0
    lines = "".join(f"{row}\tid\treason {row}\n" for row in range(MOST_REASONS + 50))
    file.write_text(f"row\tsample_id\treason\n{lines}1\tid\treason 1\n")
    counted = set_aside_rows(file)
    assert counted.rows == MOST_REASONS + 51
    assert counted.reasons["reason 1"] == 2
    assert counted.reasons[FURTHER] == 50
