"""SIGNOR's causal table."""

from __future__ import annotations

from pathlib import Path

import pytest

from metarisk.errors import TopologyError
from metarisk.pathways.agreement import named_edges
from metarisk.pathways.importers import Imported, read_signor

COLUMNS = """ENTITYA TYPEA IDA DATABASEA ENTITYB TYPEB IDB DATABASEB EFFECT MECHANISM RESIDUE SEQUENCE
TAX_ID CELL_DATA TISSUE_DATA MODULATOR_COMPLEX TARGET_COMPLEX MODIFICATIONA MODASEQ MODIFICATIONB MODBSEQ PMID
DIRECT NOTES ANNOTATOR SENTENCE SIGNOR_ID SCORE"""
UP, DOWN = "up-regulates activity", "down-regulates quantity by destabilization"


def row(source: str, target: str, effect: str, mechanism: str, **other: str) -> str:
    """One line of the table; types, ids and species can be set by column name."""
    cells = {
        "ENTITYA": source,
        "TYPEA": "protein",
        "IDA": f"ID_{source}",
        "ENTITYB": target,
        "TYPEB": "protein",
        "IDB": f"ID_{target}",
        "EFFECT": effect,
        "MECHANISM": mechanism,
        "TAX_ID": "9606",
        "SENTENCE": 'It said "so',
    } | other
    return "\t".join(cells.get(column, "") for column in COLUMNS.split())


def read(folder: Path, *rows: str, complexes: str = "") -> Imported:
    (folder / "signor.tsv").write_text("\n".join(["\t".join(COLUMNS.split()), *rows]) + "\n")
    if not complexes:
        return read_signor(folder / "signor.tsv")
    (folder / "complexes.csv").write_text(complexes)
    return read_signor(folder / "signor.tsv", complexes=folder / "complexes.csv")


def edges(imported: Imported) -> list[tuple[str, str, str, int]]:
    return [(edge.source, edge.target, edge.relation, edge.sign) for edge in named_edges(imported.topology)]


def test_effects_become_signs_and_mechanisms_relations(tmp_path: Path) -> None:
    imported = read(
        tmp_path,
        row("AKT1", "GSK3B", "down-regulates activity", "phosphorylation"),
        row("MDM2", "TP53", DOWN, "polyubiquitination"),
        row("SNAI1", "CDH1", "down-regulates quantity by repression", "transcriptional regulation"),
        row("MIR34A", "MET", "down-regulates", "post transcriptional regulation", TYPEA="mirna"),
        row("SOS1", "KRAS", UP, "guanine nucleotide exchange factor"),
        row("A", "B", "unknown", "binding"),
    )
    assert edges(imported) == [
        ("A", "B", "binding", 0),
        ("AKT1", "GSK3B", "phosphorylation", -1),
        ("MDM2", "TP53", "modification", -1),
        ("MIR34A", "MET", "tf_target", -1),
        ("SNAI1", "CDH1", "tf_target", -1),
        ("SOS1", "KRAS", "modification", 1),
    ]


def test_what_is_no_edge_between_genes_is_left_out_with_its_reason(tmp_path: Path) -> None:
    _, report = read(
        tmp_path,
        row("AKT1", "GSK3B", UP, "phosphorylation"),
        row("AKT1", "X", "form complex", "binding", TYPEB="complex"),
        row("AKT1", "Apoptosis", "down-regulates", "", TYPEB="phenotype"),
        row("Akt1", "Gsk3b", UP, "phosphorylation", TAX_ID="10090"),
        row("AKT1", "B", "is fond of", ""),
    )
    assert report.edges_kept == 1
    assert report.skipped == {
        "it forms a complex, an effect on no gene": 1,
        "the effect is none that SIGNOR defines": 1,
        "an end is no gene (chemical, phenotype, stimulus, family, complex)": 1,
        "the experiment is of another species": 1,
    }


def test_a_mechanism_we_do_not_know_is_told(tmp_path: Path) -> None:
    imported = read(tmp_path, row("A", "B", UP, "teleportation"))
    assert edges(imported) == [("A", "B", "association", 1)]
    assert imported.report.notes == ("1 rows have the mechanism 'teleportation', kept as association.",)


def test_complexes_are_spelled_out_when_their_table_is_given(tmp_path: Path) -> None:
    line = row("AP1", "IL6", UP, "transcriptional regulation", TYPEA="complex", IDA="SIGNOR-C1")
    table = 'SIGNOR ID;COMPLEX NAME;LIST OF ENTITIES\nSIGNOR-C1;"AP1";"FOS,  JUN"\n'
    assert edges(read(tmp_path, line, complexes=table)) == [
        ("FOS", "IL6", "tf_target", 1),
        ("JUN", "IL6", "tf_target", 1),
    ]
    with pytest.raises(TopologyError, match=r"SIGNOR: signor\.tsv gave no gene \(no row was kept\)"):
        read(tmp_path, line)


def test_rows_that_disagree_cancel_and_are_named(tmp_path: Path) -> None:
    imported = read(tmp_path, row("A", "B", UP, "binding"), row("A", "B", "down-regulates", "binding"))
    assert edges(imported) == [("A", "B", "binding", 0)]
    assert "1 edges have both signs and are kept unsigned (A -> B (binding))." in imported.report.lines()


def test_a_comma_file_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "s.tsv").write_text(",".join(COLUMNS.split()) + "\n")
    with pytest.raises(TopologyError, match="no tab found in the header, is this another format"):
        read_signor(tmp_path / "s.tsv")
