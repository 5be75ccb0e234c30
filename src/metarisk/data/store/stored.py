"""A stored cohort, opened: what is small in memory, the assays' values read row group by row group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from metarisk.data.cohort import AssayTable, Cohort, Provenance
from metarisk.data.store.manifest import CLINICAL, DATED, ENDPOINTS, TABLES, read_manifest, verify_file
from metarisk.data.store.packing import unpack
from metarisk.data.store.writer import BLOCK_BYTES, SCHEMA
from metarisk.errors import InputError
from metarisk.schema.assays import ASSAYS, Assay

AGAIN = "Copy the folder again, or write the cohort again from its study."


@dataclass(frozen=True)
class StoredAssay:
    """An assay of a stored cohort.

    Attributes
    ----------
    assay
        Kind of measurement.
    genes
        Columns of its table, length G.
    units, panels
        Samples of each declared unit and gene panel.
    file
        Where its values lie.
    """

    assay: Assay
    genes: tuple[str, ...]
    units: Mapping[str, int]
    panels: Mapping[str, int]
    file: Path


@dataclass(frozen=True)
class StoredCohort:
    """A cohort whose assays stay on disk until their samples are asked for.

    Attributes
    ----------
    clinical, endpoints, dated, provenance
        As in `Cohort`.
    assays
        What was measured; values are read by `take` and `parts`.
    """

    clinical: pd.DataFrame
    endpoints: pd.DataFrame
    dated: pd.DataFrame
    provenance: Provenance
    assays: Mapping[Assay, StoredAssay]

    def __len__(self) -> int:
        """Count the samples N."""
        return len(self.clinical)

    @property
    def sample_ids(self) -> NDArray[np.str_]:
        """Shape (N,)."""
        return self.clinical.index.to_numpy(dtype=str)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Cohort:
        """Samples in the order asked for, or those where a mask is True; only their row groups are read.

        Raises
        ------
        InputError
            If a page that is read was damaged.
        """
        with _opened(self.assays) as readers:
            return self._read(np.arange(len(self))[rows], readers)

    def parts(self, samples_at_a_time: int) -> Iterator[Cohort]:
        """Cohorts of consecutive samples, each row group read once.

        In memory at a time: one part, and one packed row group of each assay (32 MiB, or one sample if it
        weighs more).

        Raises
        ------
        InputError
            If a page that is read was damaged.
        """
        with _opened(self.assays) as readers:
            for start in range(0, len(self), samples_at_a_time):
                stop = min(start + samples_at_a_time, len(self))
                yield self._read(np.arange(start, stop), readers)

    def _read(self, rows: NDArray[np.intp], readers: Mapping[Assay, _Reader]) -> Cohort:
        clinical = self.clinical.iloc[rows]
        ids = clinical.index.to_numpy(dtype=str)
        tables = {assay: reader.read(rows, ids) for assay, reader in readers.items()}
        theirs = self.dated["patient_id"].isin(clinical["patient_id"]).to_numpy()
        return Cohort(clinical, tables, self.endpoints.iloc[rows], self.provenance, self.dated[theirs])


def open_cohort(folder: Path, *, verify: bool = True) -> StoredCohort:
    """Open a cohort that was written by `write_cohort` or `cohort_writer`.

    Parameters
    ----------
    verify
        Compare the SHA-256 of every file with the manifest, which reads each file once. A process that opens
        the same cohort again and again may leave that out: manifest, clinical columns, endpoints and dated
        values are still hashed, sizes and rows compared, and each page of an assay has a checksum that is
        compared when the page is read.

    Raises
    ------
    InputError
        If the manifest is missing or of another format, or a file was altered, cut or removed.
    """
    manifest = read_manifest(folder)
    for name, recorded in manifest["files"].items():
        verify_file(folder, name, recorded, whole=verify or name in TABLES)
    clinical, endpoints, dated = (_read_frame(folder / name) for name in (CLINICAL, ENDPOINTS, DATED))
    assays = {Assay(name): _stored_assay(folder, name, told) for name, told in manifest["assays"].items()}
    for stored in assays.values():
        _check_footer(stored.file, len(clinical))
    return StoredCohort(clinical, endpoints, dated, Provenance(**manifest["provenance"]), assays)


def read_cohort(folder: Path) -> Cohort:
    """Read a whole stored cohort; every file's hash and page checksums are verified first.

    Raises
    ------
    InputError
        If the manifest is missing or of another format, or a file was altered, cut or removed.
    """
    stored = open_cohort(folder)
    return replace(stored.take(np.arange(len(stored))), dated=stored.dated)


def _stored_assay(folder: Path, name: str, told: Mapping[str, Any]) -> StoredAssay:
    return StoredAssay(
        Assay(name), tuple(told["genes"]), told["units"], told["panels"], folder / f"{name}.parquet"
    )


def _check_footer(path: Path, samples: int) -> None:
    with _damage_named(path):
        if not pq.read_schema(path).equals(SCHEMA):
            raise ValueError("its columns are not those of an assay")
        rows = pq.read_metadata(path).num_rows
        if rows != samples:
            raise ValueError(f"it has {rows} samples, the clinical table {samples}")


def _read_frame(path: Path) -> pd.DataFrame:
    with _damage_named(path):
        table = pq.read_table(path, page_checksum_verification=True, use_threads=False)
    frame: pd.DataFrame = table.to_pandas()
    return frame


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as caught:
        reason = " ".join(str(caught).split())[:160]
        raise InputError(f"{path.parent.name}: {path.name} is damaged ({reason})", do=AGAIN) from caught


@contextmanager
def _opened(assays: Mapping[Assay, StoredAssay]) -> Iterator[dict[Assay, _Reader]]:
    with ExitStack() as files:
        yield {assay: files.enter_context(_reader(stored)) for assay, stored in assays.items()}


@contextmanager
def _reader(stored: StoredAssay) -> Iterator[_Reader]:
    with _damage_named(stored.file):
        file = pq.ParquetFile(stored.file, page_checksum_verification=True)
    with file:
        yield _Reader(stored, file)


class _Reader:
    """An open file of an assay; the row group read last is kept, since the next part often begins in it."""

    def __init__(self, stored: StoredAssay, file: pq.ParquetFile) -> None:
        self._stored = stored
        self._file = file
        counts = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
        self._starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.intp)
        self._kept: tuple[int, pa.Table] | None = None

    def read(self, rows: NDArray[np.intp], sample_ids: NDArray[np.str_]) -> AssayTable:
        """Table of some samples, in the order asked for."""
        stored = self._stored
        shape = (len(rows), len(stored.genes), len(ASSAYS[stored.assay].channels))
        values = np.full(shape, np.nan, dtype=np.float32)
        text = np.full((len(rows), 3), "", dtype=object)  # id, unit, panel
        group_of = np.searchsorted(self._starts, rows, side="right") - 1
        with _damage_named(stored.file):
            for group in np.unique(group_of):
                places = np.flatnonzero(group_of == group)
                table = self._group(int(group))
                local = rows[places] - self._starts[group]
                text[places] = _text_of(table, local)
                _fill(values.reshape(len(rows), -1), places, table, local)
            if not np.array_equal(text[:, 0].astype(str), sample_ids):
                raise ValueError("its samples are not those of the clinical table")
        units, panels = text[:, 1].astype(str), text[:, 2].astype(str)
        return AssayTable(stored.assay, sample_ids, stored.genes, values, units, panels)

    def _group(self, number: int) -> pa.Table:
        if self._kept is None or self._kept[0] != number:
            self._kept = None
            table = self._file.read_row_group(number, columns=SCHEMA.names, use_threads=False)
            self._kept = (number, table)
        return self._kept[1]


def _text_of(table: pa.Table, rows: NDArray[np.intp]) -> NDArray[np.object_]:
    taken = table.select(["sample_id", "unit", "panel"]).take(rows)
    return np.array([column.to_pylist() for column in taken.columns], dtype=object).T


def _fill(
    values: NDArray[np.float32], places: NDArray[np.intp], table: pa.Table, rows: NDArray[np.intp]
) -> None:
    """Unpack rows of a row group into their places, some MiB at a time."""
    packed, width = table.column("values").combine_chunks(), values.shape[1]
    rows_at_a_time = max(1, BLOCK_BYTES // max(4 * width, 1))
    for start in range(0, len(rows), rows_at_a_time):
        part = slice(start, start + rows_at_a_time)
        values[places[part]] = unpack(packed, rows[part], width)
