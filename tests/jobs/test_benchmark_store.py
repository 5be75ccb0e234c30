"""The benchmark of the store measures what it says, and notices a value that changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from metarisk.cli import run
from metarisk.data.store import cohort_writer
from metarisk.errors import InputError
from metarisk.jobs import benchmark_store as benchmark
from metarisk.jobs.benchmark_cohort import SAMPLES_AT_A_TIME, MadeCohort
from metarisk.jobs.benchmark_table import shown
from metarisk.schema.assays import Assay

pytestmark = pytest.mark.slow


def quietly(done: int, of: int) -> None:
    """Tell nobody."""


def test_a_part_drawn_again_is_the_same_and_another_part_is_not():
    made = MadeCohort(samples=SAMPLES_AT_A_TIME + 30, genes=20, seed=3)
    assert made.n_parts == 2
    assert made.part(0).content_sha256() == made.part(0).content_sha256()
    assert made.part(0).content_sha256() != replace(made, seed=4).part(0).content_sha256()
    assert len(made.part(1)) == 30
    assert not set(made.part(0).sample_ids) & set(made.part(1).sample_ids)


def test_made_cohorts_have_what_makes_a_store_hard():
    part = MadeCohort(samples=SAMPLES_AT_A_TIME, genes=50, seed=0).part(0)
    mutation = part.assays[Assay.MUTATION]
    assert set(mutation.panels) == {"WES", "SMALL", ""}
    small = mutation.values[mutation.panels == "SMALL"]
    assert np.isnan(small[:, 5:]).all()
    assert not np.isnan(small[:, :5]).any()
    for table in part.assays.values():
        assert 0.03 < np.isnan(table.values[..., 0]).all(axis=1).mean() < 0.2
    assert len(np.unique(part.assays[Assay.EXPRESSION].values)) > 10_000


def test_the_command_leaves_a_table_and_no_cohort(tmp_path, capsys):
    out = tmp_path / "bench"
    options = ["--samples", "600", "--genes", "20", "--seed", "1", "--out", str(out)]
    assert run(["benchmark", "store", *options]) == 0
    assert [path.name for path in out.iterdir()] == ["store.tsv"]
    assert [path.name for path in tmp_path.iterdir()] == ["bench"]
    text = (out / "store.tsv").read_text()
    command = "# command: metarisk benchmark store --samples 600 --genes 20 --seed 1 --out bench"
    assert text.startswith(command + "\n# on: ")
    table = pd.read_csv(out / "store.tsv", sep="\t", comment="#")
    assert table["samples"].tolist() == [600] * 6
    assert table["leg"].tolist() == [
        "write",
        "open, every hash",
        "read all",
        "open, page checksums only",
        "600 consecutive",
        "10 scattered",
    ]
    # 20 genes x (4 mutation channels + 2) x 4 bytes
    assert table["values_mb"].tolist()[0] == pytest.approx(600 * 20 * 6 * 4 / 1e6)
    assert (table[["seconds", "cpu_seconds", "disk_mb"]] > 0).all(axis=None)
    assert (table["peak_mib"] > 50).all()
    told = capsys.readouterr()
    assert "10 scattered" in told.out
    assert "writing 600 samples: 2 of 2" in told.err


def test_a_cohort_that_differs_in_one_value_is_refused(tmp_path):
    made = MadeCohort(samples=40, genes=5, seed=0)
    part = made.part(0)
    wrong = part.assays[Assay.COPY_NUMBER].values.copy()
    row = int(np.flatnonzero(~np.isnan(wrong[:, 0, 0]))[0])
    wrong[row, 3, 0] = np.nextafter(wrong[row, 3, 0], np.float32(9))
    changed = replace(part.assays[Assay.COPY_NUMBER], values=wrong)
    with cohort_writer(tmp_path / "c") as writer:
        writer.add(replace(part, assays={**part.assays, Assay.COPY_NUMBER: changed}))
    for leg in (benchmark.read, benchmark.slices):
        with pytest.raises(
            InputError, match=r"part 1 came back other than it was written; expected every value"
        ):
            leg(made, tmp_path / "c", tell=quietly)


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234.5, "1234"), (12.3456, "12.35"), (0.048, "0.04800"), (float("nan"), ""), (7, "7")],
)
def test_a_cell_shows_four_digits(value, text):
    assert shown(value) == text
