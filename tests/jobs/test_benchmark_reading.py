"""The benchmark of reading counts the rows of every table once, for both readers."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from metarisk.cli import run
from metarisk.errors import InputError
from metarisk.jobs.benchmark_reading import METARISK, PANDAS, Run, table_files, with_medians

pytestmark = pytest.mark.slow


def test_both_readers_read_the_same_files(study_folder, tmp_path, capsys):
    out = tmp_path / "bench"
    assert run(["benchmark", "reading", str(study_folder), "--runs", "1", "--out", str(out)]) == 0
    table = pd.read_csv(out / "reading.tsv", sep="\t", comment="#")
    assert table["reader"].tolist() == [*[METARISK, PANDAS] * 2, "metarisk / pandas"]
    assert table["run"].tolist() == ["1", "1", *["median"] * 3]
    assert table["rows"].tolist() == [4, 4, 4, 4, 1]  # two samples and two mutations
    assert (table[["seconds", "cpu_seconds", "peak_mib"]] > 0).all(axis=None)
    command = "# command: metarisk benchmark reading two --runs 1"
    assert (out / "reading.tsv").read_text().startswith(f"{command}\n# on: ")
    assert "metarisk / pandas" in capsys.readouterr().out


def test_medians_are_over_the_runs_of_a_reader_and_the_ratio_is_of_medians():
    seconds = {METARISK: (3.0, 1.0, 8.0), PANDAS: (2.0, 2.0, 1.0)}
    measured = {
        reader: [Run(reader, str(n), 10, wall, wall / 2, 20 / wall, 100.0) for n, wall in enumerate(walls)]
        for reader, walls in seconds.items()
    }
    told = with_medians(measured)
    assert [row.reader for row in told[:6]] == [METARISK, PANDAS] * 3
    assert told[6] == Run(METARISK, "median", 10, 3.0, 1.5, 20 / 3, 100.0)
    assert told[7] == Run(PANDAS, "median", 10, 2.0, 1.0, 10.0, 100.0)
    assert told[8] == Run("metarisk / pandas", "median", 1.0, 1.5, 1.5, pytest.approx(2 / 3), 1.0)


def test_panels_and_genes_that_the_study_file_names_count_as_tables(study_folder, tmp_path):
    (tmp_path / "panels.tsv").write_text("panel\tgene\nA\tTP53\n")
    with gzip.open(tmp_path / "genes.tsv.gz", "wt") as stream:
        stream.write("symbol\tapproved\nP53\tTP53\n")
    study = tmp_path / "two.yaml"
    study.write_text(
        "name: two\nformat: cbioportal\nfolder: two\nlicence: CC0\npanels: panels.tsv\ngenes: genes.tsv.gz\n"
    )
    assert [path.name for path in table_files(study, None)] == [
        "data_clinical_sample.txt",
        "data_mutations.txt",
        "panels.tsv",
        "genes.tsv.gz",
    ]


def test_a_study_that_is_not_of_the_portal_is_refused(tmp_path, capsys):
    with pytest.raises(InputError, match=r"is no cBioPortal study; expected a folder with meta files"):
        table_files(tmp_path, None)
    assert run(["benchmark", "reading", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "is no cBioPortal study" in capsys.readouterr().err
    assert list(Path(tmp_path).iterdir()) == []
