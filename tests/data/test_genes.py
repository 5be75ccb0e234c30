"""Gene names: what is mapped, what is refused, and the package's own table."""

from __future__ import annotations

import pytest

from metarisk.data import GeneTable
from metarisk.data.gene_names import (
    damaged_by_spreadsheet,
    is_mouse_style,
    looks_like_symbol,
    microrna_symbol,
)
from metarisk.errors import InputError


@pytest.fixture(scope="module")
def genes() -> GeneTable:
    return GeneTable.embedded()


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("MLL", "KMT2A"),
        ("MLL2", "KMT2D"),
        ("MLL3", "KMT2C"),
        ("WHSC1", "NSD2"),
        ("PARK2", "PRKN"),
        ("FAM123B", "AMER1"),
        ("MYCL1", "MYCL"),
        ("FAM175A", "ABRAXAS1"),
        ("FAM46C", "TENT5C"),
        ("MRE11A", "MRE11"),
        ("RFWD2", "COP1"),
        ("PAK7", "PAK5"),
        ("HIST1H3B", "H3C2"),
        ("IL8", "CXCL8"),
        ("CTGF", "CCN2"),
        ("CYR61", "CCN1"),
        ("PDL1", "CD274"),
        ("PD-L1", "CD274"),
        ("PD1", "PDCD1"),
        ("HER2", "ERBB2"),
        ("TP53", "TP53"),
        ("C1orf112", "C1orf112"),
    ],
)
def test_known_names_resolve(genes, name, symbol):
    assert genes.resolve([name]).symbols == (symbol,)


def test_the_embedded_table_never_renames_an_approved_symbol(genes):
    assert not genes.approved & (genes.previous.keys() | genes.aliases.keys())


def test_every_symbol_of_the_embedded_table_looks_like_one(genes):
    assert [symbol for symbol in genes.approved if not looks_like_symbol(symbol)] == []


def test_no_former_symbol_of_the_embedded_table_is_ambiguous(genes):
    assert {name: meant for name, meant in genes.previous.items() if len(meant) > 1} == {}


def test_names_are_counted_by_how_they_were_resolved(genes):
    resolution = genes.resolve(
        ["TP53", "MLL2", "HER2", "MLL4", "2-Sep", "Trp53", "7157", "a b", "X"], chosen={"X": "Y"}
    )
    assert resolution.symbols == ("TP53", "KMT2D", "ERBB2", None, None, None, None, None, "Y")
    assert resolution.counts == {
        "approved": 1, "previous": 1, "alias": 1, "ambiguous": 1, "damaged": 1,
        "mouse": 1, "entrez_table": 1, "unknown": 1, "chosen": 1,
    }  # fmt: skip


def test_an_ambiguous_name_lists_its_candidates(genes):
    assert genes.candidates("MLL4") == ("KMT2B", "KMT2D")
    (finding,) = genes.resolve(["MLL4"], file="x.txt").findings
    assert "MLL4 = KMT2B or KMT2D" in str(finding)


@pytest.mark.parametrize(
    ("name", "gene"),
    [
        ("2-Sep", "SEPTIN2"),
        ("Sep-02", "SEPTIN2"),
        ("1-Mar", "MARCHF1"),
        ("1-DEC", "DELEC1"),
        ("2024-09-02", "SEPTIN2"),
        ("TP53", None),
        ("ERO1-L", None),
    ],
)
def test_dates_are_known_for_the_genes_they_were(name, gene):
    assert damaged_by_spreadsheet(name) == gene


def test_mouse_style_is_told_from_human_open_reading_frames():
    assert is_mouse_style("Cdh1")
    assert not is_mouse_style("C1orf112")
    assert not is_mouse_style("CDH1")


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("hsa-mir-200c", "MIR200C"),
        ("hsa-miR-200c-3p", "MIR200C"),
        ("hsa-mir-103a-1", "MIR103A1"),
        ("hsa-mir-9-1", "MIR9-1"),
        ("hsa-let-7a-1", "MIRLET7A1"),
        ("TP53", None),
    ],
)
def test_microrna_names_become_symbols(name, symbol):
    assert microrna_symbol(name) == symbol


def test_a_full_table_calls_unknown_what_it_does_not_know(tmp_path):
    path = tmp_path / "genes.tsv"
    path.write_text("Symbol\tApproved.Symbol\nTP53\tTP53\nP53\tTP53\n1-Sep\tSEPTIN1\nSEPTIN1\tSEPTIN1\n")
    table = GeneTable.from_hgnc(path)
    resolution = table.resolve(["P53", "NOSUCH1", "1-Sep"])
    assert resolution.symbols == ("TP53", None, None)
    assert resolution.counts == {"alias": 1, "unknown": 1, "damaged": 1}


def test_a_file_that_is_no_gene_table_is_refused(tmp_path):
    path = tmp_path / "genes.tsv"
    path.write_text("gene\tid\nTP53\t1\n")
    with pytest.raises(
        InputError, match=r"genes.tsv: its columns are gene, id; expected Symbol and Approved.Symbol"
    ):
        GeneTable.from_hgnc(path)


def test_a_full_table_older_than_the_package_takes_the_newer_symbol(tmp_path):
    path = tmp_path / "genes.tsv"
    path.write_text("Symbol\tApproved.Symbol\nDDX58\tDDX58\nRIG-I\tDDX58\n")
    assert GeneTable.from_hgnc(path).resolve(["DDX58", "RIG-I", "RIGI"]).symbols == ("RIGI", "RIGI", "RIGI")


def test_an_approved_symbol_wins_over_an_alias_of_another_gene(tmp_path):
    path = tmp_path / "genes.tsv"
    path.write_text("Symbol\tApproved.Symbol\nAR\tAR\nAR\tAKR1B1\nAKR1B1\tAKR1B1\n")
    assert GeneTable.from_hgnc(path).resolve(["AR"]).symbols == ("AR",)
