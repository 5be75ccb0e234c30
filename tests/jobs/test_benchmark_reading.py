"""The benchmark of reading counts the rows of every table once, for both readers."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from metarisk.cli import run
from metarisk.errors import InputError
from metarisk.jobs.benchmark_reading import table_files


def test_both_readers_read_the_same_files(study_folder, tmp_path, capsys):
    out = tmp_path / "bench"
    assert run(["benchmark", "reading", str(study_folder), "--runs", "3", "--out", str(out)]) == 0
    table = pd.read_csv(out / "reading.tsv", sep="\t", comment="#")
    assert table["reader"].tolist() == [
        *(["metarisk", "pandas.read_csv"] * 4),
        "metarisk / pandas",
    ]
    assert table["run"].tolist() == ["1", "1", "2", "2", "3", "3", *["median"] * 3]
    assert (table["rows"].iloc[:-1] == 4).all()  # two samples and two mutations
    ours = table[(table["reader"] == "metarisk") & (table["run"] != "median")]["seconds"]
    assert table["seconds"].iloc[-3] == pytest.approx(ours.median(), rel=1e-3)
    assert table["seconds"].iloc[-1] == pytest.approx(
        table["seconds"].iloc[-3] / table["seconds"].iloc[-2], rel=2e-3
    )
    assert (
        (out / "reading.tsv")
        .read_text()
        .startswith("# command: metarisk benchmark reading two --runs 3\n# on: ")
    )
    assert "metarisk / pandas" in capsys.readouterr().out


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
