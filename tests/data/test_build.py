"""The genome build is declared and borne out, or shown by the positions, or said to be unknown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from metarisk.data import read_study
from metarisk.data.build import BUILDS, CHROMOSOME_LENGTHS, build_named, settle_build, weigh_build
from metarisk.data.hotspots import hotspots
from metarisk.data.places import places_in
from metarisk.data.text import TextTable
from metarisk.schema.assays import MUTATION_CHANNELS, Assay

HOTSPOT = MUTATION_CHANNELS.index("hotspot")
HEAD = "Hugo_Symbol\tChromosome\tStart_Position\tReference_Allele\tTumor_Seq_Allele2\tTumor_Sample_Barcode"
# KRAS G12D and TP53 R175H in each build.
AT = {"hg19": ("25398284", "7578406"), "hg38": ("25245350", "7675088")}


def settle(declared: str, rows: list[tuple[str, str, str, str]], names: list[str] | None = None):
    """Build and findings of rows of gene, chromosome, position, reference."""
    frame = pd.DataFrame(rows, columns=["gene", "Chromosome", "Start_Position", "Reference_Allele"])
    column = None if names is None else pd.Series(names)
    evidence = weigh_build(frame["gene"].to_numpy(dtype=object), places_in(frame), column)
    found = []
    build = settle_build(declared, evidence, TextTable("m.txt", frame, 2), found)
    return build, "\n".join(map(str, found))


def kras(build: str) -> tuple[str, str, str, str]:
    return ("KRAS", "12", AT[build][0], "C")


def maf(build: str, *, column: str = "") -> str:
    kras_at, tp53_at = AT[build]
    head = HEAD + ("\tNCBI_Build" if column else "")
    end = f"\t{column}" if column else ""
    return (
        f"{head}\nKRAS\t12\t{kras_at}\tC\tT\tS1{end}\nTP53\t17\t{tp53_at}\tC\tT\tS1{end}\n"
        f"EGFR\t7\t55000000\tC\tT\tS3{end}\n"
    )


def test_a_declared_build_that_nothing_contradicts_is_silent():
    assert settle("hg19", [kras("hg19")], ["GRCh37"]) == ("hg19", "")
    assert settle("hg38", [kras("hg38")], ["GRCh38"]) == ("hg38", "")
    assert settle("hg38", [("RB1", "13", "48300000", "C")]) == ("hg38", "")


def test_a_column_that_names_another_build_contradicts():
    _, told = settle("hg19", [kras("hg19")] * 2, ["GRCh38", "hg38"])
    assert "error: m.txt: is declared as hg19, but 2 rows name hg38" in told


def test_hotspot_codons_of_the_other_build_contradict():
    _, told = settle("hg19", [kras("hg38")] * 3 + [kras("hg19")])
    assert "3 mutations stand at hotspot codons of hg38, 1 at those of hg19" in told


def test_the_reference_base_must_be_the_codons():
    _, told = settle("hg19", [("KRAS", "12", AT["hg38"][0], "A")])
    assert told == ""


def test_a_position_past_a_chromosomes_end_contradicts():
    # Chromosome 17 is 81.2 Mb long in hg19 and 83.3 Mb in hg38.
    _, told = settle("hg19", [("RAC3", "chr17", "82031678", "C")])
    assert "but 1 positions lie past their chromosome's end in hg19" in told
    assert settle("hg38", [("RAC3", "chr17", "82031678", "C")]) == ("hg38", "")


def test_a_position_past_the_end_in_both_builds_is_a_slip_with_its_line():
    build, told = settle("hg19", [kras("hg19"), ("EGFR", "7", "552424659", "C")])
    assert build == "hg19"
    assert "warning: m.txt, line 3: 1 positions lie past their chromosome's end in hg19 and in hg38" in told


@pytest.mark.parametrize("build", BUILDS)
def test_without_a_declaration_the_positions_tell_and_it_is_said(build):
    told_build, told = settle("", [kras(build)] * 2)
    assert told_build == build
    assert "declares no build; they are of" in told
    assert f"of {build}: 2 mutations stand at its hotspot codons. Declare build: {build}" in told


def test_without_a_declaration_the_column_tells():
    build, told = settle("", [("RB1", "13", "48900000", "C")], ["37"])
    assert build == "hg19"
    assert "they are of hg19: 1 rows name it" in told


def test_where_nothing_shows_the_build_it_stays_unknown():
    build, told = settle("", [("RB1", "13", "48900000", "C")])
    assert build == ""
    assert "has 1 positions, and nothing shows their genome build" in told


def test_positions_of_two_builds_are_refused():
    build, told = settle("", [kras("hg38")], ["GRCh37"])
    assert build == ""
    assert "error: m.txt: has positions of two genome builds" in told
    assert "against hg38: 1 rows name hg19" in told


def test_a_build_that_is_neither_is_refused():
    _, told = settle("hg19", [kras("hg19")], ["hg18"])
    assert "error: m.txt: names genome builds that metarisk does not read (HG18)" in told


def test_names_of_builds_are_read_in_all_their_spellings():
    assert {build_named(name) for name in ("hg19", "GRCh37", "37", " b37 ")} == {"hg19"}
    assert {build_named(name) for name in ("hg38", "GRCh38", "38")} == {"hg38"}
    assert build_named("mm10") == ""


def test_chromosomes_are_as_long_as_every_tool_says():
    assert len(CHROMOSOME_LENGTHS) == 24
    # Total length of the 24 chromosomes, gaps included, in the two assemblies.
    assert sum(pair[0] for pair in CHROMOSOME_LENGTHS.values()) == 3_095_677_412
    assert sum(pair[1] for pair in CHROMOSOME_LENGTHS.values()) == 3_088_269_832


def test_every_hotspot_lies_on_its_chromosome_in_both_builds():
    for row in hotspots():
        for column, build in enumerate(BUILDS):
            assert row.spans[build][1] < CHROMOSOME_LENGTHS[row.chromosome][column]


def test_the_declared_build_stands_in_the_provenance(tiny):
    tiny.put("data_mutations.txt", maf("hg19"))
    tiny.put("metarisk_study.yaml", "name: tiny\nfolder: .\nbuild: hg19\n")
    cohort = read_study(tiny.write())
    assert cohort.provenance.build == "hg19"
    table = cohort.assays[Assay.MUTATION]
    assert table.values[0, table.genes.index("KRAS"), HOTSPOT] == 1
    assert table.values[0, table.genes.index("EGFR"), HOTSPOT] == 0


def test_the_studys_meta_file_declares_the_build_too(tiny):
    tiny.put("data_mutations.txt", maf("hg38"))
    tiny.change("meta_study.txt", "license: CC0", "license: CC0\nreference_genome: hg38")
    assert read_study(tiny.write()).provenance.build == "hg38"


def test_the_study_file_and_the_meta_file_may_not_differ(tiny):
    tiny.change("meta_study.txt", "license: CC0", "license: CC0\nreference_genome: GRCh38")
    tiny.put("metarisk_study.yaml", "name: tiny\nfolder: .\nbuild: hg19\n")
    assert any("meta_study.txt: names hg38, but the study file says hg19" in told for told in tiny.errors())


def test_a_genome_that_is_not_human_is_refused(tiny):
    tiny.change("meta_study.txt", "license: CC0", "license: CC0\nreference_genome: mm10")
    assert any("names reference genome 'mm10'" in told for told in tiny.errors())


def test_a_wrong_declaration_is_an_error_that_names_counts(tiny):
    tiny.put("data_mutations.txt", maf("hg38", column="GRCh38"))
    tiny.put("metarisk_study.yaml", "name: tiny\nfolder: .\nbuild: hg19\n")
    (told,) = tiny.errors()
    assert "is declared as hg19, but 3 rows name hg38; 2 mutations stand at hotspot codons of hg38" in told


def test_positions_without_any_build_make_no_hotspot(tiny):
    tiny.put("data_mutations.txt", f"{HEAD}\nEGFR\t7\t55000000\tC\tT\tS1\nEGFR\t7\t55000001\tC\tT\tS3\n")
    assert "nothing shows their genome build" in tiny.told()
    cohort = read_study(tiny.folder)
    assert cohort.provenance.build == ""
    assert np.isnan(cohort.assays[Assay.MUTATION].values[..., HOTSPOT]).all()


def test_breakpoints_past_a_chromosomes_end_contradict_too(tiny):
    tiny.put(
        "data_sv.txt",
        "Sample_Id\tSV_Status\tSite1_Hugo_Symbol\tSite1_Chromosome\tSite1_Position\tSite2_Hugo_Symbol\n"
        "S1\tSOMATIC\tEGFR\t17\t82031678\tTP53\n",
    )
    tiny.put("metarisk_study.yaml", "name: tiny\nfolder: .\nbuild: hg19\n")
    (told,) = tiny.errors()
    assert "data_sv.txt: is declared as hg19, but 1 positions lie past" in told
