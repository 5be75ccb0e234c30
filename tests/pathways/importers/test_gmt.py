"""Gene sets from GMT files."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from metarisk.errors import TopologyError
from metarisk.pathways.importers import Imported, read_gmt


def read(path: Path, text: str) -> Imported:
    path.write_text(text)
    return read_gmt(path, provider="Test", licence="CC0")


def test_sets_become_pathways_with_titles(tmp_path: Path) -> None:
    text = "EMT\tEpithelial to mesenchymal\tSNAI1\tZEB1\nANGIO\thttps://example.org\tKDR\tVEGFA\t\n"
    topology, report = read(tmp_path / "x.gmt", text)
    assert topology.members("EMT") == ("SNAI1", "ZEB1")
    assert (topology.title("EMT"), topology.title("ANGIO")) == ("Epithelial to mesenchymal", "ANGIO")
    assert (report.rows_read, report.pathways_kept, report.memberships_kept) == (2, 2, 4)
    assert topology.licences == ("CC0",)


def test_names_resolve_and_the_others_are_reported(tmp_path: Path) -> None:
    (tmp_path / "x.gmt").write_text("S\tna\tIL8\tCXCL8\tBOGUS\n")
    known = {"IL8": "CXCL8", "CXCL8": "CXCL8"}
    topology, report = read_gmt(tmp_path / "x.gmt", provider="T", licence="CC0", resolve=known.get)
    assert topology.members("S") == ("CXCL8",)
    assert report.unresolved == ("BOGUS",)
    assert "1 names are no gene of the table (BOGUS)" in report.lines()[1]


def test_a_line_without_genes_is_refused_by_its_number(tmp_path: Path) -> None:
    with pytest.raises(TopologyError, match=r"x\.gmt line 2: 'EMPTY' has no genes; expected a name"):
        read(tmp_path / "x.gmt", "A\tna\tSNAI1\nEMPTY\tna\t\n")


def test_two_lines_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TopologyError, match=r"x\.gmt: lines \[1, 3\] are both 'A'"):
        read(tmp_path / "x.gmt", "A\tna\tSNAI1\nB\tna\tSNAI1\nA\tother\tZEB1\n")


def test_a_file_whose_names_are_all_unknown_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.gmt").write_text("S\tna\t1234\t99\n")
    with pytest.raises(TopologyError, match=r"Test: x\.gmt gave no gene \(1234, 99\)"):
        read_gmt(tmp_path / "x.gmt", provider="Test", licence="CC0", resolve={}.get)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", r"x\.gmt is empty"),
        (b"\n\n", r"x\.gmt is empty"),
        (b"<!DOCTYPE html><html>", r"x\.gmt is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", r"x\.gmt is a git-lfs pointer"),
        (b"A\tna\tB\xff\xfe\n", r"x\.gmt of 9 bytes cannot be read \(UnicodeDecodeError"),
        (
            gzip.compress(b"".join(b"%d\tna\tSNAI1\n" % line for line in range(900)))[:-12],
            r"x\.gmt of \d+ bytes cannot be read \((EOFError|error)",
        ),
    ],
)
def test_a_damaged_file_is_named_for_what_it_is(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "x.gmt").write_bytes(content)
    with pytest.raises(TopologyError, match=sentence):
        read_gmt(tmp_path / "x.gmt", provider="T", licence="CC0")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TopologyError, match=r"x\.gmt does not exist"):
        read_gmt(tmp_path / "x.gmt", provider="T", licence="CC0")
