"""`metarisk topology show`: one circuit as a figure, with a cohort's alterations on its genes where asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from metarisk.errors import InputError, OutputError
from metarisk.schema.assays import Assay

if TYPE_CHECKING:
    from metarisk.data.cohort import AssayTable, Cohort

ALTERATIONS = "% of tested samples altered"


def draw(
    circuit: str,
    out: Path,
    *,
    source: str = "curated",
    overlay: Path | None = None,
    data_root: Path | None = None,
    overwrite: bool = False,
) -> Path:
    """Draw a circuit; its own curated edges, or every edge among its genes for another topology.

    Parameters
    ----------
    circuit
        Pathway id.
    out
        PNG, SVG or PDF to write.
    source
        ``curated``, a saved topology, or a folder of tidy tables.
    overlay
        What colours the genes: a table ``gene<TAB>name-of-the-number`` (TSV), or a study, whose alteration
        frequencies are taken.
    data_root
        Folder that a study file's paths are relative to.
    overwrite
        Replace a file that stands there.

    Raises
    ------
    TopologyError, InputError, OutputError
        If the circuit, the study or the file cannot be used.
    """
    from metarisk.pathways.curated import curated_pairs
    from metarisk.pathways.draw import draw_circuit
    from metarisk.pathways.source import CURATED, find_topology

    if out.exists() and not overwrite:
        raise OutputError(f"{out} exists", do="Choose another --out, or pass --overwrite.")
    numbers, name = _numbers(overlay, data_root) if overlay else (None, "")
    only = (curated_pairs(circuit) or None) if source == CURATED else None
    return draw_circuit(find_topology(source), circuit, out, numbers, name, only)


def _numbers(overlay: Path, data_root: Path | None) -> tuple[dict[str, float], str]:
    """Number of each gene, and what the numbers are."""
    from metarisk.data.study import read_study

    if overlay.suffix == ".tsv":
        return gene_numbers(overlay)
    return alteration_percent(read_study(overlay, data_root=data_root)), ALTERATIONS


def gene_numbers(path: Path) -> tuple[dict[str, float], str]:
    """Numbers of a two-column table, and the name of its second column.

    Raises
    ------
    InputError
        If the table is not readable text, has other than two columns, or a cell is no number.
    """
    try:
        header, *rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line]
        numbers = {gene: float(value) for gene, value in rows}
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path.name} is not a table of numbers a gene ({error})",
            expected="a header and two columns separated by a tab: gene, number",
            do="Export it again as text.",
        ) from error
    return numbers, header[-1]


def alteration_percent(cohort: Cohort) -> dict[str, float]:
    """Percent of the samples tested for a gene in which it is altered.

    Altered is: mutated in any class, fused, or at a discrete copy number of -2 or 2. A sample is tested where
    any of these assays measured the gene.
    """
    altered: dict[str, NDArray[np.bool_]] = {}
    tested: dict[str, NDArray[np.bool_]] = {}
    nobody = np.zeros(len(cohort), dtype=np.bool_)
    for assay in (Assay.MUTATION, Assay.FUSION, Assay.COPY_NUMBER):
        table = cohort.assays.get(assay)
        if table is None:
            continue
        hit, usable = _events(table)
        for column, gene in enumerate(table.genes):
            altered[gene] = altered.get(gene, nobody) | hit[:, column]
            tested[gene] = tested.get(gene, nobody) | usable[:, column]
    return {gene: 100.0 * altered[gene].sum() / rows.sum() for gene, rows in tested.items() if rows.any()}


def _events(table: AssayTable) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where a gene is altered, and where it was tested, shape (N, G) each."""
    values = np.nan_to_num(table.values)
    if table.assay is not Assay.COPY_NUMBER:
        return np.asarray((values != 0).any(axis=2)), table.measured
    discrete = (table.units == "discrete")[:, None]
    return np.asarray((np.abs(values) == 2).any(axis=2) & discrete), table.measured & discrete
