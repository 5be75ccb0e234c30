"""Antibodies of reverse-phase protein arrays to the genes of their proteins."""

from __future__ import annotations

import pandas as pd

from metarisk.data.found import Found, warning

# A phosphorylation site, a cleaved or an acetylated form: a state of the protein, not its amount.
STATES = r"[_-]p[STY]\d|cleaved|^acetyl"

# Names that mean another gene as an antibody than as a symbol, or that are no symbol; in capitals, without
# hyphens, since tables that went through R lose them (X1433BETA, PI3KP85). Antibodies against several
# proteins at once (GSK3 alpha and beta) are not here: they stand for no one gene.
ANTIBODY_GENES: dict[str, str] = {
    "1433BETA": "YWHAB",
    "1433EPSILON": "YWHAE",
    "1433ZETA": "YWHAZ",
    "4EBP1": "EIF4EBP1",
    "53BP1": "TP53BP1",
    "ACC1": "ACACA",
    "ADAR1": "ADAR",
    "ALPHACATENIN": "CTNNA1",
    "AMPKALPHA": "PRKAA1",
    "ANNEXIN1": "ANXA1",
    "ANNEXINI": "ANXA1",
    "ANNEXINVII": "ANXA7",
    "ARHI": "DIRAS3",
    "BAK": "BAK1",
    "BAP1C4": "BAP1",
    "BCL2": "BCL2",
    "BCLXL": "BCL2L1",
    "BECLIN": "BECN1",
    "BETACATENIN": "CTNNB1",
    "BIM": "BCL2L11",
    "BRAF": "BRAF",
    "CASPASE3": "CASP3",
    "CASPASE8": "CASP8",
    "CASPASE9": "CASP9",
    "CAVEOLIN1": "CAV1",
    "CD20": "MS4A1",
    "CD31": "PECAM1",
    "CD49B": "ITGA2",
    "CHK1": "CHEK1",
    "CHK2": "CHEK2",
    "CHROMOGRANINANTERM": "CHGA",
    "CIAP": "BIRC2",
    "CK5": "KRT5",
    "CKIT": "KIT",
    "CLAUDIN7": "CLDN7",
    "CMET": "MET",
    "CMYC": "MYC",
    "COLLAGENVI": "COL6A1",
    "COMPLEXIISUBUNIT30": "SDHB",
    "CRAF": "RAF1",
    "CYCLINB1": "CCNB1",
    "CYCLIND1": "CCND1",
    "CYCLINE1": "CCNE1",
    "CYCLINE2": "CCNE2",
    "DIRAS3": "DIRAS3",
    "DJ1": "PARK7",
    "ECADHERIN": "CDH1",
    "EIF4G": "EIF4G1",
    "ERALPHA": "ESR1",
    "ERK2": "MAPK1",
    "ETS1": "ETS1",
    "FIBRONECTIN": "FN1",
    "FOXO3A": "FOXO3",
    "GYGGLYCOGENIN1": "GYG1",
    "GYS": "GYS1",
    "HER2": "ERBB2",
    "HER3": "ERBB3",
    "HEREGULIN": "NRG1",
    "HIF1ALPHA": "HIF1A",
    "HSP70": "HSPA1A",
    "JAB1": "COPS5",
    "JNK2": "MAPK9",
    "KRAS": "KRAS",
    "KU80": "XRCC5",
    "LCN2A": "LCN2",
    "LKB1": "STK11",
    "MEK1": "MAP2K1",
    "MIG6": "ERRFI1",
    "MYOSINIIA": "MYH9",
    "NAPSINA": "NAPSA",
    "NCADHERIN": "CDH2",
    "NRAS": "NRAS",
    "NRF2": "NFE2L2",
    "P16INK4A": "CDKN2A",
    "P21": "CDKN1A",
    "P27": "CDKN1B",
    "P38": "MAPK14",
    "P38MAPK": "MAPK14",
    "P53": "TP53",
    "P62LCKLIGAND": "SQSTM1",
    "P63": "TP63",
    "P70S6K": "RPS6KB1",
    "P90RSK": "RPS6KA1",
    "PAI1": "SERPINE1",
    "PARPAB3": "PARP1",
    "PAXILLIN": "PXN",
    "PCADHERIN": "CDH3",
    "PDK1": "PDPK1",
    "PEA15": "PEA15",
    "PI3KP110ALPHA": "PIK3CA",
    "PI3KP85": "PIK3R1",
    "PKCALPHA": "PRKCA",
    "PKM2": "PKM",
    "PR": "PGR",
    "PYGBAB2": "PYGB",
    "RAB11": "RAB11A",
    "RAPTOR": "RPTOR",
    "RB": "RB1",
    "S6": "RPS6",
    "SCD1": "SCD",
    "SF2": "SRSF1",
    "SMAC": "DIABLO",
    "SNAIL": "SNAI1",
    "STAT5ALPHA": "STAT5A",
    "STATHMIN": "STMN1",
    "SYNAPTOPHYSIN": "SYP",
    "TAZ": "WWTR1",
    "THYMIDILATESYNTHASE": "TYMS",
    "TRANSGLUTAMINASE": "TGM2",
    "TRFC": "TFRC",
    "TTF1": "NKX2-1",
    "TUBERIN": "TSC2",
    "VEGFR2": "KDR",
    "YAP": "YAP1",
    "YB1": "YBX1",
}


def genes_of_antibodies(names: pd.Series, file: str, found: Found) -> pd.Series:
    """Gene of each antibody, as a name to resolve; ``GENE|antibody`` names its gene itself.

    Antibodies against a state of a protein, not its amount, are left out (empty text) and counted.
    """
    state = names.str.contains(STATES, regex=True, case=False)
    if state.any():
        message = f"{state.sum()} antibodies are against phosphorylation sites or other states of a protein"
        found.append(warning(file, message, "They were left out; the total protein stands for its gene."))
    genes = names.str.partition("|")[0].str.upper()
    bare = ~names.str.contains("|", regex=False)
    squeezed = genes.str.replace(r"[^A-Z0-9]|^X(?=\d)", "", regex=True)
    return genes.mask(bare, squeezed.map(ANTIBODY_GENES).fillna(genes)).where(~state, "")
