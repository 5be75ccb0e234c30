"""CollecTRI and DoRothEA."""

from __future__ import annotations

from pathlib import Path

import pytest

from metarisk.errors import TopologyError
from metarisk.pathways import Topology
from metarisk.pathways.agreement import named_edges
from metarisk.pathways.importers import read_regulons


def signs(topology: Topology) -> dict[tuple[str, str], int]:
    return {(edge.source, edge.target): edge.sign for edge in named_edges(topology)}


def test_a_plus_one_that_may_be_a_default_is_kept_unsigned(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("source,target,weight\nMYC,TERT,1\nSNAI1,CDH1,-1\n")
    topology, report = read_regulons(tmp_path / "c.csv")
    assert signs(topology) == {("MYC", "TERT"): 0, ("SNAI1", "CDH1"): -1}
    assert report.lines()[-1] == "A +1 that may be a default is kept unsigned."
    believed = read_regulons(tmp_path / "c.csv", trust_activation=True).topology
    assert signs(believed)["MYC", "TERT"] == 1


def test_a_decided_plus_one_is_believed(tmp_path: Path) -> None:
    text = "source,target,weight,resources,references,sign_decision\n"
    text += "MYC,TERT,1,ExTRI,123,PMID\nSP1,TERT,1,ExTRI,124,default activation\n"
    (tmp_path / "c.csv").write_text(text)
    topology = read_regulons(tmp_path / "c.csv").topology
    assert signs(topology) == {("MYC", "TERT"): 1, ("SP1", "TERT"): 0}


def test_dorothea_levels_are_chosen(tmp_path: Path) -> None:
    text = "tf\tconfidence\ttarget\tmor\nAHR\tA\tCYP1A1\t1\nAHR\tD\tFOS\t-1\nAHR\tB\tMYC\t-0.5\n"
    (tmp_path / "d.tsv").write_text(text)
    topology, report = read_regulons(tmp_path / "d.tsv", levels=("A", "B"), trust_activation=True)
    assert signs(topology) == {("AHR", "CYP1A1"): 1, ("AHR", "MYC"): -1}
    assert report.skipped == {"the confidence level was not asked for": 1}


def test_dimers_are_spelled_out(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("source,target,weight\nNFKB,IL6,-1\n")
    topology = read_regulons(tmp_path / "c.csv").topology
    assert {source for source, _ in signs(topology)} == {"NFKB1", "NFKB2", "REL", "RELA", "RELB"}


def test_a_weight_that_is_no_number_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("source,target,weight\nMYC,TERT,up\n")
    with pytest.raises(TopologyError, match=r"c\.csv line 2, column weight: 'up' is no number"):
        read_regulons(tmp_path / "c.csv")


def test_another_table_is_refused_with_its_header(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("a,b\n1,2\n")
    with pytest.raises(TopologyError, match=r"lacks the columns source, target, weight.*Its header is: a, b"):
        read_regulons(tmp_path / "c.csv")


def test_an_empty_cell_is_refused_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("source,target,weight\nMYC,TERT,1\nSP1,,1\n")
    with pytest.raises(TopologyError, match=r"c\.csv: lines \[3\], column target: the cell is empty"):
        read_regulons(tmp_path / "c.csv")


def test_a_row_that_is_cut_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("source,target,weight\nMYC,TERT,1\nSP1,TE")
    with pytest.raises(TopologyError, match=r"c\.csv: lines \[3\], column weight: the cell is empty"):
        read_regulons(tmp_path / "c.csv")


def test_a_row_that_is_too_long_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("source,target,weight\nMYC,TERT,1\nSP1,TERT,1,extra\n")
    with pytest.raises(
        TopologyError, match=r"c\.csv of \d+ bytes cannot be read .*Expected 3 fields in line 3"
    ):
        read_regulons(tmp_path / "c.csv")


def test_the_native_file_reads_with_these_counts(shared_data: Path) -> None:
    topology, report = read_regulons(shared_data / "topology" / "native" / "collectri.csv.gz")
    assert report.rows_read == 43_178
    assert (report.edges_kept, report.self_loops, report.conflicts) == (47_777, 471, 0)
    assert report.rows_read < report.edges_kept + report.self_loops + report.duplicates  # dimers spelled out
    assert signs(topology)["SNAI1", "CDH1"] == -1
