"""What every reader of a study needs, and what it hands back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from metarisk.config.study import StudyFile
from metarisk.data.cohort import AssayTable
from metarisk.data.dated import no_dated_values
from metarisk.data.genes import GeneTable, Resolution


@dataclass(frozen=True)
class Setting:
    """A study and where its parts lie.

    Attributes
    ----------
    study
        What the folder of tables means.
    folder
        Folder of the files.
    genes
        Resolves gene names.
    panels
        File or folder of gene panels, if the study names one.
    only
        Approved symbols that are read, if the study names them; None reads every gene.
    build
        Genome build that the study file or the study itself declares; empty text if none does.
    """

    study: StudyFile
    folder: Path
    genes: GeneTable
    panels: Path | None = None
    only: frozenset[str] | None = None
    build: str = ""

    def resolve(self, names: pd.Series, file: str) -> Resolution:
        """Approved symbols of a column of gene names, with the study file's own choices."""
        return self.genes.resolve(names, file=file, chosen=self.study.gene_names)


@dataclass(frozen=True)
class Parts:
    """The tables of a study before they are joined.

    Attributes
    ----------
    clinical, endpoints
        Index ``sample_id``.
    assays
        One table an assay.
    files
        Every file that was read.
    dated
        Values of patients at several times.
    build
        Genome build of the positions, declared or shown by them; empty text if it is not known.
    licence
        Terms that the folder itself states; empty text if it states none.
    """

    clinical: pd.DataFrame
    endpoints: pd.DataFrame
    assays: tuple[AssayTable, ...]
    files: tuple[Path, ...]
    dated: pd.DataFrame = field(default_factory=no_dated_values)
    build: str = ""
    licence: str = ""
