"""A matrix as a file has it, samples in rows, before its names are resolved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Matrix:
    """A matrix as a file has it, samples in rows.

    Attributes
    ----------
    file
        Name of the file.
    sample_ids
        Shape (N,).
    names
        Names of the columns as they stand in the file, length M; an empty one names nothing.
    values
        Shape (N, M), NaN where not measured.
    gene_lines
        Line of each gene in the file, length M; empty where genes are columns.
    repeated
        What a gene of several columns means: refused, or their mean or maximum.
    on_genes
        False where the columns of an assay of genes are features of their own kind, e.g. methylation probes.
    """

    file: str
    sample_ids: NDArray[np.str_]
    names: tuple[str, ...]
    values: FloatArray
    gene_lines: tuple[int, ...] = ()
    repeated: Literal["refuse", "mean", "max"] = "refuse"
    on_genes: bool = True

    def take_samples(self, rows: NDArray[np.intp]) -> Matrix:
        """Rows by position."""
        return replace(self, sample_ids=self.sample_ids[rows], values=self.values[rows])

    def take_columns(self, columns: NDArray[np.intp]) -> Matrix:
        """Columns by position."""
        return replace(
            self,
            names=tuple(self.names[column] for column in columns),
            values=self.values[:, columns],
            gene_lines=tuple(self.gene_lines[column] for column in columns) if self.gene_lines else (),
        )
