"""The study file: what a folder of tables means, said once by somebody who knows.

A cBioPortal folder needs one only where its columns are not the portal's usual ones. A folder of plain
tables always does, since units, orientation and endpoints cannot be guessed safely.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from metarisk.config.section import Section
from metarisk.schema.assays import ASSAYS, Assay

TimeUnit = Literal["days", "months", "years"]


class YesNo(Section):
    """A column that says yes, no, or nothing: whatever is neither yes nor no stays unknown."""

    column: str
    yes: tuple[str, ...] = Field(min_length=1)
    no: tuple[str, ...] = Field(min_length=1)


class FollowUp(Section):
    """A column of time from baseline and a column of status."""

    time: str
    unit: TimeUnit
    status: str
    event: tuple[str, ...] = Field(min_length=1)
    censored: tuple[str, ...] = Field(min_length=1)


class AgesAtEvents(Section):
    """First metastasis after baseline, from the patient's age at each event.

    A patient whose metastasis is not later than baseline was already metastatic: not at risk, so unknown.
    """

    baseline: str
    metastasis: str
    death: str
    last_contact: str
    unit: TimeUnit = "years"


class EndpointColumns(Section):
    """Where each endpoint stands in the study's clinical tables.

    Attributes
    ----------
    rows
        Rows at which the clock of these endpoints starts: column of the source -> accepted values. The
        endpoints of every other row are unknown. Where it is empty, they hold for all rows.
    """

    rows: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    sites: dict[str, YesNo] = Field(default_factory=dict)
    metastatic: YesNo | None = None
    response: YesNo | None = None
    metastasis: AgesAtEvents | None = None
    os: FollowUp | None = None
    pfs: FollowUp | None = None


class AssayFile(Section):
    """One matrix of one assay.

    Attributes
    ----------
    assay
        What was measured.
    file
        Path below the study's folder: TSV, CSV (optionally gzipped) or parquet.
    unit
        One of the units that the assay may be declared in.
    orientation
        ``genes_in_rows`` (a column of gene ids, then a column a sample) or ``samples_in_rows``.
    id_column
        Name of the column of gene ids (genes in rows) or sample ids (samples in rows).
    id_type
        How the genes are named.
    cohort
        Value of the clinical table's cohort column that these samples belong to; sample ids then need to be
        unique only within it.
    scale
        Number that every value is multiplied by to reach the unit, e.g. 0.05 for int8 of 20 x log2 ratio.
    pseudocount
        What was added before the logarithm was taken; values of a log2 unit are told again as log2(x + 1).
    """

    assay: Assay
    file: Path
    unit: str
    orientation: Literal["genes_in_rows", "samples_in_rows"]
    id_column: str
    id_type: Literal["symbol", "entrez", "ensembl"] = "symbol"
    cohort: str | None = None
    scale: float = 1.0
    pseudocount: float = Field(default=1.0, gt=0.0, le=100.0)

    @model_validator(mode="after")
    def _unit_belongs_to_assay(self) -> AssayFile:
        known = ASSAYS[self.assay].units
        if self.unit not in known:
            raise ValueError(f"unit {self.unit!r} is not one of {', '.join(known)} for assay {self.assay}")
        return self


class ClinicalFile(Section):
    """The clinical table of a folder of plain tables.

    Attributes
    ----------
    file
        Path below the study's folder.
    sample_column
        Column of sample ids.
    patient_column
        Column of patient ids; where it is absent or blank, the sample id stands for the patient.
    patient_pattern
        Regular expression with one group that finds the patient in the sample id where the column is blank.
    cohort_column
        Column that names the cohort of each sample; ids are then written ``cohort:id``.
    """

    file: Path
    sample_column: str
    patient_column: str | None = None
    patient_pattern: str | None = None
    cohort_column: str | None = None


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
    """

    name: str
    format: Literal["cbioportal", "tables"] = "cbioportal"
    folder: Path
    licence: str = "not stated"
    build: Literal["hg19", "hg38"] | None = None
    panels: Path | None = None
    genes: Path | None = None
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

    @model_validator(mode="after")
    def _tables_are_declared(self) -> StudyFile:
        if self.format == "tables" and self.clinical_file is None:
            raise ValueError("format 'tables' needs a clinical_file section")
        return self
