"""The files of `metarisk explain` that grow with the samples: attributions, answers, states."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from metarisk.explain.states import percentiles, state_rows
from metarisk.explain.tables import ATTRIBUTIONS, MISSING_DRIVES, answer_rows, attribution_rows
from metarisk.pathways.states import STATE_NAMES
from metarisk.score.export import escape_formula

if TYPE_CHECKING:
    import pandas as pd

    from metarisk.explain.parts import Explained, Subject
    from metarisk.features.batch import Batch

SUGGESTIONS = 10_000  # ids that are kept to name the nearest of one that is not there


class ExplainFiles:
    """Writers of a folder; use it as a context.

    Parameters
    ----------
    folder
        An empty folder.
    subject
        What is explained.
    top
        Parts of a kind that are kept for a sample and answer.
    """

    driven_from = MISSING_DRIVES

    def __init__(self, folder: Path, subject: Subject, top: int) -> None:
        self.folder, self.samples, self.met = folder, 0, list[str]()
        self._subject, self._top = subject, top
        self._scores, self._rows = folder / "scores.part", folder / "states.part"

    def __enter__(self) -> Self:
        """Open the files."""
        where = self.folder / "attributions.parquet"
        self._writer = pq.ParquetWriter(
            where, ATTRIBUTIONS, compression="zstd", write_page_checksum=True, store_schema=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close them, and put percentiles to the states."""
        self._writer.close()
        if error is None and self.samples:
            self._place_states()

    def meet(self, sample_ids: NDArray[np.str_]) -> None:
        """Remember some of the ids of the input."""
        self.met += sample_ids[: max(SUGGESTIONS - len(self.met), 0)].tolist()

    def add(self, found: Explained, batch: Batch, sample_ids: NDArray[np.str_]) -> None:
        """Write n samples."""
        rows = attribution_rows(self._subject, found, sample_ids, self._top)
        self._writer.write_table(pa.Table.from_pandas(rows, ATTRIBUTIONS, preserve_index=False))
        self._append(answer_rows(self._subject, found, sample_ids), self.folder / "answers.tsv")
        states = state_rows(self._subject.bundle, batch, sample_ids)
        with self._scores.open("ab") as stream:
            stream.write(states["score"].to_numpy(np.float64).tobytes())
        self._append(states, self._rows)
        self.samples += len(sample_ids)

    def _append(self, table: pd.DataFrame, file: Path) -> None:
        """Append rows as text; an id that a spreadsheet would run is quoted."""
        table = table.assign(sample_id=[escape_formula(name) for name in table["sample_id"]])
        table.to_csv(
            file,
            sep="\t",
            index=False,
            header=not file.exists(),
            mode="a",
            float_format="%.6g",
            lineterminator="\n",
        )

    def _place_states(self) -> None:
        """Write ``states.tsv``: the rows with the percentile within the cohort as a last column."""
        scores = np.memmap(self._scores, np.float64, mode="r+").reshape(-1, len(STATE_NAMES))
        for column in range(scores.shape[1]):
            own = np.array(scores[:, column])
            scores[:, column] = percentiles(own, np.sort(own))
        with (
            self._rows.open(encoding="utf-8") as rows,
            (self.folder / "states.tsv").open("w", encoding="utf-8", newline="\n") as out,
        ):
            out.write(f"{rows.readline().rstrip(chr(10))}\tcohort_percentile\n")
            for line, percentile in zip(rows, scores.ravel(), strict=True):
                told = "" if np.isnan(percentile) else f"{percentile:.1f}"
                out.write(f"{line.rstrip(chr(10))}\t{told}\n")
        del scores
        for part in (self._scores, self._rows):
            part.unlink()
