"""Plain tables of a study: matrices, lists of alterations, clinical tables, dated values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from metarisk.config.section import Section
from metarisk.config.study_annotated import MatrixPart, is_annotated
from metarisk.config.study_endpoints import TimeUnit
from metarisk.schema.assays import ASSAYS, CENTRED_UNITS, Assay

Orientation = Literal["genes_in_rows", "samples_in_rows"]
Repeated = Literal["refuse", "mean", "max"]
Barcode = Literal["tcga"]

# Place in a file name that each of several names takes in turn.
EACH = "{}"


def _require_one_group(key: str, pattern: str | None) -> None:
    """Refuse a pattern that is none, or that finds more than one thing."""
    if pattern is None:
        return
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"{key} is no regular expression ({error})") from error
    if groups != 1:
        raise ValueError(f"{key} has {groups} groups; it needs one, around what is to be found")


class NameTable(Section):
    """A table that says what the features of a matrix are called, e.g. the genes of a chip's probes.

    Attributes
    ----------
    file
        Path below the study's folder: a chip's annotation, a Xena probe map, any table of two such columns.
    name_column
        Names as they stand in the matrix; a versioned Ensembl id also finds the same id without its version.
    gene_column
        Gene of each; a name with an empty cell has none. Several genes in a cell (``A,B``, ``A /// B``) are
        ambiguous: such a name is left out and counted.
    """

    file: Path
    name_column: str
    gene_column: str


class SampleSheet(Section):
    """A table that says which file holds which sample, where each sample has a file of its own.

    The defaults are those of a sample sheet of the Genomic Data Commons, whose client puts each file into a
    folder that is named by its id.

    Attributes
    ----------
    file
        Path of the sheet below the study's folder.
    file_column, sample_column
        Names of files, and the sample of each.
    folder_column
        Folder of each file; None where all lie in one.
    value_column
        Column of values in every file.
    """

    file: Path
    file_column: str = "File Name"
    sample_column: str = "Sample ID"
    folder_column: str | None = "File ID"
    value_column: str


class AssayFile(Section):
    """One matrix of one assay, or several of the same form.

    Attributes
    ----------
    assay
        What was measured.
    file
        Path below the study's folder: TSV, CSV (optionally gzipped), parquet, ``.h5ad`` or ``.h5mu``.
        With a ``sheet`` the folder of the samples' files.
    part
        Which matrix of an ``.h5ad`` or ``.h5mu``.
    each
        Names that take the place of ``{}`` in ``file``, and in ``cohort`` where it stands there too; one
        matrix each.
    sheet
        Where each sample has a file of its own.
    unit
        One of the units that the assay may be declared in.
    orientation
        ``genes_in_rows`` (a column of gene ids, then a column a sample) or ``samples_in_rows``.
    id_column
        Name of the column of gene ids (genes in rows) or sample ids (samples in rows); of an ``.h5ad`` or
        ``.h5mu`` a column of ``obs``, or ``obs_names``. The index that pandas stored in a parquet file is a
        column of its own name, or ``index`` where it has none.
    skip
        Columns that are neither ids nor values, e.g. a gene's cytoband.
    id_type
        How the genes are named; ``feature``: by names of their own kind, kept to the letter and on no gene.
        A name of another kind among them is read by its look, and told.
    names
        Table that turns the names into genes of ``id_type``.
    prefix
        Only features whose name begins with this are read, and the prefix is taken off: for a table that
        holds several assays.
    name_pattern
        Regular expression with one group that finds the gene in a feature's name, e.g. the part before the
        point of ``TP53.7157``; a name that it does not match stays as it is.
    cohort
        Value of the clinical table's cohort column that these samples belong to; sample ids then need to be
        unique only within it.
    scale
        Number that every value is multiplied by to reach the unit, e.g. 0.05 for int8 of 20 x log2 ratio.
    pseudocount
        What was added before the logarithm was taken, where it is not what the unit says (1 for expression
        and microRNA, 0 for a log2 ratio); values are told again with the unit's own.
    relative
        True where each gene is told by its place among this matrix's own samples, as a z-score in place of
        the unit: cohorts on scales of their own become comparable, and a lone sample cannot be read.
    linear
        True where no logarithm was taken yet: log2 of the value plus the unit's own pseudocount is.
    clip
        Closed range that values are brought into, after ``scale``: (0, 1) makes calls of counted mutations.
    repeated
        What a gene that stands twice means, under one name or two: ``refuse``, or aggregate over its rows, of
        each sample the ``mean`` or the ``max``.
    barcode
        ``tcga``: sample ids are TCGA barcodes. They are cut to the tumour sample, or to the patient where the
        clinical table has patients; normal tissue is left out, and one of several portions is kept.
    """

    assay: Assay
    file: Path
    part: MatrixPart | None = None
    each: tuple[str, ...] = ()
    unit: str
    sheet: SampleSheet | None = None
    orientation: Orientation = "genes_in_rows"
    id_column: str
    skip: tuple[str, ...] = ()
    id_type: Literal["symbol", "entrez", "ensembl", "feature"] = "symbol"
    names: NameTable | None = None
    prefix: str = ""
    name_pattern: str | None = None
    cohort: str | None = None
    scale: float = 1.0
    pseudocount: float | None = Field(default=None, ge=0.0, le=100.0)
    linear: bool = False
    relative: bool = False
    clip: tuple[float, float] | None = None
    repeated: Repeated = "refuse"
    barcode: Barcode | None = None

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
    def _pseudocount_belongs_to_a_logarithm(self) -> AssayFile:
        for key, said in (("pseudocount", self.pseudocount is not None), ("linear", self.linear)):
            if said and not self.unit.startswith("log2_"):
                raise ValueError(f"{key} belongs to a log2 unit, not to {self.unit}")
        if self.linear and self.pseudocount is not None:
            raise ValueError("linear values have no pseudocount yet")
        return self

    @model_validator(mode="after")
    def _relative_values_have_a_unit_of_their_own(self) -> AssayFile:
        if self.relative and (self.unit in CENTRED_UNITS or "z_score" not in ASSAYS[self.assay].units):
            raise ValueError(f"relative makes z-scores, which {self.assay} in {self.unit} cannot become")
        return self

    @model_validator(mode="after")
    def _sheet_lists_files_of_genes(self) -> AssayFile:
        if self.sheet is not None and self.orientation != "genes_in_rows":
            raise ValueError("files of one sample each have their genes in rows")
        return self

    @model_validator(mode="after")
    def _pattern_finds_one_name(self) -> AssayFile:
        _require_one_group("name_pattern", self.name_pattern)
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
            file = Path(str(self.file).replace(EACH, name))
            cohort = None if self.cohort is None else self.cohort.replace(EACH, name)
            yield self.model_copy(update={"file": file, "cohort": cohort, "each": ()})


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
        Variant classes by the MAF's names; without it the protein change tells the class, and where that is
        not told either a mutation is missense.
    classes
        Class as it stands in the file -> the MAF's name, where they differ.
    change_column
        Protein changes of mutations, such as ``p.G12D``: they tell which are hotspots.
    sequenced
        Value of the gene column that marks a sample as sequenced although it may have no alteration. Where it
        is None, every sample of the list was sequenced and no other.
    panel_column
        Gene panel of each row, described under ``panels``; without it every gene of the list is measured.
    cohort, barcode
        As for a matrix.
    """

    assay: Literal[Assay.MUTATION, Assay.FUSION]
    file: Path
    sample_column: str
    gene_column: str
    class_column: str | None = None
    classes: dict[str, str] = Field(default_factory=dict)
    change_column: str | None = None
    sequenced: str | None = None
    panel_column: str | None = None
    cohort: str | None = None
    barcode: Barcode | None = None

    @model_validator(mode="after")
    def _no_key_is_passed_over(self) -> CallsFile:
        if self.classes and self.class_column is None:
            raise ValueError("classes are of a class_column")
        said = [name for name in ("class_column", "change_column") if getattr(self, name) is not None]
        if said and self.assay is not Assay.MUTATION:
            raise ValueError(f"{', '.join(said)} belong to mutations, not to {self.assay}")
        return self


class FurtherTable(Section):
    """Another clinical table: its columns join the first by an id; a row that it lacks is unknown.

    Attributes
    ----------
    file
        Path below the study's folder.
    column
        Its column of ids.
    joins
        Column of the first table that holds the same ids.
    """

    file: Path
    column: str
    joins: str


class Blank(Section):
    """Cells that are read as unknown, e.g. a constant that was filled in for values that nobody measured.

    Attributes
    ----------
    columns
        Columns of the source.
    where
        Rows in which their cells do not mean what the column says: column -> values.
    """

    columns: tuple[str, ...] = Field(min_length=1)
    where: dict[str, tuple[str, ...]] = Field(min_length=1)


class Rescale(Section):
    """Numbers of another unit than the column's, e.g. mutations of an exome where others count a megabase.

    Attributes
    ----------
    columns
        Columns of the source.
    where
        Rows whose numbers are in that unit: column -> values.
    factor
        Number that they are multiplied by to reach the column's unit.
    """

    columns: tuple[str, ...] = Field(min_length=1)
    where: dict[str, tuple[str, ...]] = Field(min_length=1)
    factor: float = Field(gt=0.0, allow_inf_nan=False)


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
        ``tcga``: sample ids are TCGA barcodes, which tell patient and, as column ``SAMPLE_TYPE``, the kind of
        tumour; normal tissue is left out.
    constants
        Further columns that hold the same value in every row, e.g. the cancer type of a study of one.
    blank
        Cells that are read as unknown.
    rescale
        Numbers that are brought to the unit of their column.
    further
        More tables that join this one.
    assays_only
        What a sample means that has an assay and no clinical row: ``leave_out`` (and tell) or ``keep``, with
        everything clinical unknown but the constants.
    """

    file: Path
    modality: str | None = None
    orientation: Orientation = "samples_in_rows"
    sample_column: str
    rows: tuple[str, ...] = ()
    patient_column: str | None = None
    patient_pattern: str | None = None
    cohort_column: str | None = None
    barcode: Barcode | None = None
    constants: dict[str, str] = Field(default_factory=dict)
    blank: tuple[Blank, ...] = ()
    rescale: tuple[Rescale, ...] = ()
    further: tuple[FurtherTable, ...] = ()
    assays_only: Literal["leave_out", "keep"] = "leave_out"

    @model_validator(mode="after")
    def _turned_tables_name_their_rows(self) -> ClinicalFile:
        if (self.orientation == "genes_in_rows") != bool(self.rows):
            raise ValueError("orientation genes_in_rows and rows go together")
        return self

    @model_validator(mode="after")
    def _pattern_finds_one_patient(self) -> ClinicalFile:
        _require_one_group("patient_pattern", self.patient_pattern)
        return self


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
        Our clinical number -> column; a name that begins with ``extra.`` is a number of this study's own.
    scale
        Number that one is multiplied by to reach our unit, e.g. a fraction in percent: 0.01.
    cohort_column
        Column that names the cohort of each row, where patients are called ``cohort:id``.
    """

    file: Path
    patient_column: str
    time: str
    unit: TimeUnit
    values: dict[str, str] = Field(min_length=1)
    scale: dict[str, float] = Field(default_factory=dict)
    cohort_column: str | None = None

    @model_validator(mode="after")
    def _scaled_values_are_read(self) -> DatedFile:
        unread = sorted(set(self.scale) - set(self.values))
        if unread:
            raise ValueError(f"scale names {', '.join(unread)}, which values does not read")
        return self


class TimelineValue(Section):
    """A clinical number at several times, from the events of a study folder's timeline.

    Attributes
    ----------
    event_type
        ``EVENT_TYPE`` of the events that hold it, e.g. ``LAB_TEST``; case does not matter.
    where
        Further columns -> values that an event must have, e.g. the name of the test.
    value
        Column of the number, e.g. ``RESULT``.
    scale
        Number that it is multiplied by to reach our unit.
    """

    event_type: str
    where: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    value: str
    scale: float = 1.0


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
    codes
        Text of the column -> the number that it stands for, e.g. the size of a tumour by its T category;
        nothing (``null``) where the text says that it is not known. Without codes the column holds numbers.
    """

    column: str
    unit: str
    low: float
    high: float
    codes: dict[str, float | None] = Field(default_factory=dict)
