"""Plain tables of a study: matrices, lists of alterations, clinical tables, dated values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from metarisk.config.section import Section
from metarisk.config.study_annotated import MatrixPart, is_annotated
from metarisk.config.study_endpoints import TimeUnit
from metarisk.schema.assays import ASSAYS, Assay

Orientation = Literal["genes_in_rows", "samples_in_rows"]

# Place in a file name that each of several names takes in turn.
EACH = "{}"


class NameTable(Section):
    """A table that says what the features of a matrix are called, e.g. the genes of a chip's probes.

    Attributes
    ----------
    file
        Path below the study's folder, or relative like it where it starts with ``..``-free folders.
    name_column
        Names as they stand in the matrix.
    gene_column
        Gene of each; a name with an empty cell has none. Several genes in a cell (``A|B``, ``A /// B``) are
        ambiguous: such a name is left out and counted.
    """

    file: Path
    name_column: str
    gene_column: str


class AssayFile(Section):
    """One matrix of one assay, or several of the same form.

    Attributes
    ----------
    assay
        What was measured.
    file
        Path below the study's folder: TSV, CSV (optionally gzipped), parquet, ``.h5ad`` or ``.h5mu``.
    part
        Which matrix of an ``.h5ad`` or ``.h5mu``.
    each
        Names that take the place of ``{}`` in ``file``, one matrix each.
    unit
        One of the units that the assay may be declared in.
    orientation
        ``genes_in_rows`` (a column of gene ids, then a column a sample) or ``samples_in_rows``.
    id_column
        Name of the column of gene ids (genes in rows) or sample ids (samples in rows); of an ``.h5ad`` or
        ``.h5mu`` a column of ``obs``, or ``obs_names``.
    id_type
        How the genes are named; ``feature``: by names of their own kind, kept to the letter and on no gene.
    names
        Table that turns the names into genes of ``id_type``.
    prefix
        Only features whose name begins with this are read, and the prefix is taken off: for a table that
        holds several assays.
    cohort
        Value of the clinical table's cohort column that these samples belong to; sample ids then need to be
        unique only within it.
    scale
        Number that every value is multiplied by to reach the unit, e.g. 0.05 for int8 of 20 x log2 ratio.
    pseudocount
        What was added before the logarithm was taken, where it is not what the unit says (1 for expression
        and microRNA, 0 for a log2 ratio); values are told again with the unit's own.
    repeated
        What a feature that stands twice means: ``refuse``, or aggregate by ``mean`` or ``max``.
    barcode
        ``tcga``: sample ids are TCGA barcodes, cut to the tumour sample; normal tissue is left out.
    """

    assay: Assay
    file: Path
    part: MatrixPart | None = None
    each: tuple[str, ...] = ()
    unit: str
    orientation: Orientation
    id_column: str
    id_type: Literal["symbol", "entrez", "ensembl", "feature"] = "symbol"
    names: NameTable | None = None
    prefix: str = ""
    cohort: str | None = None
    scale: float = 1.0
    pseudocount: float | None = Field(default=None, ge=0.0, le=100.0)
    repeated: Literal["refuse", "mean", "max"] = "refuse"
    barcode: Literal["tcga"] | None = None

    @model_validator(mode="after")
    def _unit_belongs_to_assay(self) -> AssayFile:
        known = ASSAYS[self.assay].units
        if self.unit not in known:
            raise ValueError(f"unit {self.unit!r} is not one of {', '.join(known)} for assay {self.assay}")
        return self

    @model_validator(mode="after")
    def _part_is_of_an_annotated_file(self) -> AssayFile:
        if self.part is not None and not is_annotated(self.file):
            raise ValueError(f"part is for .h5ad and .h5mu files, {self.file} is neither")
        return self

    @model_validator(mode="after")
    def _each_has_its_place(self) -> AssayFile:
        if bool(self.each) != (EACH in str(self.file)):
            raise ValueError(f"each and a file name with {EACH} go together")
        return self

    def matrices(self) -> Iterator[AssayFile]:
        """One declaration a matrix."""
        if not self.each:
            yield self
        for name in self.each:
            yield self.model_copy(update={"file": Path(str(self.file).replace(EACH, name)), "each": ()})


class CallsFile(Section):
    """A list of alterations, one a row, in place of a matrix.

    Attributes
    ----------
    assay
        ``mutation`` or ``fusion``.
    file
        Path below the study's folder.
    sample_column, gene_column
        Who was altered, and where.
    class_column
        Variant classes by the MAF's names; mutations of a list without it are missense.
    classes
        Class as it stands in the file -> the MAF's name, where they differ.
    sequenced
        Value of the gene column that marks a sample as sequenced although it may have no alteration. Where it
        is None, every sample of the list was sequenced and no other.
    panel_column
        Gene panel of each row, described under ``panels``; without it every gene of the list is measured.
    """

    assay: Literal[Assay.MUTATION, Assay.FUSION]
    file: Path
    sample_column: str
    gene_column: str
    class_column: str | None = None
    classes: dict[str, str] = Field(default_factory=dict)
    sequenced: str | None = None
    panel_column: str | None = None
    cohort: str | None = None


class FurtherTable(Section):
    """Another clinical table: its columns join the first by an id; a row that it lacks is unknown.

    Attributes
    ----------
    file
        Path below the study's folder.
    column
        Its column of ids.
    on
        Column of the first table that holds the same ids.
    """

    file: Path
    column: str
    on: str


class ClinicalFile(Section):
    """The clinical table of a folder of plain tables.

    Attributes
    ----------
    file
        Path below the study's folder: a table, or an ``.h5ad`` or ``.h5mu`` of which ``obs`` is read.
    modality
        Of an ``.h5mu``, whose ``obs`` is meant; the one that all modalities share where it is None.
    orientation
        ``samples_in_rows``, or ``genes_in_rows`` where the clinical columns are rows of a matrix.
    sample_column
        Column of sample ids (of the names of the rows where the table is turned); the index of an ``obs`` is
        called ``obs_names``.
    rows
        Of a turned table the rows that are clinical.
    patient_column
        Column of patient ids; where it is absent or blank, the sample id stands for the patient.
    patient_pattern
        Regular expression with one group that finds the patient in the sample id where the column is blank.
    cohort_column
        Column that names the cohort of each sample; ids are then written ``cohort:id``.
    barcode
        ``tcga``: sample ids are TCGA barcodes, which tell patient and sample type.
    further
        More tables that join this one.
    assays_only
        What a sample means that has an assay and no clinical row: ``leave_out`` (and tell) or ``keep``, with
        everything clinical unknown.
    """

    file: Path
    modality: str | None = None
    orientation: Orientation = "samples_in_rows"
    sample_column: str
    rows: tuple[str, ...] = ()
    patient_column: str | None = None
    patient_pattern: str | None = None
    cohort_column: str | None = None
    barcode: Literal["tcga"] | None = None
    further: tuple[FurtherTable, ...] = ()
    assays_only: Literal["leave_out", "keep"] = "leave_out"


class DatedFile(Section):
    """Values of a patient at several times, e.g. circulating tumour DNA.

    Attributes
    ----------
    file
        Path below the study's folder; several rows a patient.
    patient_column
        Patients as the clinical table has them.
    time, unit
        Column of time from baseline, and its unit.
    values
        Our clinical number -> column.
    """

    file: Path
    patient_column: str
    time: str
    unit: TimeUnit
    values: dict[str, str] = Field(min_length=1)


class ExtraNumber(Section):
    """A clinical number of this study that the schema does not have; it is called ``extra.<name>``.

    Attributes
    ----------
    column
        Where it stands.
    unit
        In words, for tables.
    low, high
        Closed range outside which it cannot be true.
    """

    column: str
    unit: str
    low: float
    high: float
