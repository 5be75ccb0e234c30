"""The assays, the units each may be declared in, and the channels a value has."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Assay(StrEnum):
    """A kind of measurement on a tumour; each one is optional for each sample."""

    MUTATION = "mutation"
    COPY_NUMBER = "copy_number"
    FUSION = "fusion"
    EXPRESSION = "expression"
    METHYLATION = "methylation"
    MICRORNA = "microrna"
    PROTEIN = "protein"
    METABOLITE = "metabolite"
    SIGNATURE = "signature"
    CELL_FRACTION = "cell_fraction"


@dataclass(frozen=True)
class AssaySpec:
    """What a table of an assay holds.

    Attributes
    ----------
    channels
        Names of the C numbers that a gene has in a sample.
    units
        Units that a table may be declared in.
    level
        What a column is: a ``gene``, a ``pathway`` (signatures), or a ``feature`` of its own kind.
    """

    channels: tuple[str, ...]
    units: tuple[str, ...]
    level: str = "gene"


# Units that are already relative to the cohort's own mean of each gene.
CENTRED_UNITS = frozenset({"z_score"})

# The class of a mutation, and whether it stands at a recurrent position (NaN where nobody can tell).
MUTATION_CHANNELS = ("truncating", "missense", "in_frame", "hotspot")

ASSAYS: dict[Assay, AssaySpec] = {
    Assay.MUTATION: AssaySpec(MUTATION_CHANNELS, ("calls",)),
    Assay.COPY_NUMBER: AssaySpec(("level",), ("discrete", "log2_ratio")),
    Assay.FUSION: AssaySpec(("present",), ("calls",)),
    Assay.EXPRESSION: AssaySpec(
        ("level",),
        (
            "log2_tpm",
            "log2_fpkm",
            "log2_rsem",
            "log2_cpm",
            "log2_counts",
            "log2_nanostring",
            "log2_intensity",
            "tpm",
            "counts",
            "z_score",
        ),
    ),
    Assay.METHYLATION: AssaySpec(("level",), ("beta", "m_value")),
    Assay.MICRORNA: AssaySpec(("level",), ("log2_rpm", "log2_intensity", "z_score")),
    Assay.PROTEIN: AssaySpec(("level",), ("z_score", "log2_intensity")),
    Assay.METABOLITE: AssaySpec(("level",), ("z_score", "log2_intensity"), level="feature"),
    Assay.SIGNATURE: AssaySpec(("level",), ("score", "z_score"), level="pathway"),
    Assay.CELL_FRACTION: AssaySpec(("level",), ("fraction",), level="feature"),
}
