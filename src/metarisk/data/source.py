"""The clinical source: its columns as text, one row a sample, each column's file remembered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.found import Found, error, warning
from metarisk.data.text import as_numbers, is_missing
from metarisk.errors import first_ten, nearest

# Between the cohort and the id of a sample of pooled cohorts.
COHORT_SEPARATOR = ":"

# A follow-up slip (death before the sample's date, an event without its time) in at most this share of the
# samples is told and left unknown; in more of them the columns do not mean what the study file says.
SLIP_SHARE = 0.01


@dataclass(frozen=True)
class ClinicalSource:
    """Clinical columns as they stand in the files.

    Attributes
    ----------
    frame
        Text, index ``sample_id``.
    patient_ids
        Shape (N,).
    origin
        Column -> name of the file it came from.
    """

    frame: pd.DataFrame
    patient_ids: NDArray[np.str_]
    origin: Mapping[str, str]

    @property
    def sample_ids(self) -> NDArray[np.str_]:
        """Shape (N,)."""
        return self.frame.index.to_numpy(dtype=str)

    @cached_property
    def cohorts(self) -> NDArray[np.str_]:
        """Cohort of each sample where cohorts are pooled (``cohort:id``), else empty text, shape (N,)."""
        cohort, separator, _ = np.char.partition(self.sample_ids, COHORT_SEPARATOR).T
        return np.where((separator != "").all(), cohort, "")

    @property
    def file(self) -> str:
        """The file that names the samples."""
        return next(iter(self.origin.values()), "clinical table")

    def take(self, rows: NDArray[np.bool_]) -> ClinicalSource:
        """Rows where a mask is True."""
        return replace(self, frame=self.frame[rows], patient_ids=self.patient_ids[rows])

    def ids(self, rows: NDArray[np.bool_]) -> str:
        """The first ten sample ids where a mask is True."""
        return first_ten(self.sample_ids[rows])

    def has(self, column: str, found: Found) -> bool:
        """True if the column is there; an error with the nearest name if not."""
        if column in self.frame.columns:
            return True
        do = nearest(column, map(str, self.frame.columns))
        found.append(error(self.file, f"has no column {column!r}", do, column=column))
        return False

    def has_all(self, columns: Iterable[str], found: Found) -> bool:
        """True if every column is there; one error for each that is not."""
        return all([self.has(column, found) for column in columns])  # noqa: C419 (tell every one)

    def numbers(self, column: str, found: Found) -> NDArray[np.float64]:
        """A column as numbers, NaN where it is not known, shape (N,); text that is no number is an error."""
        text = self.frame[column]
        values = as_numbers(text)
        wrong = ~np.isfinite(values)
        wrong[wrong] = ~is_missing(text[wrong])
        if wrong.any():
            comma = text[wrong].str.fullmatch(r"\s*-?\d+,\d+\s*").any()
            what = "numbers with a decimal comma" if comma else "values that are not numbers"
            message = f"holds {wrong.sum()} {what} (samples {self.ids(wrong)})"
            do = "Write numbers with a decimal point, and leave unknown ones empty."
            found.append(error(self.origin[column], message, do, column=column))
        return np.where(np.isfinite(values), values, np.nan)

    def within(self, rows: Mapping[str, Sequence[str]], found: Found) -> NDArray[np.bool_]:
        """True where each column has one of its accepted values, shape (N,)."""
        mask = np.ones(len(self.frame), dtype=bool)
        for column, accepted in rows.items():
            if self.has(column, found):
                mask &= self.frame[column].isin(accepted).to_numpy(dtype=bool)
        return mask


def keep_rows(source: ClinicalSource, keep: Mapping[str, Sequence[str]], found: Found) -> ClinicalSource:
    """Only the rows that the study file keeps; what was left out is counted."""
    if not keep:
        return source
    mask = source.within(keep, found)
    left_out = int((~mask).sum())
    if left_out:
        message = f"{left_out} of {len(mask)} samples were left out by `keep` ({', '.join(keep)})"
        found.append(warning(source.file, message, "Nothing to do; the study file asks for it."))
    return source.take(mask)


def tell_slip(
    source: ClinicalSource, rows: NDArray[np.bool_], column: str, message: str, found: Found
) -> None:
    """Tell a slip in the follow-up: a warning in few samples, an error where it is the rule."""
    if not rows.any():
        return
    few = rows.sum() <= SLIP_SHARE * len(rows)
    file = source.origin.get(column, source.file)
    told = f"{message} in {rows.sum()} samples ({source.ids(rows)})"
    do = (
        "Their endpoint is left unknown."
        if few
        else "Check which columns the study file names for this endpoint."
    )
    found.append((warning if few else error)(file, told, do, column=column))


def tell_repeated_patients(source: ClinicalSource, found: Found) -> None:
    """Flag patients with several samples: they stay in one split."""
    counts = pd.Series(source.patient_ids).value_counts()
    several = counts[counts > 1]
    if len(several):
        message = f"{len(several)} patients have several samples ({first_ten(sorted(several.index))})"
        found.append(warning(source.file, message, "Kept; all samples of a patient fall into one split."))


def tell_unknown_samples(
    named: NDArray[np.str_], known: NDArray[np.str_], left_out: frozenset[str], file: str, found: Found
) -> None:
    """Tell samples of an omics file that the clinical table does not have, and the reverse.

    Parameters
    ----------
    named
        Samples of the omics file.
    known
        Samples of the clinical table that are kept.
    left_out
        Samples that the study file left out; they are no surprise.
    """
    strange = sorted(set(named) - set(known) - left_out)
    if not strange:
        return
    absent = sorted(set(known) - set(named))
    other = f"; {len(absent)} clinical samples are not in it ({first_ten(absent)})" if absent else ""
    message = f"{len(strange)} samples are not in the clinical table ({first_ten(strange)}){other}"
    none_shared = not set(named) & set(known)
    do = "Check which id column each file uses." if none_shared else "They were left out; check their ids."
    found.append((error if none_shared else warning)(file, message, do))
