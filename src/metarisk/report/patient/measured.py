"""What was measured of a gene in one sample, in words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metarisk.data.cohort import Cohort
from metarisk.schema.assays import MUTATION_CHANNELS, Assay

LEVELS = {-2: "deep deletion", -1: "loss of a copy", 0: "no change of copies", 1: "gain", 2: "amplification"}
CLASSES = {
    "truncating": "truncating mutation",
    "missense": "missense mutation",
    "in_frame": "in-frame change",
}
MILD = 0.5  # training standard deviations


def measured_words(one: Cohort, gene: str, assay: str, z: float) -> str:
    """A gene's value in a single sample.

    Parameters
    ----------
    one
        The sample.
    gene, assay
        What was measured.
    z
        Its level in training standard deviations above the training mean; nothing of calls.
    """
    table = one.assays.get(Assay(assay))
    if table is None or gene not in table.genes:
        return "not measured"
    cells = table.values[0, table.genes.index(gene)]
    if np.isnan(cells[0]):
        return "not measured"
    if table.assay is Assay.MUTATION:
        return mutation_words(cells)
    if table.assay is Assay.FUSION:
        return "fusion" if cells[0] else "no fusion"
    if table.assay is Assay.COPY_NUMBER and str(table.units[0]) == "discrete":
        return LEVELS.get(round(float(cells[0])), f"copy-number call {cells[0]:g}")
    return f"{cells[0]:.3g} {table.units[0]}".replace("_", " ") + f", {standing_words(z)}"


def mutation_words(cells: NDArray[np.float32]) -> str:
    """Classes of mutation of a gene, from its channels."""
    called = dict(zip(MUTATION_CHANNELS, np.nan_to_num(cells).tolist(), strict=True))
    found = [words for name, words in CLASSES.items() if called[name]]
    if not found:
        return "no mutation found" if not called["hotspot"] else "mutation at a hotspot"
    return f"{' and '.join(found)}{' at a hotspot' if called['hotspot'] else ''}"


def standing_words(z: float) -> str:
    """Distance from the training mean, in training standard deviations."""
    if abs(z) < MILD:
        return "about the training mean"
    return f"{abs(z):.1f} SD {'above' if z > 0 else 'below'} the training mean"
