"""Write a cohort whole, or part by part in memory that does not grow with its samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from metarisk.data.cohort import AssayTable, Cohort, Provenance
from metarisk.data.store.manifest import CLINICAL, DATED, ENDPOINTS, MANIFEST, write_manifest
from metarisk.data.store.packing import pack
from metarisk.errors import InputError, first_ten
from metarisk.files import placed
from metarisk.schema.assays import ASSAYS, Assay

SCHEMA = pa.schema(
    [("sample_id", pa.string()), ("unit", pa.string()), ("panel", pa.string()), ("values", pa.binary())]
)
# Bytes of a row group as packed: what a reader holds at a time, whatever a sample weighs.
GROUP_BYTES = 32 * 2**20
# Bytes of values that are packed at a time.
BLOCK_BYTES = 4 * 2**20
# Bytes of a page, about; each page has a checksum.
PAGE_BYTES = 2**20
# What an id, a unit and a panel weigh, about.
ROW_BYTES = 64


def write_cohort(cohort: Cohort, folder: Path, *, overwrite: bool = False) -> None:
    """Write a cohort; the folder appears under its name only when every file is on disk.

    Raises
    ------
    OutputError
        If the folder exists and may not be replaced, or cannot be written.
    """
    with cohort_writer(folder, overwrite=overwrite) as writer:
        writer.add(cohort)


@contextmanager
def cohort_writer(folder: Path, *, overwrite: bool = False) -> Iterator[CohortWriter]:
    """Writer of a cohort that comes in parts; the folder appears when the block ends well.

    How the cohort was cut into parts leaves no trace: equal samples in equal order give equal bytes.

    Raises
    ------
    OutputError
        If the folder exists and may not be replaced, or cannot be written.
    InputError
        If no part was added.
    """
    with placed(folder, overwrite=overwrite, marker=MANIFEST) as draft, ExitStack() as files:
        writer = CohortWriter(draft, files)
        yield writer
        writer.finish()


class CohortWriter:
    """A cohort folder in the making; made by `cohort_writer`.

    Clinical columns, endpoints and dated values wait in memory; the values of assays go to disk.
    """

    def __init__(self, draft: Path, files: ExitStack) -> None:
        self._draft = draft
        self._open = files
        self._assays: dict[Assay, _AssayFile] = {}
        self._parts: list[Cohort] = []
        self._samples: set[str] = set()
        self._patients: set[str] = set()

    def add(self, part: Cohort) -> None:
        """Write the next samples.

        Parameters
        ----------
        part
            Has the columns, assays, genes and provenance of the first part. An assay that it lacks is missing
            for its samples. It brings all dated values of its patients; those of a patient of an earlier part
            are not written twice.

        Raises
        ------
        InputError
            If it differs from the first part, holds a sample twice or one that was added before, or an assay
            is not aligned to its clinical table.
        """
        if not self._parts:
            self._begin(part)
        self._check(part)
        for assay, file in self._assays.items():
            file.add(part.assays.get(assay) or _missing(assay, file.genes, part.sample_ids))
        new = ~part.dated["patient_id"].isin(self._patients).to_numpy()
        self._parts.append(replace(part, assays={}, dated=part.dated[new]))
        self._samples.update(part.sample_ids.tolist())
        self._patients.update(part.patient_ids.tolist())

    def finish(self) -> None:
        """Write what waited in memory, and the manifest over all."""
        if not self._samples:
            raise InputError("the cohort has no samples", do="Add at least one part that has some.")
        self._open.close()
        first, frames = self._parts[0], self._frames()
        for name, frame in frames.items():
            _write_frame(frame, self._draft / name)
        write_manifest(
            self._draft,
            {
                "samples": len(frames[CLINICAL]),
                "provenance": _told_provenance(first.provenance),
                "assays": {str(assay): file.told() for assay, file in self._assays.items()},
                "dated": _told_dated(frames[DATED]),
            },
        )

    def _begin(self, part: Cohort) -> None:
        for assay, table in part.assays.items():
            path = self._draft / f"{assay}.parquet"
            self._assays[assay] = self._open.enter_context(_AssayFile(path, assay, table.genes))

    def _check(self, part: Cohort) -> None:
        number = len(self._parts) + 1
        differs = self._differences(part, self._parts[0] if self._parts else part)
        if differs:
            raise InputError(
                f"part {number} of the cohort has other {first_ten(differs)} than the first part",
                expected="the same columns, assays and genes in every part",
                do="Cut the parts from one cohort, or align them first.",
            )
        within = part.clinical.index[part.clinical.index.duplicated()]
        repeated = sorted({*self._samples.intersection(part.sample_ids.tolist()), *within})
        if repeated:
            raise InputError(
                f"part {number} of the cohort repeats {len(repeated)} samples ({first_ten(repeated)})",
                expected="each sample once",
                do="Remove or rename the repeated ones.",
            )
        for assay, table in part.assays.items():
            if not np.array_equal(table.sample_ids, part.sample_ids):
                raise InputError(
                    f"{assay} of part {number} of the cohort has other samples than its clinical table",
                    do="Join the tables with Cohort.join, which aligns them.",
                )

    def _differences(self, part: Cohort, first: Cohort) -> list[str]:
        genes = {assay: file.genes for assay, file in self._assays.items()}
        same = {
            "clinical columns": part.clinical.dtypes.equals(first.clinical.dtypes),
            "endpoint columns": part.endpoints.dtypes.equals(first.endpoints.dtypes),
            "provenance": part.provenance == first.provenance,
            **{f"{assay} genes": genes.get(assay) == table.genes for assay, table in part.assays.items()},
        }
        return [name for name, equal in same.items() if not equal]

    def _frames(self) -> dict[str, pd.DataFrame]:
        dated = pd.concat([part.dated for part in self._parts if len(part.dated)] or [self._parts[0].dated])
        if dated.index.equals(pd.RangeIndex(len(dated))):
            dated = dated.reset_index(drop=True)  # a range again, as in a cohort that came in one part
        return {
            CLINICAL: pd.concat([part.clinical for part in self._parts]),
            ENDPOINTS: pd.concat([part.endpoints for part in self._parts]),
            DATED: dated,
        }


class _AssayFile:
    """One assay's file in the making; packed rows wait until they fill a row group."""

    def __init__(self, path: Path, assay: Assay, genes: tuple[str, ...]) -> None:
        self.assay = assay
        self.genes = genes
        self._width = len(genes) * len(ASSAYS[assay].channels)
        self._writer = pq.ParquetWriter(
            path,
            SCHEMA,
            compression="zstd",
            use_dictionary=["unit", "panel"],
            write_statistics=False,
            write_page_checksum=True,
            write_batch_size=max(1, PAGE_BYTES // max(self._width, ROW_BYTES)),
        )
        self._waiting: list[pa.Table] = []
        self._waiting_bytes = 0
        self._samples = 0
        self._units: Counter[str] = Counter()
        self._panels: Counter[str] = Counter()

    def __enter__(self) -> _AssayFile:
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if failure is None:
            self._flush()
        self._writer.close()

    def add(self, table: AssayTable) -> None:
        """Pack and queue rows, some MiB at a time."""
        self._samples += len(table.sample_ids)
        self._units.update(table.units[table.units != ""].tolist())
        self._panels.update(table.panels[table.panels != ""].tolist())
        rows_at_a_time = max(1, BLOCK_BYTES // max(self._width * 4, ROW_BYTES))
        for start in range(0, len(table.sample_ids), rows_at_a_time):
            rows = slice(start, start + rows_at_a_time)
            values = pack(table.values[rows])
            columns = [
                table.sample_ids[rows].tolist(),
                table.units[rows].tolist(),
                table.panels[rows].tolist(),
            ]
            self._queue(pa.table([*columns, values], schema=SCHEMA), _weights(values))

    def told(self) -> dict[str, Any]:
        """What the manifest says of the assay."""
        channels = list(ASSAYS[self.assay].channels)
        return {
            "shape": [self._samples, len(self.genes), len(channels)],
            "channels": channels,
            "units": dict(sorted(self._units.items())),
            "panels": dict(sorted(self._panels.items())),
            "genes": list(self.genes),
        }

    def _queue(self, rows: pa.Table, weights: NDArray[np.int64]) -> None:
        """Fill the row group that waits, and write it when it is full; the cut depends on the rows alone."""
        start = 0
        while start < len(weights):
            room = GROUP_BYTES - self._waiting_bytes
            fitting = int(np.searchsorted(np.cumsum(weights[start:]), room, side="right"))
            if not fitting and self._waiting:
                self._flush()
                continue
            fitting = max(fitting, 1)  # a sample heavier than a row group has one of its own
            self._waiting.append(rows.slice(start, fitting))
            self._waiting_bytes += int(weights[start : start + fitting].sum())
            start += fitting

    def _flush(self) -> None:
        if self._waiting:
            group = pa.concat_tables(self._waiting).combine_chunks()
            self._writer.write_table(group, row_group_size=group.num_rows)
        self._waiting, self._waiting_bytes = [], 0


def _weights(values: pa.BinaryArray) -> NDArray[np.int64]:
    """Bytes of each row, shape (n,)."""
    offsets = np.frombuffer(values.buffers()[1], dtype=np.int32)
    return np.diff(offsets).astype(np.int64) + ROW_BYTES


def _missing(assay: Assay, genes: tuple[str, ...], sample_ids: NDArray[np.str_]) -> AssayTable:
    shape = (len(sample_ids), len(genes), len(ASSAYS[assay].channels))
    blank = np.full(len(sample_ids), "")
    return AssayTable(assay, sample_ids, genes, np.full(shape, np.nan, dtype=np.float32), blank)


def _write_frame(frame: pd.DataFrame, path: Path) -> None:
    table = pa.Table.from_pandas(frame)
    pq.write_table(table, path, compression="zstd", use_dictionary=False, write_page_checksum=True)


def _told_provenance(source: Provenance) -> dict[str, str]:
    return {"name": source.name, "licence": source.licence, "sha256": source.sha256, "build": source.build}


def _told_dated(dated: pd.DataFrame) -> dict[str, Any]:
    variables = dated["variable"].value_counts().sort_index()
    return {
        "rows": len(dated),
        "patients": int(dated["patient_id"].nunique()),
        "variables": {str(name): int(count) for name, count in variables.items()},
    }
