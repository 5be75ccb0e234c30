"""OmniPath's interactions table."""

from __future__ import annotations

from pathlib import Path

import pytest

from metarisk.errors import TopologyError
from metarisk.pathways.agreement import named_edges
from metarisk.pathways.importers import Imported, read_omnipath

COLUMNS = """source target source_genesymbol target_genesymbol is_directed is_stimulation is_inhibition
consensus_direction consensus_stimulation consensus_inhibition kinaseextra ligrecextra type
ncbi_tax_id_source ncbi_tax_id_target entity_type_source entity_type_target"""


def row(source: str, target: str, flags: str, /, **other: str) -> str:
    """One line; ``flags`` are directed, stimulation, inhibition and the same of the consensus, 0 or 1."""
    cells = {
        "source": f"UP_{source}",
        "target": f"UP_{target}",
        "source_genesymbol": source,
        "target_genesymbol": target,
        **dict(zip(COLUMNS.split()[4:10], flags, strict=True)),
        "kinaseextra": "False",
        "ligrecextra": "False",
        "type": "post_translational",
        "ncbi_tax_id_source": "9606",
        "ncbi_tax_id_target": "9606",
        "entity_type_source": "protein",
        "entity_type_target": "protein",
    } | other
    return "\t".join(cells[column] for column in COLUMNS.split())


def read(folder: Path, *rows: str) -> Imported:
    (folder / "omnipath.tsv").write_text("\n".join(["\t".join(COLUMNS.split()), *rows]) + "\n")
    return read_omnipath(folder / "omnipath.tsv")


def edges(imported: Imported) -> list[tuple[str, str, str, int]]:
    return [(edge.source, edge.target, edge.relation, edge.sign) for edge in named_edges(imported.topology)]


def test_the_consensus_decides_the_sign_and_the_dataset_the_relation(tmp_path: Path) -> None:
    imported = read(
        tmp_path,
        row("A", "B", "110110"),
        row("A", "C", "111101"),
        row("A", "D", "111000"),
        row("A", "E", "101000", kinaseextra="True"),
        row("A", "F", "110000", ligrecextra="1"),
        row("A", "G", "110000", type="transcriptional"),
    )
    assert edges(imported) == [
        ("A", "B", "association", 1),
        ("A", "C", "association", -1),
        ("A", "D", "association", 0),
        ("A", "E", "phosphorylation", -1),
        ("A", "F", "ligand_receptor", 1),
        ("A", "G", "tf_target", 1),
    ]


def test_undirected_rows_go_both_ways(tmp_path: Path) -> None:
    both = [("A", "B", "association", 0), ("B", "A", "association", 0)]
    assert edges(read(tmp_path, row("A", "B", "000000"))) == both


def test_complexes_are_spelled_out(tmp_path: Path) -> None:
    imported = read(tmp_path, row("ITGAV_ITGB3", "PTK2", "110110", source="COMPLEX:P06756_P05106"))
    assert edges(imported) == [("ITGAV", "PTK2", "association", 1), ("ITGB3", "PTK2", "association", 1)]


def test_other_species_and_small_molecules_are_left_out(tmp_path: Path) -> None:
    _, report = read(
        tmp_path,
        row("A", "B", "110110"),
        row("Vdr", "Cyp", "110110", ncbi_tax_id_source="10090", ncbi_tax_id_target="10090"),
        row("aspirin", "PTGS2", "101101", entity_type_source="small_molecule"),
    )
    assert report.edges_kept == 1
    assert report.skipped == {"another species than 9606": 1, "an end is a small molecule": 1}


def test_a_table_without_symbols_is_refused(tmp_path: Path) -> None:
    (tmp_path / "o.tsv").write_text("source\ttarget\tis_directed\nP1\tP2\t1\n")
    with pytest.raises(TopologyError, match="lacks the columns source_genesymbol, target_genesymbol"):
        read_omnipath(tmp_path / "o.tsv")
