"""A cohort: samples with whatever was measured on them, and what happened to their patients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.dated import check_dated, no_dated_values
from metarisk.data.digest import digest_of
from metarisk.errors import InputError, first_ten
from metarisk.schema.assays import ASSAYS, Assay
from metarisk.schema.endpoints import endpoint_columns

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class AssayTable:
    """What one assay measured.

    Attributes
    ----------
    assay
        Kind of measurement.
    sample_ids
        Ids of the rows, shape (N,).
    genes
        Approved symbols of the columns, or pathway or feature names where the assay has those, length G.
    values
        Shape (N, G, C) with the channels of `ASSAYS`; NaN where a gene was not measured in a sample.
    units
        Declared unit of each row, shape (N,); empty text where the assay is missing for that sample.
    panels
        Gene panel of each row, shape (N,); empty text where none is declared, or nothing was measured.
    """

    assay: Assay
    sample_ids: NDArray[np.str_]
    genes: tuple[str, ...]
    values: FloatArray
    units: NDArray[np.str_]
    panels: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, dtype="U1"))

    def __post_init__(self) -> None:
        if not len(self.panels):
            object.__setattr__(self, "panels", np.full(len(self.sample_ids), ""))
        expected = (len(self.sample_ids), len(self.genes), len(ASSAYS[self.assay].channels))
        shapes = (self.values.shape, self.units.shape, self.panels.shape)
        if shapes != (expected, expected[:1], expected[:1]):
            raise InputError(
                f"{self.assay} has values, units and panels of shapes {shapes}",
                expected=f"values {expected}, units and panels {expected[:1]}",
                do="Build the table with one row a sample, one column a gene, one channel a number.",
            )

    @property
    def measured(self) -> NDArray[np.bool_]:
        """True where a gene was measured in a sample, shape (N, G)."""
        return ~np.isnan(self.values[..., 0])

    def take(self, rows: NDArray[np.intp]) -> AssayTable:
        """Rows in the order asked for."""
        return replace(
            self,
            sample_ids=self.sample_ids[rows],
            values=self.values[rows],
            units=self.units[rows],
            panels=self.panels[rows],
        )

    def align(self, sample_ids: NDArray[np.str_]) -> AssayTable:
        """One row for each sample asked for; NaN and an empty unit where this table has none."""
        if np.array_equal(self.sample_ids, sample_ids):
            return self
        position = pd.Index(self.sample_ids).get_indexer(pd.Index(sample_ids))
        here, theirs = position >= 0, position[position >= 0]
        values = np.full((len(sample_ids), *self.values.shape[1:]), np.nan, dtype=np.float32)
        units, panels = (np.full(len(sample_ids), "", dtype=told.dtype) for told in (self.units, self.panels))
        values[here], units[here], panels[here] = self.values[theirs], self.units[theirs], self.panels[theirs]
        return AssayTable(self.assay, sample_ids, self.genes, values, units, panels)


@dataclass(frozen=True)
class Provenance:
    """Where a cohort comes from.

    Attributes
    ----------
    name
        Name of the study.
    licence
        Terms the data come under.
    sha256
        Hash over the source files.
    build
        Genome build of its positions, ``hg19`` or ``hg38``; empty text where it has none.
    """

    name: str
    licence: str
    sha256: str
    build: str = ""


@dataclass(frozen=True)
class Cohort:
    """Samples, what was measured, what is known at baseline, and what happened.

    Attributes
    ----------
    clinical
        One row a sample, index ``sample_id``; first column ``patient_id``, then the clinical columns of the
        schema: floats with NaN for unknown, text with missing for unknown.
    assays
        Aligned to ``clinical``: row n is sample n in each.
    endpoints
        Columns of `endpoint_columns`, same index; NaN is unknown.
    provenance
        Source, licence and hash.
    dated
        Values of patients at several times, columns `metarisk.data.dated.DATED_COLUMNS`; often without rows.
    """

    clinical: pd.DataFrame
    assays: Mapping[Assay, AssayTable]
    endpoints: pd.DataFrame
    provenance: Provenance
    dated: pd.DataFrame = field(default_factory=no_dated_values)

    @staticmethod
    def join(
        clinical: pd.DataFrame,
        assays: Iterable[AssayTable],
        endpoints: pd.DataFrame,
        provenance: Provenance,
        dated: pd.DataFrame | None = None,
    ) -> Cohort:
        """Align assays and endpoints to the clinical table's samples; what a sample lacks is missing.

        Raises
        ------
        InputError
            If there is no sample, an id stands twice, an endpoint or a dated variable is unknown to the
            schema, or an assay shares no sample with the clinical table.
        """
        dated = no_dated_values() if dated is None else dated
        _check_clinical(clinical, provenance)
        _check_endpoints(endpoints)
        check_dated(dated)
        sample_ids = clinical.index.to_numpy(dtype=str)
        aligned: dict[Assay, AssayTable] = {}
        for table in assays:
            _check_overlap(table, sample_ids)
            aligned[table.assay] = table.align(sample_ids)
        return Cohort(clinical, aligned, endpoints.reindex(clinical.index), provenance, dated)

    def __len__(self) -> int:
        """Count the samples N."""
        return len(self.clinical)

    @property
    def sample_ids(self) -> NDArray[np.str_]:
        """Shape (N,)."""
        return self.clinical.index.to_numpy(dtype=str)

    @property
    def patient_ids(self) -> NDArray[np.str_]:
        """Shape (N,)."""
        return self.clinical["patient_id"].to_numpy(dtype=str)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Cohort:
        """Rows in the order asked for, or those where a mask is True."""
        index = np.flatnonzero(rows) if rows.dtype == np.bool_ else np.asarray(rows, dtype=np.intp)
        clinical = self.clinical.iloc[index]
        theirs = self.dated["patient_id"].isin(clinical["patient_id"]).to_numpy()
        return Cohort(
            clinical,
            {assay: table.take(index) for assay, table in self.assays.items()},
            self.endpoints.iloc[index],
            self.provenance,
            self.dated if theirs.all() else self.dated[theirs],
        )

    def content_sha256(self) -> str:
        """Hash over every value, unit, panel and the genome build; equal cohorts have equal hashes.

        Neither the study's name and licence nor the files that it was read from play a part.
        """
        return digest_of(self, self.provenance.build)


def _check_clinical(clinical: pd.DataFrame, provenance: Provenance) -> None:
    if clinical.empty:
        raise InputError(
            f"{provenance.name} has no samples",
            expected="at least one row in its clinical sample table",
            do="Check the filter that was asked for, or export the study again.",
        )
    repeated = clinical.index[clinical.index.duplicated()].unique()
    if len(repeated):
        raise InputError(
            f"{provenance.name} names {len(repeated)} samples more than once ({first_ten(repeated)})",
            expected="one row a sample",
            do="Remove or rename the repeated rows; metarisk does not choose between them.",
        )


def _check_endpoints(endpoints: pd.DataFrame) -> None:
    unknown = sorted(set(endpoints.columns) - set(endpoint_columns()))
    if unknown:
        raise InputError(
            f"endpoints {first_ten(unknown)} are unknown",
            expected="columns of metarisk.schema.endpoints",
            do="Map them to known endpoints in the study file.",
        )


def _check_overlap(table: AssayTable, sample_ids: NDArray[np.str_]) -> None:
    if not np.isin(table.sample_ids, sample_ids).any():
        raise InputError(
            f"{table.assay} has samples {first_ten(table.sample_ids)}, none of them in the clinical table",
            expected=f"ids like {first_ten(sample_ids[:3])}",
            do="Check which id column each file uses.",
        )
