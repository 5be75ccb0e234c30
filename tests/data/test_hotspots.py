"""Recurrent positions: the table is sound, and a mutation is found there by residue and by place."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metarisk.data.genes import GeneTable
from metarisk.data.hotspots import (
    IN_FRAME,
    PROMOTER,
    SUBSTITUTION,
    TABLE,
    Hotspot,
    changes_residue,
    hotspot_calls,
    hotspots,
    plus_strand,
)
from metarisk.data.mutation_classes import IN_FRAME as IN_FRAME_CHANNEL
from metarisk.data.mutation_classes import LEFT_OUT, MISSENSE, TRUNCATING
from metarisk.data.places import places_in
from metarisk.data.protein_changes import Residues, channels_of_changes, exchange_residues, residues_of

# The standard code, written by hand for the codons that the table has.
AMINO_ACIDS = {
    **dict.fromkeys(("TTT", "TTC"), "F"),
    **dict.fromkeys(("CTT", "CTC", "CTA", "CTG", "TTA", "TTG"), "L"),
    **dict.fromkeys(("ATT", "ATC", "ATA"), "I"),
    **dict.fromkeys(("GTT", "GTC", "GTA", "GTG"), "V"),
    **dict.fromkeys(("TCT", "TCC", "TCA", "TCG", "AGT", "AGC"), "S"),
    **dict.fromkeys(("CCT", "CCC", "CCA", "CCG"), "P"),
    **dict.fromkeys(("ACT", "ACC", "ACA", "ACG"), "T"),
    **dict.fromkeys(("GCT", "GCC", "GCA", "GCG"), "A"),
    **dict.fromkeys(("TAT", "TAC"), "Y"),
    **dict.fromkeys(("CAT", "CAC"), "H"),
    **dict.fromkeys(("CAA", "CAG"), "Q"),
    **dict.fromkeys(("AAT", "AAC"), "N"),
    **dict.fromkeys(("AAA", "AAG"), "K"),
    **dict.fromkeys(("GAT", "GAC"), "D"),
    **dict.fromkeys(("GAA", "GAG"), "E"),
    **dict.fromkeys(("TGT", "TGC"), "C"),
    **dict.fromkeys(("CGT", "CGC", "CGA", "CGG", "AGA", "AGG"), "R"),
    **dict.fromkeys(("GGT", "GGC", "GGA", "GGG"), "G"),
    "ATG": "M",
    "TGG": "W",
}


def spot(gene: str, residue: int, kind: str = SUBSTITUTION) -> Hotspot:
    (found,) = (row for row in hotspots() if (row.gene, row.first, row.kind) == (gene, residue, kind))
    return found


def call(
    gene: str, *, kind: str = SUBSTITUTION, change: str = "", place: str = "", build: str = "hg19"
) -> float:
    """Of one mutation; ``place`` is chromosome:start:reference>alternate."""
    chromosome, start, alleles = place.split(":") if place else ("", "", ">")
    before, after = alleles.split(">")
    frame = pd.DataFrame(
        [[chromosome, start, before, after]],
        columns=["Chromosome", "Start_Position", "Reference_Allele", "Tumor_Seq_Allele2"],
    )
    residues = residues_of(pd.Series([change]))
    names, kinds = np.array([gene], dtype=object), np.array([kind], dtype=object)
    return float(hotspot_calls(names, kinds, residues, places_in(frame), build)[0])


def test_every_codon_of_the_table_codes_for_its_amino_acid():
    coded = [row for row in hotspots() if row.codon]
    assert len(coded) > 170
    assert all(AMINO_ACIDS[row.codon] == row.amino_acid for row in coded)


def test_every_span_is_as_long_as_its_residues():
    for row in hotspots():
        lengths = {end - start + 1 for start, end in row.spans.values()}
        expected = 3 * (row.last - row.first + 1)
        assert lengths == ({expected} if row.kind != PROMOTER else lengths), (row.gene, row.first)


def test_within_a_gene_all_rows_move_by_the_same_number_of_bases_between_the_builds():
    moves = defaultdict(set)
    for row in hotspots():
        moves[row.gene].add(row.spans["hg19"][0] - row.spans["hg38"][0])
    assert len(moves) > 45
    assert {gene for gene, moved in moves.items() if len(moved) != 1} == set()


def test_residues_and_places_run_the_same_way_along_a_gene():
    by_gene = defaultdict(list)
    for row in hotspots():
        if row.kind == SUBSTITUTION:
            by_gene[row.gene, row.strand].append((row.first, row.spans["hg19"][0]))
    for (gene, strand), pairs in by_gene.items():
        starts = [start for _, start in sorted(pairs)]
        assert starts == sorted(starts, reverse=strand == "-"), gene


def test_no_row_stands_twice_and_every_gene_has_its_approved_symbol():
    keys = [(row.gene, row.kind, row.first, row.spans.get("hg19")) for row in hotspots()]
    assert len(keys) == len(set(keys))
    resolution = GeneTable.embedded().resolve({row.gene for row in hotspots()})
    assert set(resolution.names) == set(resolution.symbols)


def test_every_row_names_a_source_that_the_head_of_the_file_explains():
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    head = " ".join(line for line in lines if line.startswith("#"))
    sources = {line.split("\t")[-1] for line in lines if not line.startswith("#")} - {"source"}
    assert len(sources) > 10
    assert {source for source in sources if f"{source}:" not in head} == set()


@pytest.mark.parametrize(
    ("change", "first", "last", "letter"),
    [
        ("p.G12D", 12, 12, "G"),
        ("p.Gly12Asp", 12, 12, "G"),
        ("p.(G12D)", 12, 12, "G"),
        ("ENSP00000256078.4:p.Gly12Asp", 12, 12, "G"),
        ("G12D", 12, 12, "G"),
        ("p.E746_A750del", 746, 750, "E"),
        ("p.Glu746_Ala750del", 746, 750, "E"),
        ("p.R213*", 213, 213, "R"),
    ],
)
def test_a_protein_change_tells_its_residues(change, first, last, letter):
    told = residues_of(pd.Series([change]))
    assert (told.first[0], told.last[0], told.amino_acids[0]) == (first, last, letter)


@pytest.mark.parametrize("change", ["", "NA", "p.Promoter", "p.?", "c.35G>A"])
def test_what_is_no_protein_change_tells_nothing(change):
    assert not residues_of(pd.Series([change])).known[0]


def test_a_protein_change_tells_whether_a_residue_takes_anothers_place():
    no = ["p.E285*", "p.Gln61Ter", "p.R175fs", "p.R175Lfs*5", "p.G12=", "p.X126_splice"]
    yes = ["p.G12D", "p.Gly12Asp", "p.E746_A750del", "", "p.Promoter"]
    assert exchange_residues(pd.Series(no + yes)).tolist() == [False] * len(no) + [True] * len(yes)


@pytest.mark.parametrize(
    ("channel", "changes"),
    [
        (
            TRUNCATING,
            ["p.E285*", "p.Gln61Ter", "p.R175fs", "p.*394Rext*?", "p.X126_splice", "p.M1?", "p.Met1Val"],
        ),
        (IN_FRAME_CHANNEL, ["p.E746_A750del", "ENSP1:p.Glu746_Ala750del", "D770_N771insSVD", "p.A775dup"]),
        (MISSENSE, ["p.G12D", "p.M100V", "", "Deletion", "c.35_40del"]),
        (LEFT_OUT, ["p.G12=", "p.="]),
    ],
)
def test_a_protein_change_tells_its_class(channel, changes):
    assert channels_of_changes(pd.Series(changes)).tolist() == [channel] * len(changes)


@pytest.mark.parametrize(
    ("text", "first", "last"), [("12/189", 12, 12), ("1047.0", 1047, 1047), ("746-750", 746, 750)]
)
def test_a_protein_position_tells_where_the_change_does_not(text, first, last):
    told = residues_of(pd.Series([""]), pd.Series([text]))
    assert (told.first[0], told.last[0]) == (first, last)


def test_a_substitution_counts_at_its_codon_only():
    assert call("KRAS", change="p.G12D") == 1
    assert call("KRAS", change="p.G15D") == 0
    assert call("RB1", change="p.G12D") == 0
    assert call("BRAF", change="p.V600_K601delinsEN") == 1


def test_an_in_frame_deletion_does_not_count_at_a_codon_of_substitutions_nor_the_reverse():
    assert call("EGFR", kind=IN_FRAME, change="p.E746_A750del") == 1
    assert call("EGFR", kind=IN_FRAME, change="p.L858_A859del") == 0
    assert call("EGFR", change="p.E749K") == 0
    assert call("EGFR", change="p.L858R") == 1


def test_a_truncating_mutation_is_at_no_hotspot():
    assert call("TP53", kind="", change="p.R175fs") == 0


def test_another_transcripts_numbering_is_seen_by_its_amino_acid_and_mended_by_the_place():
    assert call("EZH2", change="p.A646V") == 0
    assert call("GNAS", change="p.R844H") == 0
    assert call("GNAS", change="p.R844H", place="20:57484421:G>A") == 1


def test_a_place_counts_in_its_own_build_only():
    assert call("KRAS", place="12:25398284:C>A", build="hg19") == 1
    assert call("KRAS", place="chr12:25245350:C>A", build="hg38") == 1
    assert call("KRAS", place="12:25245350:C>A", build="hg19") == 0
    assert call("KRAS", place="1:25398284:C>A", build="hg19") == 0


def test_without_residue_and_build_nobody_can_tell():
    assert np.isnan(call("KRAS", place="12:25398284:C>A", build=""))
    assert np.isnan(call("KRAS"))
    assert call("RB1") == 0  # a gene without hotspots needs no position


def test_an_indel_in_a_gene_of_substitutions_needs_no_position():
    assert call("KRAS", kind=IN_FRAME) == 0
    assert np.isnan(call("EGFR", kind=IN_FRAME))


def test_at_a_codon_a_silent_or_a_stopping_base_does_not_count():
    assert call("KRAS", place="12:25398283:A>G") == 0  # GGT to GGC: still glycine
    assert call("KRAS", place="12:25398285:C>A") == 1  # GGT to TGT: cysteine
    assert call("TP53", place="17:7577085:C>A") == 0  # GAG to TAG: a stop
    assert call("TP53", place="17:7577085:C>T") == 1  # GAG to AAG: lysine


def test_a_reference_base_that_the_build_does_not_have_there_does_not_count():
    assert changes_residue(spot("KRAS", 12), "C", "A", 1)
    assert not changes_residue(spot("KRAS", 12), "G", "A", 1)
    assert plus_strand(spot("KRAS", 12)) == "ACC"
    assert plus_strand(spot("PIK3CA", 1047)) == "CAT"


def test_tert_promoter_mutations_count_by_place_alone():
    assert call("TERT", place="5:1295228:G>A") == 1
    assert call("TERT", place="5:1295113:G>A", build="hg38") == 1
    assert call("TERT", place="5:1295300:G>A") == 0
    assert np.isnan(call("TERT", change="p.Promoter"))


def test_deletions_and_insertions_count_where_they_touch_the_stretch():
    assert call("EGFR", kind=IN_FRAME, place="7:55242465:GGAATTAAGAGAAGC>-") == 1
    assert call("ERBB2", kind=IN_FRAME, place="17:37880981:->GCATACGTGATG") == 1
    assert call("ERBB2", kind=IN_FRAME, place="17:37868208:->GCA") == 0


def real_mutations(folder: Path) -> pd.DataFrame:
    columns = [
        "Hugo_Symbol",
        "Chromosome",
        "Start_Position",
        "Variant_Type",
        "Reference_Allele",
        "HGVSp_Short",
    ]
    return pd.read_csv(
        folder / "data_mutations.txt", sep="\t", dtype=str, keep_default_na=False, usecols=columns
    )


def test_places_and_residues_agree_in_the_real_lists_that_have_both(shared_data):
    """Single substitutions whose protein change names a hotspot lie in its codon, and the reverse."""
    names = ("luad_met_organotropism", "prostate_msk_2024")
    frame = pd.concat([real_mutations(shared_data / "studies" / name) for name in names])
    frame = frame[(frame["Variant_Type"] == "SNP") & frame["HGVSp_Short"].str.fullmatch(r"p\.[A-Z]\d+[A-Z]")]
    genes = frame["Hugo_Symbol"].replace({"H3F3A": "H3-3A"}).to_numpy(dtype=object)
    kinds = np.full(len(frame), SUBSTITUTION, dtype=object)
    places, residues = places_in(frame), residues_of(frame["HGVSp_Short"])
    nothing = np.full(len(frame), np.nan)
    by_residue = hotspot_calls(genes, kinds, residues, places, "")
    untold = Residues(nothing, nothing, residues.amino_acids)
    by_place = hotspot_calls(genes, kinds, untold, places, "hg19")
    np.testing.assert_array_equal(by_residue, by_place)
    assert (by_place == 1).sum() == 2_626


def test_no_reference_base_of_a_real_list_contradicts_a_codon(shared_data):
    for name in ("msk_met", "prostate_msk_2024", "luad_met_organotropism"):
        frame = pd.read_csv(
            shared_data / "studies" / name / "data_mutations.txt",
            sep="\t",
            dtype=str,
            keep_default_na=False,
            usecols=["Chromosome", "Start_Position", "Variant_Type", "Reference_Allele"],
        )
        places = places_in(frame[frame["Variant_Type"] == "SNP"])
        seen = {
            (chromosome, int(start)): reference
            for chromosome, start, reference in zip(
                places.chromosomes[places.known],
                places.starts[places.known],
                places.references[places.known],
                strict=True,
            )
        }
        told = [
            seen[key] == base
            for row in hotspots()
            if row.codon
            for at, base in enumerate(plus_strand(row))
            if (key := (row.chromosome, row.spans["hg19"][0] + at)) in seen
        ]
        assert all(told)
        assert len(told) > 100
