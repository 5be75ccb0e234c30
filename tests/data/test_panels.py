"""Gene panels from each of their forms."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd

from metarisk.data.genes import GeneTable
from metarisk.data.panels import panels_in, read_panels
from metarisk.data.profile import Seen, profile_of

GENES = GeneTable.embedded()


def test_a_table_a_portal_file_and_a_folder_of_these_say_the_same(tmp_path):
    (tmp_path / "panels.tsv").write_text("panel\tgene\nA\tTP53\nA\tMLL2\nB\tKRAS\n")
    (tmp_path / "data_gene_panel_a.txt").write_text(
        "stable_id: A\ndescription: a: b\ngene_list:\tTP53\tMLL2\n"
    )
    (tmp_path / "data_gene_panel_b.txt").write_text("stable_id: B\ngene_list: KRAS\n")
    expected = {"A": frozenset({"TP53", "KMT2D"}), "B": frozenset({"KRAS"})}
    assert read_panels(tmp_path / "panels.tsv", GENES, []) == expected
    assert read_panels(tmp_path, GENES, []) == expected
    assert read_panels(tmp_path / "data_gene_panel_a.txt", GENES, []) == {"A": expected["A"]}


def test_a_gzipped_panel_is_a_panel(tmp_path):
    packed = gzip.compress(b"stable_id: A\ngene_list: TP53\tKRAS\n")
    (tmp_path / "data_gene_panel_a.txt.gz").write_bytes(packed)
    assert read_panels(tmp_path, GENES, []) == {"A": frozenset({"TP53", "KRAS"})}


def test_each_sample_has_the_name_and_the_genes_of_its_panel():
    panels = {"A": frozenset({"TP53"}), "B": frozenset({"TP53", "KRAS"})}
    names = pd.Series(["B", "A", "WES", ""], index=["S1", "S2", "S3", "S4"])
    seen = Seen(np.array(["S3"]), np.array(["EGFR"]))
    profile = profile_of(names, panels, seen, "m.txt", [])
    assert profile.panels.tolist() == ["B", "A", "WES", ""]
    assert profile.genes == ("EGFR", "KRAS", "TP53")
    measured = [[False, True, True], [False, False, True], [True, False, False], [True, False, False]]
    assert profile.measured(profile.genes).tolist() == measured


def test_a_panel_of_nobody_has_no_rows():
    profile = profile_of(pd.Series(dtype=object), {}, Seen(np.array([]), np.array([])), "m.txt", [])
    assert profile.panels.shape == (0,)
    assert profile.genes == ()


def test_the_panel_matrix_is_no_panel(tmp_path):
    (tmp_path / "data_gene_panel_matrix.txt").write_text("SAMPLE_ID\tmutations\nS\tA\n")
    (tmp_path / "data_gene_panel_a.txt").write_text("stable_id: A\ngene_list: TP53\n")
    assert [path.name for path in panels_in(tmp_path)] == ["data_gene_panel_a.txt"]


def test_a_panel_file_without_its_lines_is_an_error(tmp_path):
    (tmp_path / "data_gene_panel_a.txt").write_text("description: nothing\n")
    found = []
    assert read_panels(tmp_path / "data_gene_panel_a.txt", GENES, found) == {}
    assert "has no stable_id and gene_list lines" in str(found[0])


def test_a_panel_table_without_its_columns_is_an_error(tmp_path):
    (tmp_path / "panels.tsv").write_text("panel\tsymbol\nA\tTP53\n")
    found = []
    assert read_panels(tmp_path / "panels.tsv", GENES, found) == {}
    assert "has no column 'gene'" in str(found[0])


def test_an_assay_that_the_panel_matrix_passes_over_is_told(tiny):
    tiny.change("data_gene_panel_matrix.txt", "cna\tstructural_variants", "x\ty")
    told = tiny.told()
    assert "data_cna.txt: the gene panel matrix has no column for copy_number: every gene" in told
    assert "data_sv.txt: the gene panel matrix has no column for fusion: that of mutations stands" in told


def test_a_sample_that_the_panel_matrix_passes_over_is_told(tiny):
    tiny.change("data_gene_panel_matrix.txt", "S1\tBIG\tBIG\tBIG\n", "")
    told = tiny.told()
    assert "data_cna.txt: 1 samples of the file have no panel in the panel matrix (S1)" in told
    assert "data_mutations.txt: 1 samples of the file have no panel in the panel matrix (S1)" in told
