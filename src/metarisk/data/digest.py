"""A hash over every value of a cohort, exact to the last bit."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.dated import DATED_KEY

if TYPE_CHECKING:
    from metarisk.data.cohort import AssayTable, Cohort

ROWS_AT_A_TIME = 1000


def digest_of(cohort: Cohort, source: object) -> str:
    """SHA-256, hexadecimal: equal for equal cohorts, whatever file they come from; -0 is 0, NaN is NaN.

    Parameters
    ----------
    cohort
        Its dated values are taken in the order of patient, time and variable, so that neither the order of
        other patients nor the table's index plays a part.
    source
        What of its provenance the hash stands for too; plain values, as JSON has them.
    """
    digest = hashlib.sha256()
    _add_text(digest, [source, cohort.sample_ids.tolist()])
    # Stable: of two values at one time the last row stands, so their order is one of their facts.
    dated = cohort.dated.sort_values(DATED_KEY, kind="stable")
    for frame in (cohort.clinical, cohort.endpoints, dated):
        _add_frame(digest, frame)
    for assay in sorted(cohort.assays):
        _add_assay(digest, cohort.assays[assay])
    return digest.hexdigest()


def digest_of_text(value: object) -> str:
    """SHA-256, hexadecimal, of a plain value as JSON has it."""
    digest = hashlib.sha256()
    _add_text(digest, value)
    return digest.hexdigest()


def _add_text(digest: hashlib._Hash, value: object) -> None:
    digest.update(json.dumps(value, default=str).encode() + b"\0")


def _add_frame(digest: hashlib._Hash, frame: pd.DataFrame) -> None:
    _add_text(digest, [list(map(str, frame.columns)), len(frame)])
    for name in frame.columns:
        values = frame[name]
        if pd.api.types.is_numeric_dtype(values):
            digest.update(_plain(values.to_numpy(dtype="<f8")).tobytes())
        else:
            _add_text(digest, [None if pd.isna(cell) else cell for cell in values])


def _add_assay(digest: hashlib._Hash, table: AssayTable) -> None:
    _add_text(digest, [str(table.assay), table.genes, table.units.tolist(), table.panels.tolist()])
    for start in range(0, len(table.values), ROWS_AT_A_TIME):
        digest.update(_plain(table.values[start : start + ROWS_AT_A_TIME].astype("<f4")).tobytes())


def _plain(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """One spelling of zero and one of NaN."""
    return np.where(np.isnan(values), np.array(np.nan, values.dtype), values + np.array(0.0, values.dtype))
