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


HGNC = (
    "symbol\tprev_symbol\talias_symbol\tentrez_id\tensembl_gene_id\n"
    "TP53\t\tp53|LFS1\t7157\tENSG00000141510\nKRAS\tKRAS2\tK-Ras\t3845\tENSG00000133703\n"
    "PLCXD1\t\t\t55344\tENSG00000182378\n"
)


@pytest.fixture
def full(tmp_path) -> GeneTable:
    (tmp_path / "hgnc_complete_set.txt").write_text(HGNC)
    return GeneTable.from_hgnc(tmp_path / "hgnc_complete_set.txt")


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("ENSG00000141510", "TP53"),
        ("ENSG00000141510.18", "TP53"),
        ("ENSG00000182378.15_PAR_Y", "PLCXD1"),
        ("ENSGR0000182378.9", "PLCXD1"),
        ("7157", "TP53"),
        ("KRAS2", "KRAS"),
        ("LFS1", "TP53"),
        ("ENSG00000999999.1", None),
        ("99999999", None),
    ],
)
def test_a_full_table_resolves_every_kind_of_name(full, name, symbol):
    assert full.resolve([name]).symbols == (symbol,)


def test_names_of_several_kinds_are_told_once_with_their_counts(full):
    names = ["TP53", "KRAS2", "3845", "ENSG00000141510.18", "55344", "ENSG00000000001", "NOSUCH"]
    findings = [str(finding) for finding in full.resolve(names, file="x.tsv").findings]
    counted = (
        "1 approved symbols, 1 former symbols, 2 Entrez ids, 1 Ensembl ids, 1 unknown Ensembl ids, 1 unknown"
    )
    assert sum(f"x.tsv: names genes in several ways: {counted}" in told for told in findings) == 1


@pytest.mark.parametrize("names", [["TP53", "KRAS"], ["7157", "3845"], ["ENSG00000141510.18"]])
def test_sound_names_of_one_kind_need_no_word(full, names):
    assert full.resolve(names).findings == ()


def test_mapped_names_are_told_with_what_they_were(genes):
    (finding,) = genes.resolve(["TP53", "MLL2", "HER2", "MLL"], file="x.tsv").findings
    mapped = "3 names are not approved symbols and were mapped (MLL2 -> KMT2D, MLL -> KMT2A, HER2 -> ERBB2)"
    assert f"{mapped}: 2 former symbols, 1 aliases, of 4" in str(finding)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("2-Sep", "gene names look damaged by a spreadsheet (2-Sep = SEPTIN2)"),
        ("Trp53", "gene names are written as mouse genes are (Trp53)"),
        ("7157", "gene names are Entrez ids, and the gene table has no Entrez ids (7157)"),
    ],
)
def test_what_would_be_guessed_is_an_error(genes, name, sentence):
    asked = {"Trp53": ["TRP53", "Trp53", "Cdh1"]}.get(name, [name])
    findings = genes.resolve(asked).findings
    assert any(finding.level.value == "error" for finding in findings)
    assert sentence.split(" (")[0] in "\n".join(map(str, findings))


def test_ids_among_many_symbols_are_left_out_with_a_warning(genes):
    (finding,) = [
        f for f in genes.resolve(["TP53", "KRAS", "EGFR", "7157"]).findings if "Entrez ids," in f.message
    ]
    assert finding.level.value == "warning"
    assert finding.do.startswith("They were left out. Name a full HGNC table")


def test_a_table_of_entrez_ids_adds_to_the_packages_own_names(tmp_path):
    path = tmp_path / "genes.tsv"
    path.write_text("symbol\tentrez\tuniprot\nKMT2A\t4297.0\tQ03164\nWHSC1\t7468\t\nNOID1\t\t\n")
    table = GeneTable.from_hgnc(path)
    assert table.resolve(["4297", "7468", "MLL", "WHSC1", "NEWGENE1"]).symbols == (
        "KMT2A", "NSD2", "KMT2A", "NSD2", "NEWGENE1",
    )  # fmt: skip
