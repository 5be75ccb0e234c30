"""Yes, no or unknown, from a column of words or of numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metarisk.config.study_endpoints import Threshold, YesNo
from metarisk.data.found import Found, error, warning
from metarisk.data.source import ClinicalSource
from metarisk.data.text import is_missing
from metarisk.schema.findings import Finding

FloatArray = NDArray[np.float64]


def read_answer(source: ClinicalSource, said: YesNo | Threshold, found: Found) -> FloatArray:
    """1 yes, 0 no, NaN for whatever is neither, shape (N,); a column that answers nobody is an error."""
    answer = np.full(len(source.frame), np.nan)
    if not source.has(said.column, found):
        return answer
    if isinstance(said, YesNo):
        yes, no = _of_words(source, said, found)
    else:
        yes, no = _of_numbers(source, said, found)
    answer[no] = 0.0
    answer[yes] = 1.0
    if np.isnan(answer).all() and len(answer):
        found.append(_nobody(source, said))
    return answer


def _of_words(
    source: ClinicalSource, said: YesNo, found: Found
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    text = source.frame[said.column]
    yes, no = (text.isin(words).to_numpy(dtype=bool) for words in (said.yes, said.no))
    neither = ~(yes | no | text.isin(said.unknown).to_numpy(dtype=bool) | is_missing(text))
    if neither.any() and not neither.all():
        message = f"{neither.sum()} cells are neither a declared yes nor a no (samples {source.ids(neither)})"
        do = "They stay unknown; list them under `unknown` in the study file if they mean that."
        found.append(warning(source.origin[said.column], message, do, column=said.column))
    return yes, no


def _of_numbers(
    source: ClinicalSource, said: Threshold, found: Found
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    values = source.numbers(said.column, found)
    return values >= said.yes_from, values <= said.no_up_to


def _nobody(source: ClinicalSource, said: YesNo | Threshold) -> Finding:
    if isinstance(said, YesNo):
        message = f"no sample has one of the values {', '.join((*said.yes, *said.no))}"
        do = "Check the declared values; they are compared to the letter."
    else:
        message = f"no sample lies at or above {said.yes_from:g}, or at or below {said.no_up_to:g}"
        do = "Check the declared thresholds and the column's unit."
    return error(source.origin[said.column], message, do, column=said.column)
