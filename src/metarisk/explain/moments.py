"""Moments of a patient: dated samples, and days on which something of the patient was measured anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.cohort import Cohort
from metarisk.data.prediction_times import seen_at
from metarisk.errors import InputError, first_ten
from metarisk.schema.endpoints import DAYS_PER_YEAR

# A study's own number that dates its samples, in days from the patient's baseline.
SAMPLE_DAY = "extra.sample_day"
AGE = "age_years"


@dataclass(frozen=True)
class Moments:
    """Patients with two moments or more.

    Attributes
    ----------
    cohort
        Every moment as a sample of its own: a patient's beside each other, in the order of time.
    patient
        Whose it is, shape (T,).
    sample
        Which sample of the input it is, shape (T,).
    day
        Days from the patient's baseline, shape (T,).
    set_aside
        Patient -> why there is no trajectory.
    """

    cohort: Cohort
    patient: NDArray[np.str_]
    sample: NDArray[np.str_]
    day: NDArray[np.float64]
    set_aside: Mapping[str, str]

    def __len__(self) -> int:
        """Count the moments T."""
        return len(self.day)

    @property
    def since_first(self) -> NDArray[np.float64]:
        """Days since the patient's first moment, shape (T,)."""
        _, group = np.unique(self.patient, return_inverse=True)
        first = np.full(int(group.max(initial=-1)) + 1, np.inf)
        np.minimum.at(first, group, self.day)
        return np.asarray(self.day - first[group])

    @property
    def before(self) -> NDArray[np.intp]:
        """The patient's moment before, -1 for the first, shape (T,)."""
        same = np.concatenate([[False], self.patient[1:] == self.patient[:-1]])
        return np.where(same, np.arange(len(self)) - 1, -1)


def moments_of(cohort: Cohort, read: frozenset[str], dates: pd.Series[float] | None = None) -> Moments:
    """Moments of every patient who has two or more.

    A moment is a dated sample, or a later day on which a number that the model reads was measured anew: then
    the patient's latest sample by that day counts, with the latest numbers. A patient's only sample, undated,
    is at baseline.

    Parameters
    ----------
    cohort
        Samples, with the dated values of their patients.
    read
        Clinical numbers that the model reads.
    dates
        Day of each sample from its patient's baseline, by sample id; the cohort's `SAMPLE_DAY` if None.

    Raises
    ------
    InputError
        If no patient has two moments; the first reason is told.
    """
    days = _sample_days(cohort, dates)
    values = cohort.dated[cohort.dated["variable"].isin(read) & cohort.dated["value"].notna()]
    values = values[values["time_days"] > 0.0]
    measured = {
        str(patient): np.unique(rows["time_days"].to_numpy(np.float64))
        for patient, rows in values.groupby("patient_id")
    }
    rows: list[int] = []
    when: list[float] = []
    set_aside: dict[str, str] = {}
    patients = cohort.patient_ids
    for patient in dict.fromkeys(patients.tolist()):
        own = np.flatnonzero(patients == patient)
        try:
            found = _of_patient(cohort.sample_ids[own], days[own], measured.get(patient, np.empty(0)))
        except InputError as refused:
            set_aside[patient] = refused.found
            continue
        rows += [int(own[place]) for place, _ in found]
        when += [day for _, day in found]
    if not rows:
        raise _nobody(len(set(patients.tolist())), set_aside)
    return _seen(cohort, (np.array(rows), np.array(when)), days, set_aside)


def _sample_days(cohort: Cohort, dates: pd.Series[float] | None) -> NDArray[np.float64]:
    """Day of each sample, NaN where unknown, shape (N,)."""
    if dates is not None:
        return np.asarray(dates.reindex(cohort.clinical.index), dtype=np.float64)
    if SAMPLE_DAY in cohort.clinical:
        return np.asarray(cohort.clinical[SAMPLE_DAY], dtype=np.float64)
    return np.full(len(cohort), np.nan)


def _of_patient(
    ids: NDArray[np.str_], days: NDArray[np.float64], measured: NDArray[np.float64]
) -> list[tuple[int, float]]:
    """Place of the sample and day of each of a patient's moments, in the order of time.

    Raises
    ------
    InputError
        If there are not two; only what was found is told.
    """
    days = np.zeros(1) if len(days) == 1 and np.isnan(days[0]) else days
    known = np.flatnonzero(~np.isnan(days))
    _check(ids, days, known)
    samples = known[np.argsort(days[known], kind="stable")]
    moments = [(int(place), float(days[place])) for place in samples]
    at = np.searchsorted(days[samples], measured, side="right") - 1
    new = (at >= 0) & ~np.isin(measured, days[samples])
    moments += [(int(samples[place]), float(day)) for place, day in zip(at[new], measured[new], strict=True)]
    if len(moments) < 2:
        undated = len(days) - len(known)
        raise InputError(
            f"one dated moment{f', {undated} samples without a date' if undated else ''}", do="-"
        )
    return sorted(moments, key=lambda moment: moment[1])


def _check(ids: NDArray[np.str_], days: NDArray[np.float64], known: NDArray[np.intp]) -> None:
    if not len(known):
        raise InputError(f"{len(ids)} samples without a date ({first_ten(ids)})", do="-")
    early = known[days[known] < 0.0]
    if len(early):
        raise InputError(f"samples dated before the baseline ({first_ten(ids[early])})", do="-")
    day, counts = np.unique(days[known], return_counts=True)
    if (counts > 1).any():
        twice = days == day[counts > 1][0]
        raise InputError(f"two samples on day {day[counts > 1][0]:g} ({first_ten(ids[twice])})", do="-")


def _nobody(patients: int, set_aside: Mapping[str, str]) -> InputError:
    patient, why = next(iter(set_aside.items()))
    return InputError(
        f"none of {patients} patients has two dated samples; {patient}: {why}",
        expected="a patient with two samples on different days, or with later values of what it reads",
        do=f"Date the samples with --dates or as {SAMPLE_DAY}, one a day.",
    )


def _seen(
    cohort: Cohort,
    moments: tuple[NDArray[np.intp], NDArray[np.float64]],
    sample_days: NDArray[np.float64],
    set_aside: Mapping[str, str],
) -> Moments:
    rows, when = moments
    # A sample's own age is that of its day, and grows from there.
    clinical = cohort.clinical
    if AGE in clinical:
        younger = np.nan_to_num(sample_days) / DAYS_PER_YEAR
        clinical = clinical.assign(**{AGE: clinical[AGE] - younger})
    baseline = Cohort(clinical, cohort.assays, cohort.endpoints, cohort.provenance, cohort.dated)
    seen = seen_at(baseline, rows, when)
    return Moments(seen, cohort.patient_ids[rows], cohort.sample_ids[rows], when, set_aside)
