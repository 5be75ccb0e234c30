"""The study file: what a folder of tables means, said once by somebody who knows.

A cBioPortal folder needs one only where its columns are not the portal's usual ones. A folder of plain
tables always does, since units, orientation and endpoints cannot be guessed safely.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from metarisk.config.section import Section
from metarisk.config.study_annotated import CellsFile, MatrixPart
from metarisk.config.study_endpoints import (
    AgesAtEvents,
    EndpointColumns,
    FirstEvent,
    FollowUp,
    SiteText,
    Threshold,
    YesNo,
)
from metarisk.config.study_tables import (
    AssayFile,
    CallsFile,
    ClinicalFile,
    DatedFile,
    ExtraNumber,
    TimelineValue,
)
from metarisk.errors import nearest
from metarisk.schema.clinical import CATEGORICAL, EXTRA, NUMERIC

__all__ = [
    "StudyFile",
    "AssayFile",
    "CallsFile",
    "CellsFile",
    "ClinicalFile",
    "DatedFile",
    "ExtraNumber",
    "TimelineValue",
    "EndpointColumns",
    "AgesAtEvents",
    "FirstEvent",
    "FollowUp",
    "MatrixPart",
    "SiteText",
    "Threshold",
    "YesNo",
]


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]

# Sections that only one of the two formats reads.
_SECTIONS_OF = {
    "tables": ("clinical_file", "assays", "calls", "cells"),
    "cbioportal": ("units", "timeline"),
}


class StudyFile(Section):
    """What a folder of tables means.

    Attributes
    ----------
    name
        Name of the study in tables and runs.
    format
        ``cbioportal`` for a study folder of the portal, ``tables`` for plain matrices.
    folder
        Folder of the files; relative to the data root, or to this file where there is none.
    licence
        Terms that the data come under.
    build
        Genome build of positions, if any.
    panels
        A table ``panel, gene`` of what each gene panel measures; relative like ``folder``.
    genes
        A table of gene symbols and aliases that replaces the embedded one; relative like ``folder``.
    only_genes
        A table of genes, in its first column or a column ``symbol``: assays on genes are read for these only,
        where whole genomes would not fit into memory. MicroRNAs and proteins, few as they are, are all read.
        Relative like ``folder``.
    clinical
        Our clinical column <- theirs.
    scale
        Number that a clinical column is multiplied by to reach our unit, e.g. purity in percent: 0.01.
    keep
        Rows to keep: column of the source -> accepted values. Everything else is left out, and counted.
    recode
        Our clinical column -> their value -> ours, where two sources name one category differently.
    units
        Data file of a cBioPortal folder -> unit, where its meta file cannot say it.
    gene_names
        Their gene name -> approved symbol, where a name is an alias of several genes.
    mutation_class
        Where the class of a mutation comes from: ``classification`` (the MAF's column), ``alleles`` (length
        of the change), or ``auto``, the column where it exists. A model trained on a study without the
        column reads others best by ``alleles`` too.
    extras
        Clinical numbers that the schema does not have.
    dated
        Values of a patient at several times.
    timeline
        Our clinical number -> the events of a cBioPortal folder's timeline that hold it.
    calls
        Lists of alterations of a folder of plain tables.
    cells
        Counts of single cells, told as pseudobulk expression and cell fractions of samples.
    sha256
        File below the folder -> the SHA-256 it must have. A table that was cut between two rows is a whole
        table to any reader; only its hash can tell.
    """

    name: str
    format: Literal["cbioportal", "tables"] = "cbioportal"
    folder: Path
    licence: str = "not stated"
    build: Literal["hg19", "hg38"] | None = None
    panels: Path | None = None
    genes: Path | None = None
    only_genes: Path | None = None
    clinical: dict[str, str] = Field(default_factory=dict)
    scale: dict[str, float] = Field(default_factory=dict)
    keep: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    recode: dict[str, dict[str, str]] = Field(default_factory=dict)
    units: dict[str, str] = Field(default_factory=dict)
    gene_names: dict[str, str] = Field(default_factory=dict)
    mutation_class: Literal["auto", "classification", "alleles"] = "auto"
    endpoints: EndpointColumns = EndpointColumns()
    clinical_file: ClinicalFile | None = None
    assays: tuple[AssayFile, ...] = ()
    calls: tuple[CallsFile, ...] = ()
    cells: tuple[CellsFile, ...] = ()
    extras: dict[str, ExtraNumber] = Field(default_factory=dict)
    dated: tuple[DatedFile, ...] = ()
    timeline: dict[str, TimelineValue] = Field(default_factory=dict)
    sha256: dict[str, Sha256] = Field(default_factory=dict)

    @field_validator("folder", "panels", "genes", "only_genes")
    @classmethod
    def _stays_below_the_root(cls, path: Path | None) -> Path | None:
        if path is not None and (path.is_absolute() or ".." in path.parts):
            raise ValueError("a path below the data root, without `..`")
        return path

    @model_validator(mode="after")
    def _tables_are_declared(self) -> StudyFile:
        if self.format == "tables" and self.clinical_file is None:
            raise ValueError("format 'tables' needs a clinical_file section")
        return self

    @model_validator(mode="after")
    def _scaled_and_recoded_columns_are_ours(self) -> StudyFile:
        numbers = (*NUMERIC, *(EXTRA + name for name in self.extras))
        for section, said, known in (("scale", self.scale, numbers), ("recode", self.recode, CATEGORICAL)):
            for name in said:
                if name not in known:
                    raise ValueError(f"{section}.{name} is no such column of ours. {nearest(name, known)}")
        return self

    @model_validator(mode="after")
    def _no_section_is_passed_over(self) -> StudyFile:
        other = "tables" if self.format == "cbioportal" else "cbioportal"
        said = [name for name in _SECTIONS_OF[other] if getattr(self, name)]
        if said:
            raise ValueError(f"{', '.join(said)} belong to format {other!r}, and this is {self.format!r}")
        return self
