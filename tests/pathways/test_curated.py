"""The curated circuits are whole, well formed, supported by references, and quick to load."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest

from metarisk.errors import TopologyError
from metarisk.pathways import (
    circuits,
    curated_edges,
    curated_pairs,
    curated_topology,
    references,
    therapies,
)
from metarisk.pathways import curated as module

LISTED = """
CDH1 CDH2 VIM SNAI1 SNAI2 TWIST1 ZEB1 ZEB2 MIR200C MIR34A CADM1 BRMS1 CD82
MAPK14 TGFB2 CXCL12 CXCR4 CCL21 CCR7 ITGAV ITGB3 PTK2 SRC MMP2 MMP9 LOX LOXL2 FAP IL6 CXCL8 HGF MET
HIF1A EPAS1 VEGFA KDR VEGFC FLT4 ANGPT2 TEK RHOA ROCK1 RAC1 B2M IFNG JAK1 STAT1 PDCD1 CD274 CTLA4 TIGIT LAG3
TP53 RB1 KRAS PIK3CA PTEN BRCA2 ARID1A
"""


def test_there_are_at_least_400_genes_and_1200_edges() -> None:
    topology = curated_topology()
    assert topology.n_genes >= 400
    assert topology.n_edges >= 1200


def test_the_genes_of_the_design_are_all_there() -> None:
    assert not set(LISTED.split()) - set(curated_topology().genes)


def test_every_circuit_is_declared_and_every_declared_circuit_has_edges() -> None:
    used = {edge.circuit for edge in curated_edges()}
    assert used == {circuit.id for circuit in circuits()}
    assert max(Counter(circuit.id for circuit in circuits()).values()) == 1


def test_every_edge_names_a_reference_and_every_reference_is_used() -> None:
    used = {edge.evidence for edge in curated_edges()} | {target.evidence for target in therapies()}
    assert not used - references().keys()
    assert not references().keys() - used


def test_references_stand_in_one_sorted_file_and_no_paper_has_two_keys() -> None:
    keys = list(references())
    assert keys == sorted(keys)
    assert len(set(references().values())) == len(keys)


def test_a_citation_names_authors_title_journal_and_year_and_nothing_after_the_year() -> None:
    form = re.compile(r".+\. .+[.?] [A-Za-z][A-Za-z ()]* (19|20)\d\d\.")
    assert not [citation for citation in references().values() if not form.fullmatch(citation)]


def test_a_key_carries_the_year_of_its_paper() -> None:
    years = {key: re.search(r"(\d{4})[a-z]?$", key) for key in references()}
    assert not [
        key for key, year in years.items() if year is None or not references()[key].endswith(f" {year[1]}.")
    ]


def test_no_two_rows_disagree_on_a_sign() -> None:
    signs: dict[tuple[str, str, str], set[int]] = {}
    for edge in curated_edges():
        signs.setdefault((edge.source, edge.target, edge.relation), set()).add(edge.sign)
    assert not {key: found for key, found in signs.items() if len(found - {0}) > 1}


def test_symbols_look_like_symbols() -> None:
    assert not [
        gene
        for gene in curated_topology().genes
        if not re.fullmatch(r"[A-Z][A-Z0-9]*(-[A-Z0-9]+)?|C\d+orf\d+", gene)
    ]


def test_the_panel_covers_the_symbols_of_the_gene_table(shared_data: Path) -> None:
    import pandas as pd

    table = pd.read_csv(shared_data / "genes" / "hgnc_symbols.tsv.gz", sep="\t", dtype=str, na_filter=False)
    assert not set(curated_topology().genes) - set(table["Approved.Symbol"])


def test_every_target_of_a_drug_is_an_approved_symbol_with_a_citation(shared_data: Path) -> None:
    import pandas as pd

    table = pd.read_csv(shared_data / "genes" / "hgnc_symbols.tsv.gz", sep="\t", dtype=str, na_filter=False)
    assert not {target.gene for target in therapies()} - set(table["Approved.Symbol"])
    assert not [target for target in therapies() if not references().get(target.evidence, "").strip()]


def test_no_class_of_drugs_names_a_target_twice() -> None:
    rows = Counter((target.therapy_class, target.gene) for target in therapies())
    assert max(rows.values()) == 1


def test_circuits_stand_below_their_families() -> None:
    topology = curated_topology()
    named = {circuit.id: circuit.family for circuit in circuits()}
    for child, parent in topology.parents:
        assert topology.pathways[parent] == f"family:{named[topology.pathways[child]]}"
    assert topology.title("emt_core") != "emt_core"


def test_the_members_of_a_circuit_are_the_ends_of_its_edges() -> None:
    ends = {gene for pair in curated_pairs("emt_core") for gene in pair}
    assert curated_topology().members("emt_core") == tuple(sorted(ends))


def test_therapies_cover_twenty_classes_and_nearly_all_targets_are_nodes() -> None:
    assert len({target.therapy_class for target in therapies()}) >= 20
    targets = {target.gene for target in therapies()}
    assert len(targets & set(curated_topology().genes)) >= 0.97 * len(targets)


def test_loading_takes_a_fraction_of_a_second_and_no_heavy_library() -> None:
    # The goal is 0.2 s, numpy included, met on a quiet machine; the limit leaves room for a busy one.
    script = (
        "import sys, time; start = time.process_time()\n"
        "from metarisk.pathways import curated_topology\n"
        "curated_topology(); spent = time.process_time() - start\n"
        "heavy = {'torch', 'pandas', 'pyarrow', 'scipy', 'matplotlib'} & set(sys.modules)\n"
        "print(spent, *heavy)"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(3)
    ]
    assert all(len(run) == 1 for run in runs)
    assert min(float(run[0]) for run in runs) < 0.5


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "source\ttarget\nA\tB\n",
            r"x\.tsv has the columns source, target; expected source, target, relation",
        ),
        ("HEAD\nA\tB\tbinding\t1\tc\n", r"x\.tsv line 2 has 5 cells"),
        ("HEAD\nA\tB\tbinding\t1\tc\t\n", r"x\.tsv line 2 has 6 cells, some empty"),
        ("HEAD\nA\tB\tbinding\t1\tc\tRef\nA\tB\tbinding\t2\tc\tRef\n", r"x\.tsv line 3 has sign '2'"),
        ("HEAD\nA\tB\tbindin\t1\tc\tRef\n", r"line 2 has relation 'bindin'\. Did you mean 'binding'\?"),
        ("HEAD\nA\tA\tbinding\t1\tc\tRef\n", r"line 2 joins A to itself"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, sentence: str
) -> None:
    header = "\t".join(module.EDGE_COLUMNS)
    (tmp_path / "x.tsv").write_text(text.replace("HEAD", header))
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    with pytest.raises(TopologyError, match=sentence):
        module.curated_edges.__wrapped__()


def test_the_files_ship_with_the_package() -> None:
    assert (files("metarisk.pathways") / "circuits" / "plasticity.tsv").is_file()
