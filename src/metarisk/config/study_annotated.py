"""AnnData (``.h5ad``) and MuData (``.h5mu``) files: which matrix is meant, and cells that become samples."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from metarisk.config.section import Section

ANNOTATED_SUFFIXES = (".h5ad", ".h5mu")


def is_annotated(file: Path) -> bool:
    """True for the name of an AnnData or MuData file."""
    return file.suffix in ANNOTATED_SUFFIXES


class MatrixPart(Section):
    """Which matrix of an AnnData or MuData file is meant; ``X`` of the only one where nothing is said.

    Attributes
    ----------
    modality
        Of a MuData file.
    layer
        Layer in place of ``X``; ``raw`` is the matrix that AnnData keeps as ``raw``.
    gene_column
        Column of ``var`` that names the genes, in place of ``var_names``.
    """

    modality: str | None = None
    layer: str | None = None
    gene_column: str | None = None


class CellsFile(Section):
    """Counts of single cells that become samples: pseudobulk expression, and the share of each cell type.

    A sample's counts are summed over its cells and told as log2 of counts per million + 1, unit ``log2_cpm``.

    Attributes
    ----------
    file
        Path below the study's folder: ``.h5ad`` or ``.h5mu`` of cells x genes, whole counts.
    part
        Where the counts are.
    sample_column
        Column of ``obs`` that holds the sample id of each cell.
    cell_type_column
        Column of ``obs`` that holds its type; without it there are no cell fractions.
    fewest_cells
        Samples with fewer cells are left out and told.
    cohort
        Value of the clinical table's cohort column that these samples belong to.
    """

    file: Path
    part: MatrixPart = MatrixPart()
    sample_column: str
    cell_type_column: str | None = None
    fewest_cells: int = Field(ge=1)
    cohort: str | None = None

    @model_validator(mode="after")
    def _holds_cells(self) -> CellsFile:
        if not is_annotated(self.file):
            raise ValueError(f"cells are read from {' or '.join(ANNOTATED_SUFFIXES)}, not from {self.file}")
        return self
