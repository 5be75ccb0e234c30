"""Antibodies of reverse-phase protein arrays to the genes of their proteins."""

from __future__ import annotations

import pandas as pd

from metarisk.data.found import Found, warning

PHOSPHO_SITE = r"_p[STY]\d"

# Names that mean another gene as an antibody than as a symbol, or that are no symbol at all.
ANTIBODY_GENES: dict[str, str] = {
    "14-3-3_BETA": "YWHAB",
    "14-3-3_EPSILON": "YWHAE",
    "14-3-3_ZETA": "YWHAZ",
    "ALPHA-CATENIN": "CTNNA1",
    "ANNEXIN-1": "ANXA1",
    "ANNEXIN_I": "ANXA1",
    "COLLAGEN_VI": "COL6A1",
    "CYCLIN_B1": "CCNB1",
    "CYCLIN_D1": "CCND1",
    "CYCLIN_E1": "CCNE1",
    "CYCLIN_E2": "CCNE2",
    "CLAUDIN-7": "CLDN7",
    "ER-ALPHA": "ESR1",
    "MYOSIN-IIA": "MYH9",
    "P16_INK4A": "CDKN2A",
    "P21": "CDKN1A",
    "P27": "CDKN1B",
    "P38_MAPK": "MAPK14",
    "P38": "MAPK14",
    "P53": "TP53",
    "P63": "TP63",
    "P90RSK": "RPS6KA1",
    "PR": "PGR",
    "RB": "RB1",
    "S6": "RPS6",
    "TAZ": "WWTR1",
    "TUBERIN": "TSC2",
    "VEGFR2": "KDR",
    "YB-1": "YBX1",
}


def genes_of_antibodies(names: pd.Series, file: str, found: Found) -> pd.Series:
    """Gene of each antibody, as a name to resolve; ``GENE|antibody`` names its gene itself.

    Phosphorylation sites are states of a protein, not its amount: they are left out (empty text) and counted.
    """
    phospho = names.str.contains(PHOSPHO_SITE, regex=True)
    if phospho.any():
        message = f"{phospho.sum()} antibodies are against phosphorylation sites"
        found.append(warning(file, message, "They were left out; the total protein stands for its gene."))
    genes = names.str.partition("|")[0].str.upper()
    bare = ~names.str.contains("|", regex=False)
    return genes.mask(bare, genes.replace(ANTIBODY_GENES)).where(~phospho, "")
