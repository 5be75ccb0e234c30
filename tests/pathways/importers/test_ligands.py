"""CellPhoneDB's tables and those in the manner of LIANA."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest

from metarisk.errors import TopologyError
from metarisk.pathways import RELATIONS
from metarisk.pathways.agreement import named_edges
from metarisk.pathways.importers import Imported, read_cellphonedb, read_ligand_receptor

INTERACTIONS = """id_cp_interaction,partner_a,partner_b,is_ppi,directionality,modulatory_effect,classification
CPI-1,P48061,P61073,True,Ligand-Receptor,,"Signaling by Chemokines, all"
CPI-2,P1,integrin_avb3_complex,True,Adhesion-Adhesion,,
CPI-3,Ado_byNT5E,P29274,False,Ligand-Receptor,,
CPI-4,P2,P61073,True,Ligand-Receptor,Inhibitory,
"""
COMPLEXES = """complex_name,uniprot_1,uniprot_2,uniprot_3,uniprot_4,uniprot_5,transmembrane
integrin_avb3_complex,P06756,P05106,,,,TRUE
Ado_byNT5E,P21589,,,,,FALSE
"""
GENES = """gene_name,uniprot,hgnc_symbol,ensembl
CXCL12,P48061,CXCL12,ENSG1
CXCR4,P61073,CXCR4,ENSG2
VTN,P1,VTN,ENSG3
ITGAV,P06756,ITGAV,ENSG4
ITGB3,P05106,ITGB3,ENSG5
NT5E,P21589,NT5E,ENSG6
ADORA2A,P29274,ADORA2A,ENSG7
INH,P2,INH,ENSG8
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    texts = {"interaction": INTERACTIONS, "complex": COMPLEXES, "gene": GENES}
    for name, text in texts.items():
        (tmp_path / f"{name}_input.csv").write_text(text)
    return tmp_path


def read(folder: Path) -> Imported:
    tables = [folder / f"{name}_input.csv" for name in ("interaction", "complex", "gene")]
    return read_cellphonedb(tables[0], tables[1], genes=tables[2])


def edges(imported: Imported) -> list[tuple[str, str, str, int]]:
    return [(edge.source, edge.target, edge.relation, edge.sign) for edge in named_edges(imported.topology)]


def test_complexes_small_molecules_and_directions_are_read(folder: Path) -> None:
    assert edges(read(folder)) == [
        ("CXCL12", "CXCR4", "ligand_receptor", 0),
        ("INH", "CXCR4", "ligand_receptor", -1),
        ("ITGAV", "VTN", "binding", 0),
        ("ITGB3", "VTN", "binding", 0),
        ("NT5E", "ADORA2A", "via_metabolite", 0),
        ("VTN", "ITGAV", "binding", 0),
        ("VTN", "ITGB3", "binding", 0),
    ]


def test_accessions_that_no_table_knows_are_reported(folder: Path) -> None:
    known = {"P48061": "CXCL12", "P61073": "CXCR4"}
    interactions, complexes = folder / "interaction_input.csv", folder / "complex_input.csv"
    topology, report = read_cellphonedb(interactions, complexes, resolve=known.get)
    assert topology.genes == ("CXCL12", "CXCR4")
    assert (report.edges_unresolved, len(report.unresolved)) == (6, 6)


def test_an_unknown_directionality_is_refused(folder: Path) -> None:
    path = folder / "interaction_input.csv"
    path.write_text(INTERACTIONS.replace("Adhesion-Adhesion", "Sideways"))
    with pytest.raises(
        TopologyError, match="line 3, column directionality: 'Sideways'; expected one of Ligand"
    ):
        read(folder)


def test_the_native_files_read_with_these_counts(shared_data: Path) -> None:
    native = shared_data / "topology" / "native"
    with gzip.open(shared_data / "topology" / "genes.tsv.gz", "rt") as stream:
        accessions = {row["uniprot"]: row["symbol"] for row in csv.DictReader(stream, delimiter="\t")}
    topology, report = read_cellphonedb(
        native / "cellphonedb_interaction_input.csv",
        native / "cellphonedb_complex_input.csv",
        resolve=accessions.get,
    )
    assert (report.rows_read, report.edges_kept) == (2_911, 2_730)
    assert (report.self_loops, report.duplicates, report.conflicts) == (33, 2_294, 0)
    assert (len(report.unresolved), report.edges_unresolved) == (81, 1_545)
    met = {RELATIONS[relation] for relation in topology.relation}
    assert met == {"ligand_receptor", "binding", "via_metabolite"}


@pytest.mark.parametrize(
    "text",
    [
        "ligand,receptor\nTGFB1,TGFBR1_TGFBR2\n",
        "source_genesymbol\ttarget_genesymbol\tother\nTGFB1\tTGFBR1_TGFBR2\tx\n",
    ],
)
def test_tables_in_the_manner_of_liana_are_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "lr").write_text(text)
    imported = read_ligand_receptor(tmp_path / "lr", provider="LIANA", licence="GPL", sign=1)
    assert edges(imported) == [
        ("TGFB1", "TGFBR1", "ligand_receptor", 1),
        ("TGFB1", "TGFBR2", "ligand_receptor", 1),
    ]


def test_a_table_without_a_receptor_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lr.csv").write_text("ligand,partner\nA,B\n")
    with pytest.raises(
        TopologyError, match=r"lr\.csv has the columns ligand, partner; expected one of receptor"
    ):
        read_ligand_receptor(tmp_path / "lr.csv", provider="L", licence="x")
