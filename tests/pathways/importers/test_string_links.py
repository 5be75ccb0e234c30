"""STRING's links, cut by score."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from metarisk.errors import TopologyError
from metarisk.pathways.agreement import named_edges
from metarisk.pathways.importers import Imported, read_string, string_names

HEADER = (
    "protein1 protein2 neighborhood fusion cooccurence coexpression "
    "experimental database textmining combined_score"
)
LINKS = [
    "9606.ENSP1 9606.ENSP2 0 0 0 0 900 0 0 910",
    "9606.ENSP2 9606.ENSP1 0 0 0 0 900 0 0 910",
    "9606.ENSP1 9606.ENSP3 0 0 0 0 0 0 800 800",
    "9606.ENSP2 9606.ENSP3 0 0 0 0 0 0 100 150",
    "9606.ENSP1 9606.ENSP4 0 0 0 0 0 990 0 990",
]
INFO = "#string_protein_id\tpreferred_name\tprotein_size\tannotation\n" + "".join(
    f'9606.ENSP{number}\t{name}\t100\ttext "quoted\n'
    for number, name in [(1, "TP53"), (2, "MDM2"), (3, "ATM")]
)
ALIASES = (
    "#string_protein_id\talias\tsource\n9606.ENSP1\tP04637\tUniProt_AC\n9606.ENSP1\tTP53\tEnsembl_HGNC_symbol\n"
    "9606.ENSP2\tMDM2\tEnsembl_HGNC_symbol BLAST\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "links.txt.gz").write_bytes(gzip.compress("\n".join([HEADER, *LINKS, ""]).encode()))
    (tmp_path / "info.txt").write_text(INFO)
    (tmp_path / "aliases.txt").write_text(ALIASES)
    return tmp_path


def pairs(imported: Imported) -> set[tuple[str, str]]:
    return {(edge.source, edge.target) for edge in named_edges(imported.topology)}


def test_links_over_the_cut_go_both_ways_unsigned(folder: Path) -> None:
    imported = read_string(folder / "links.txt.gz", min_score=700)
    one, two, three, four = (f"9606.ENSP{number}" for number in range(1, 5))
    assert pairs(imported) == {(one, two), (two, one), (one, three), (three, one), (one, four), (four, one)}
    assert set(imported.topology.sign.tolist()) == {0}
    assert imported.report.skipped == {"the scores are under the cut": 1}
    assert (imported.report.rows_read, imported.report.duplicates) == (5, 2)


def test_any_channel_that_reaches_its_cut_keeps_a_link(folder: Path) -> None:
    channels = {"experimental": 400, "database": 900}
    imported = read_string(folder / "links.txt.gz", channels=channels, relation="binding")
    assert ("9606.ENSP1", "9606.ENSP3") not in pairs(imported)
    assert {("9606.ENSP1", "9606.ENSP2"), ("9606.ENSP1", "9606.ENSP4")} <= pairs(imported)
    assert {edge.relation for edge in named_edges(imported.topology)} == {"binding"}


def test_names_come_from_the_info_file_and_then_from_the_gene_table(folder: Path) -> None:
    known = {"TP53": "TP53", "MDM2": "MDM2", "ATM": "ATM"}
    imported = read_string(folder / "links.txt.gz", names=folder / "info.txt", resolve=known.get)
    assert pairs(imported) == {("TP53", "MDM2"), ("MDM2", "TP53"), ("TP53", "ATM"), ("ATM", "TP53")}
    assert imported.report.unresolved == ("9606.ENSP4",)


def test_names_come_from_one_source_of_the_aliases(folder: Path) -> None:
    assert string_names(folder / "aliases.txt") == {"9606.ENSP1": "TP53", "9606.ENSP2": "MDM2"}
    assert string_names(folder / "aliases.txt", "UniProt_AC") == {"9606.ENSP1": "P04637"}
    with pytest.raises(TopologyError, match="has no alias of the source 'Nobody'"):
        string_names(folder / "aliases.txt", "Nobody")
    with pytest.raises(TopologyError, match=r"expected those of STRING's protein\.info or protein\.aliases"):
        string_names(folder / "links.txt.gz")


def test_a_channel_of_the_detailed_file_is_asked_for_by_name(folder: Path) -> None:
    (folder / "links.txt").write_text("protein1 protein2 combined_score\n9606.A 9606.B 900\n")
    with pytest.raises(
        TopologyError, match=r"lacks the columns experimental; .*download protein\.links\.detailed"
    ):
        read_string(folder / "links.txt", channels={"experimental": 400})


def test_a_score_that_is_no_number_is_refused(folder: Path) -> None:
    (folder / "links.txt").write_text("protein1 protein2 combined_score\n9606.A 9606.B high\n")
    with pytest.raises(TopologyError, match=r"links\.txt cannot be read .*'high'"):
        read_string(folder / "links.txt")


def test_a_file_that_is_cut_is_refused(folder: Path) -> None:
    path = folder / "links.txt.gz"
    path.write_bytes(gzip.compress("\n".join([HEADER, *LINKS * 5000, ""]).encode())[:-200])
    with pytest.raises(TopologyError, match=r"links\.txt\.gz .*cannot be read"):
        read_string(path)


def test_blocks_do_not_show_in_the_result(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        f"9606.P{a} 9606.P{b} 0 0 0 0 0 0 0 {500 + a + b}" for a in range(60) for b in range(60) if a != b
    ]
    (folder / "many.txt").write_text("\n".join([HEADER, *rows, ""]))
    whole = read_string(folder / "many.txt", min_score=550)
    monkeypatch.setattr("metarisk.pathways.importers.string_links.BLOCK_BYTES", 4096)
    assert read_string(folder / "many.txt", min_score=550).topology == whole.topology
