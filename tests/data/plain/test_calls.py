"""Lists of alterations, one a row, in place of a matrix."""

from __future__ import annotations

import numpy as np
import pytest

from metarisk.errors import ConfigError
from metarisk.schema.assays import MUTATION_CHANNELS, Assay

MARKED = (
    "sample gene class",
    "00123 __SEQUENCED__ _",
    "00123 TP53 Nonsense_Mutation",
    "00123 MLL Missense_Mutation",
    "1E5 __SEQUENCED__ _",
    "x-4 __SEQUENCED__ _",
    "x-4 KRAS nonsilent",
    "x-4 TP53 Silent",
)


@pytest.fixture
def marked(folder):
    folder.put("m.tsv", *MARKED)
    folder.calls(
        "m.tsv", class_column="class", sequenced="__SEQUENCED__", classes={"nonsilent": "Missense_Mutation"}
    )
    return folder


def test_classes_fall_into_their_channels_and_nobody_knows_the_hotspots(marked):
    table = marked.read().assays[Assay.MUTATION]
    assert table.genes == ("KMT2A", "KRAS", "TP53")
    truncating, missense, in_frame = (table.values[:, :, MUTATION_CHANNELS.index(name)]
                                      for name in ("truncating", "missense", "in_frame"))  # fmt: skip
    np.testing.assert_array_equal(truncating, [[0, 0, 1], [0, 0, 0], [np.nan] * 3, [0, 0, 0]])
    np.testing.assert_array_equal(missense, [[1, 0, 0], [0, 0, 0], [np.nan] * 3, [0, 1, 0]])
    np.testing.assert_array_equal(in_frame, [[0, 0, 0], [0, 0, 0], [np.nan] * 3, [0, 0, 0]])
    assert np.isnan(table.values[:, :, MUTATION_CHANNELS.index("hotspot")][table.values[:, :, 1] == 1]).all()


def channel(table, name: str) -> np.ndarray:
    return table.values[:, :, MUTATION_CHANNELS.index(name)]


def test_protein_changes_tell_hotspots_and_a_missing_one_leaves_them_unknown(folder):
    lines = ["00123 KRAS Missense_Mutation p.G12D", "1E5 KRAS Missense_Mutation _"]
    lines += ["NA KRAS Missense_Mutation p.A155G", "x-4 KRAS Nonsense_Mutation p.Gly12Ter"]
    folder.put("m.tsv", "sample gene class change", *lines)
    folder.calls("m.tsv", class_column="class", change_column="change")
    table = folder.read().assays[Assay.MUTATION]
    np.testing.assert_array_equal(channel(table, "hotspot")[:, 0], [1, np.nan, 0, 0])
    np.testing.assert_array_equal(channel(table, "missense")[:, 0], [1, 1, 1, 0])


def test_without_classes_the_protein_change_tells_them(folder):
    lines = ["00123 TP53 p.R213*", "00123 EGFR p.E746_A750del", "1E5 TP53 p.R175H", "NA TP53 p.R175="]
    folder.put("m.tsv", "sample gene change", *lines, "x-4 EGFR _")
    folder.calls("m.tsv", change_column="change")
    table = folder.read().assays[Assay.MUTATION]
    assert table.genes == ("EGFR", "TP53")
    np.testing.assert_array_equal(channel(table, "truncating"), [[0, 1], [0, 0], [0, 0], [0, 0]])
    np.testing.assert_array_equal(channel(table, "in_frame"), [[1, 0], [0, 0], [0, 0], [0, 0]])
    np.testing.assert_array_equal(channel(table, "missense"), [[0, 0], [0, 1], [0, 0], [1, 0]])
    np.testing.assert_array_equal(channel(table, "hotspot"), [[1, 0], [0, 1], [0, 0], [np.nan, 0]])


def test_a_column_without_protein_changes_is_told(folder):
    folder.put("m.tsv", "sample gene change", "00123 TP53 c.524G>A", "1E5 TP53 _")
    folder.calls("m.tsv", change_column="change")
    assert np.isnan(channel(folder.read().assays[Assay.MUTATION], "hotspot")[:2]).all()
    assert "m.tsv, column change: holds no protein change that metarisk reads" in folder.told()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"assay": "fusion", "change_column": "x"}, "change_column belong to mutations, not to fusion"),
        ({"classes": {"a": "Silent"}}, "classes are of a class_column"),
    ],
)
def test_a_key_that_nothing_would_read_is_refused(folder, more, sentence):
    folder.put("m.tsv", "sample gene", "00123 TP53")
    folder.calls("m.tsv", **more)
    with pytest.raises(ConfigError, match=sentence):
        folder.read()


def test_the_mark_tells_who_was_sequenced_without_a_mutation(marked):
    assert marked.read().assays[Assay.MUTATION].units.tolist() == ["calls", "calls", "", "calls"]
    marked.study["calls"][0]["sequenced"] = None
    marked.put("m.tsv", "sample gene class", "00123 TP53 Nonsense_Mutation", "x-4 KRAS nonsilent")
    assert marked.read().assays[Assay.MUTATION].units.tolist() == ["calls", "", "", "calls"]


def test_an_altered_sample_without_the_mark_is_an_error(marked):
    marked.put("m.tsv", *MARKED, "NA KRAS Missense_Mutation")
    assert "m.tsv: 1 samples have alterations but no row __SEQUENCED__ (NA)" in marked.errors()[0]


def test_an_unknown_class_is_left_out_and_named_with_its_lines(marked):
    marked.study["calls"][0]["classes"] = {}
    table = marked.read().assays[Assay.MUTATION]
    assert "KRAS" not in table.genes
    told = "m.tsv, line 7, column class: 1 alterations are of unknown class (NONSILENT) and were left out"
    assert told in marked.told()


def test_a_list_without_classes_is_missense(folder):
    folder.put("m.csv", "sample,gene", "00123,TP53", "1E5,KRAS")
    folder.calls("m.csv")
    values = folder.read().assays[Assay.MUTATION].values
    np.testing.assert_array_equal(values[:2, :, :3], [[[0, 0, 0], [0, 1, 0]], [[0, 1, 0], [0, 0, 0]]])


def test_fusions_are_a_list_too(folder):
    folder.put("f.tsv", "sample gene", "00123 ALK", "00123 EML4", "1E5 RET")
    folder.calls("f.tsv", assay="fusion")
    table = folder.read().assays[Assay.FUSION]
    assert table.genes == ("ALK", "EML4", "RET")
    assert table.values[:2, :, 0].tolist() == [[1, 1, 0], [0, 0, 1]]


def test_a_gene_off_the_samples_panel_is_unmeasured(folder):
    folder.put("panels.tsv", "panel gene", "BIG TP53", "BIG KRAS", "BIG EGFR", "SMALL TP53")
    folder.study["panels"] = "panels.tsv"
    folder.put("m.tsv", "sample gene panel", "00123 TP53 BIG", "1E5 TP53 SMALL", "1E5 KRAS SMALL")
    folder.calls("m.tsv", panel_column="panel")
    table = folder.read().assays[Assay.MUTATION]
    assert table.measured[:2].tolist() == [[True, True, True], [False, False, True]]
    assert table.panels.tolist() == ["BIG", "SMALL", "", ""]
    assert "1 alterations lie in genes off the sample's panel (KRAS)" in folder.told()


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["00123 TP53 BIG", "00123 KRAS SMALL"], "1 samples stand on several panels (00123)"),
        (["00123 TP53 HUGE"], "gene panel HUGE is used by samples but described nowhere"),
    ],
)
def test_panels_that_cannot_be_known_are_an_error(folder, lines, sentence):
    folder.put("panels.tsv", "panel gene", "BIG TP53", "SMALL TP53")
    folder.study["panels"] = "panels.tsv"
    folder.put("m.tsv", "sample gene panel", *lines)
    folder.calls("m.tsv", panel_column="panel")
    assert sentence in folder.errors()[0]


def test_a_list_of_another_cohort_has_its_samples_there(folder):
    folder.clinical["cohort"] = ["a", "a", "b", "b"]
    folder.clinical["sample"] = ["s1", "s2", "s1", "s2"]
    folder.say(cohort_column="cohort")
    folder.put("m.tsv", "sample gene", "s1 TP53")
    folder.calls("m.tsv", cohort="b")
    assert folder.read().assays[Assay.MUTATION].units.tolist() == ["", "", "calls", ""]


def test_lists_and_matrices_of_one_assay_stand_in_one_table(marked):
    marked.put("m2.tsv", "gene NA", "EGFR 1", "TP53 0")
    marked.assay("m2.tsv", unit="calls", assay="mutation")
    table = marked.read().assays[Assay.MUTATION]
    assert table.genes == ("EGFR", "KMT2A", "KRAS", "TP53")
    assert table.units.tolist() == ["calls"] * 4
    assert table.measured[2].tolist() == [True, False, False, True]


def test_alterations_in_genes_that_the_study_does_not_read_are_counted(marked):
    marked.put("wanted.tsv", "symbol note", "TP53 x", "KRAS x")
    marked.study["only_genes"] = "wanted.tsv"
    assert marked.read().assays[Assay.MUTATION].genes == ("KRAS", "TP53")
    assert "m.tsv: 1 of 3 alterations lie in genes that the study does not read" in marked.told()
