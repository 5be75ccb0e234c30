"""The curated signs against what SIGNOR and CollecTRI say of the same pairs of genes."""

from __future__ import annotations

from pathlib import Path

import pytest

from metarisk.pathways import Edge, curated_edges
from metarisk.pathways.agreement import Agreement, sign_agreement

CHECKED = ("curated", "evidence", "supported")

# Pairs on which we keep our sign against the reference, and why.
RESOLVED: dict[tuple[str, str], str] = {
    ("ADAM10", "CDH1"): "shedding of the ectodomain ends adhesion",
    ("AKT1", "DLC1"): "phosphorylation by AKT closes DLC1 and ends its RhoGAP activity (Tripathi 2017)",
    ("ANGPT2", "TEK"): "context dependent: the antagonist of ANGPT1 on vessels that sprout",
    ("AURKA", "TP53"): "phosphorylation at S315 lets MDM2 degrade p53",
    ("BRCA1", "BARD1"): "the partners stabilise each other as a heterodimer",
    ("BRD4", "MYC"): "BRD4 at the enhancers drives MYC; its inhibitors lower it",
    ("BTRC", "CDC25A"): "SCF-betaTrCP degrades CDC25A after damage",
    ("BUB1B", "CDC20"): "the checkpoint complex holds CDC20",
    ("CASP3", "DFFA"): "cleavage destroys ICAD, the inhibitor of the nuclease",
    ("CD40", "TRAF3"): "the engaged receptor has TRAF3 degraded, which frees NIK",
    ("CDH1", "CTNNB1"): "the sign is on signalling: the cadherin keeps beta-catenin at the membrane",
    ("CDK4", "RBL1"): "phosphorylation inactivates the pocket protein",
    ("CDK6", "RBL2"): "phosphorylation inactivates the pocket protein",
    ("CDK9", "MYC"): "elongation by P-TEFb sustains MYC transcription",
    ("CEBPB", "IL6"): "NF-IL6 was named for activating IL6",
    ("DLL3", "NOTCH1"): "inhibits in cis and does not activate in trans",
    ("DVL2", "AXIN1"): "Dishevelled takes Axin out of the destruction complex",
    ("E2F4", "CDK1"): "with p130 in DREAM it represses CDK1 in quiescence",
    ("EGFR", "AGO2"): "phosphorylation at Y393 in hypoxia lowers its processing of microRNAs (Shen 2013)",
    ("EPAS1", "POU5F1"): "HIF-2a activates OCT4 (Covello 2006)",
    ("FGF2", "FGFR1"): "the ligand activates its receptor",
    ("FOXA1", "AR"): "pioneer factor that opens AR sites in prostate cancer",
    ("FOXM1", "BIRC5"): "FOXM1 activates survivin at mitosis",
    ("HOXB13", "AR"): "reprograms and supports AR binding in prostate cancer (Pomerantz 2015)",
    ("IQGAP1", "CDC42"): "binds and stabilises the GTP-bound form",
    ("IQGAP1", "RAC1"): "binds and stabilises the GTP-bound form",
    ("IRF1", "CXCL11"): "interferon-gamma induces CXCL11 through STAT1 and IRF1",
    ("IRF8", "IL12B"): "IRF8 drives IL-12 p40 in dendritic cells",
    ("LYN", "CD22"): "phosphorylated ITIMs are the active form of the receptor",
    ("MAPK1", "ERF"): "phosphorylation sends the repressor ERF out of the nucleus",
    ("MARK2", "PARD3"): "14-3-3 removes phosphorylated PAR3 from the lateral membrane",
    ("NFKBIA", "RELA"): "the inhibitor of NF-kB",
    ("PDXP", "CFL1"): "chronophin dephosphorylates and so activates cofilin",
    ("PIK3R1", "PIK3CA"): "p85 holds the free catalytic subunit down; its mutations activate",
    ("PIK3R1", "PIK3CB"): "p85 holds the free catalytic subunit down; its mutations activate",
    ("PIK3R1", "PIK3CD"): "p85 holds the free catalytic subunit down; its mutations activate",
    ("PPM1D", "CHEK2"): "WIP1 dephosphorylates CHK2 and ends the response",
    ("PRKCI", "LLGL1"): "phosphorylation takes LGL off the apical membrane",
    ("PRKCI", "LLGL2"): "phosphorylation takes LGL off the apical membrane",
    ("RELA", "IL12B"): "NF-kB activates IL-12 p40",
    ("S100A8", "TLR4"): "an endogenous ligand of TLR4",
    ("SMARCA4", "CD44"): "cells without BRG1 lose CD44",
    ("SNAI1", "CCL2"): "SNAI1 induces CCL2, which draws macrophages (Hsu 2014)",
    ("SNAI1", "CDH2"): "the cadherin switch raises N-cadherin",
    ("SNAI1", "ERCC1"): "SNAI1 activates ERCC1 in head and neck cancer (Hsu 2010)",
    ("SNAI1", "KDM1A"): "recruits LSD1 to E-boxes; the sign is on its activity there",
    ("SNAI1", "THBS1"): "SNAI1 raises TSP1, which makes regulatory T cells (Kudo-Saito 2009)",
    ("SNAI1", "VIM"): "EMT raises vimentin",
    ("SNAI2", "CDH2"): "the cadherin switch raises N-cadherin",
    ("SRC", "CTTN"): "phosphorylated cortactin is what makes invadopodia",
    ("TFAP4", "CDKN1A"): "AP4 represses p21 on behalf of MYC (Jung 2008)",
    ("TP53", "SESN2"): "sestrins are induced by p53",
    ("VDR", "TNFSF11"): "vitamin D induces RANKL in osteoblasts",
    ("WWP1", "KLF5"): "an E3 ligase that degrades KLF5",
    ("YAP1", "SOX9"): "YAP activates SOX9 in oesophageal cancer (Song 2014)",
    ("ZBTB17", "CDKN1A"): "MIZ1 activates p21 unless MYC binds it",
}


@pytest.fixture(scope="module")
def agreement(shared_data: Path) -> Agreement:
    import pandas as pd

    table = pd.read_csv(shared_data / "topology" / "edges.tsv.gz", sep="\t", dtype=str, na_filter=False)
    table = table[table["sign_confidence"].isin(CHECKED)]
    rows = zip(table["source"], table["target"], table["type"], table["effect"].astype(int), strict=True)
    return sign_agreement(curated_edges(), [Edge(*row) for row in rows])


def test_at_least_95_percent_of_the_signs_agree(agreement: Agreement) -> None:
    assert agreement.compared > 800
    assert agreement.share >= 0.95


def test_every_disagreement_is_resolved_with_a_reason(agreement: Agreement) -> None:
    open_ones = [each for each in agreement.disagreements if (each.source, each.target) not in RESOLVED]
    assert not open_ones


def test_every_resolved_disagreement_still_exists(agreement: Agreement) -> None:
    assert RESOLVED.keys() <= {(each.source, each.target) for each in agreement.disagreements}


def test_the_majority_of_signed_edges_speaks_for_a_pair() -> None:
    ours = [Edge("A", "B", "binding", 1), Edge("A", "B", "tf_target", 0), Edge("C", "D", "binding", -1)]
    theirs = [
        Edge("A", "B", "phosphorylation", -1),
        Edge("A", "B", "binding", -1),
        Edge("A", "B", "tf_target", 1),
        Edge("C", "D", "binding", -1),
        Edge("E", "F", "binding", 1),
    ]
    found = sign_agreement(ours, theirs)
    assert (found.compared, found.agree, found.share) == (2, 1, 0.5)
    (only,) = found.disagreements
    assert (only.source, only.target, only.ours, only.theirs, only.votes) == ("A", "B", 1, -1, (2, 1))


def test_a_pair_whose_own_edges_cancel_is_undecided() -> None:
    both = [Edge("A", "B", "binding", 1), Edge("A", "B", "tf_target", -1)]
    found = sign_agreement(both, [Edge("A", "B", "binding", 1)])
    assert (found.compared, found.undecided, found.share) == (0, 1, 1.0)


def test_unsigned_edges_are_not_compared() -> None:
    found = sign_agreement([Edge("A", "B", "binding", 0)], [Edge("A", "B", "binding", 1)])
    assert (found.compared, found.undecided) == (0, 0)
