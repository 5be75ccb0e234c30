"""Variant classes, by the MAF's names, and the channel that each one falls into."""

from __future__ import annotations

from metarisk.schema.assays import MUTATION_CHANNELS

LEFT_OUT = -1
TRUNCATING, MISSENSE, IN_FRAME, _ = range(len(MUTATION_CHANNELS))

CLASS_CHANNELS: dict[str, int] = {
    "NONSENSE_MUTATION": TRUNCATING,
    "FRAME_SHIFT_DEL": TRUNCATING,
    "FRAME_SHIFT_INS": TRUNCATING,
    "SPLICE_SITE": TRUNCATING,
    "TRANSLATION_START_SITE": TRUNCATING,
    "NONSTOP_MUTATION": TRUNCATING,
    "DE_NOVO_START_OUTOFFRAME": TRUNCATING,
    "STOP_CODON_DEL": TRUNCATING,
    "STOP_CODON_INS": TRUNCATING,
    "MISSENSE_MUTATION": MISSENSE,
    "MISSENSE": MISSENSE,
    "DE_NOVO_START_INFRAME": MISSENSE,
    "IN_FRAME_DEL": IN_FRAME,
    "IN_FRAME_INS": IN_FRAME,
}
# No protein changes: silent, introns, untranslated, flanks, near splice sites, RNA genes.
SILENT_CLASSES = frozenset(
    {
        "SILENT",
        "INTRON",
        "3'UTR",
        "5'UTR",
        "3'FLANK",
        "5'FLANK",
        "IGR",
        "RNA",
        "LINCRNA",
        "SPLICE_REGION",
        "TARGETED_REGION",
        "SYNONYMOUS_MUTATION",
    }
)
# Activating promoter mutations: panels report them, and a list without classes shows them as substitutions.
PROMOTER_GENE, PROMOTER_CLASS = "TERT", "5'FLANK"
