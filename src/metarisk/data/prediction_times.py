"""A patient seen at a prediction time: what was known by then, and what was still to come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.cohort import Cohort
from metarisk.data.dated import dated_variables, latest_before, no_dated_values
from metarisk.errors import InputError, first_ten
from metarisk.schema.endpoints import DAYS_PER_YEAR, SITE_TIMED, TIMED, event_column, time_column

FloatArray = NDArray[np.float64]

TIME_SEPARATOR = "@"


def with_dated_baseline(clinical: pd.DataFrame, dated: pd.DataFrame) -> pd.DataFrame:
    """Clinical table whose unknown numbers are filled with the latest dated value at or before baseline.

    A number that the clinical table has stands as it is: it was measured for baseline. Every dated variable
    has a column then, unknown where nothing was measured by that time.
    """
    return _known_by(clinical, dated, np.zeros(len(clinical)))


def at_times(cohort: Cohort, times_days: Sequence[float]) -> Cohort:
    """Every sample at each of several prediction times, as samples ``id@<days>``.

    Parameters
    ----------
    cohort
        Samples at baseline, with dated values.
    times_days
        Prediction times in days from baseline, 0 or later.

    Returns
    -------
    Cohort
        N x T samples, those of one sample beside each other. A dated variable is its latest value by then (or
        the baseline's), age grows, assays are the tumour's. Endpoints count from the prediction time; one
        whose event or last contact is not after it is unknown, and so is an answer yes or no of which nobody
        can say whether it came later. Nothing dated later than its own time is in a sample.

    Raises
    ------
    InputError
        If there is no time, or one is negative, not finite, or stands twice.
    """
    times = _checked(times_days)
    rows = np.repeat(np.arange(len(cohort)), len(times))
    days = np.tile(times, len(cohort))
    return seen_at(cohort, rows, days)


def seen_at(cohort: Cohort, rows: NDArray[np.intp], days: FloatArray) -> Cohort:
    """Samples as they were known at times of their own, as samples ``id@<days>``; see `at_times`.

    Parameters
    ----------
    cohort
        Samples at baseline, with dated values.
    rows
        Which sample each one is, shape (T,).
    days
        Days from its patient's baseline, 0 or later, shape (T,).
    """
    seen = cohort.take(rows)
    ids = np.array(
        [f"{sample}{TIME_SEPARATOR}{day:.10g}" for sample, day in zip(seen.sample_ids, days, strict=True)]
    )
    index = pd.Index(ids, name="sample_id", dtype=object)
    clinical = _known_by(seen.clinical, cohort.dated, days)
    if "age_years" in clinical:
        clinical = clinical.assign(age_years=clinical["age_years"] + days / DAYS_PER_YEAR)
    return Cohort(
        clinical.set_axis(index),
        {assay: replace(table, sample_ids=ids) for assay, table in seen.assays.items()},
        _still_to_come(seen.endpoints, days).set_axis(index),
        cohort.provenance,
        no_dated_values(),
    )


def _checked(times_days: Sequence[float]) -> FloatArray:
    times = np.array(list(times_days), dtype=np.float64)
    wrong = times[~np.isfinite(times) | (times < 0.0)]
    if not len(times) or len(wrong) or len(np.unique(times)) < len(times):
        raise InputError(
            f"prediction times are {first_ten(times) or 'none'}",
            expected="different days from baseline, 0 or later",
            do="Name each time once; what is known before baseline cannot be told from the tables.",
        )
    return np.sort(times)


def _known_by(clinical: pd.DataFrame, dated: pd.DataFrame, days: FloatArray) -> pd.DataFrame:
    """Clinical numbers as they were known at ``days`` from baseline, shape (N,), 0 or later.

    The clinical table's own number counts as measured at baseline: later than dated values up to then,
    earlier than those after.
    """
    variables = dated_variables(dated)
    patients = clinical["patient_id"].to_numpy(dtype=str)
    first = latest_before(dated, patients, 0.0, variables)
    since = latest_before(dated[dated["time_days"] > 0.0], patients, days, variables)
    columns = {}
    for place, name in enumerate(variables):
        own = clinical[name].to_numpy(np.float64) if name in clinical else np.full(len(clinical), np.nan)
        baseline = np.where(np.isnan(own), first[:, place], own)
        columns[name] = np.where(np.isnan(since[:, place]), baseline, since[:, place])
    return clinical.assign(**columns)


def _still_to_come(endpoints: pd.DataFrame, days: FloatArray) -> pd.DataFrame:
    """Endpoints from a later zero, unknown where they are over or nobody can tell."""
    later = days > 0.0
    columns = {str(name): endpoints[name].to_numpy(np.float64) for name in endpoints}
    over = {
        name: _over(columns, name, days) for name in (*TIMED, *SITE_TIMED) if time_column(name) in columns
    }
    for name, rows in over.items():
        columns[time_column(name)] = np.where(rows, np.nan, columns[time_column(name)] - days)
        columns[event_column(name)] = np.where(rows, np.nan, columns[event_column(name)])
    for name in set(columns) & {*SITE_TIMED, "metastatic"}:
        dated = over.get("metastasis" if name == "metastatic" else name)
        columns[name] = np.where(later if dated is None else later & dated, np.nan, columns[name])
    if "response" in endpoints:
        ends = [endpoints[time_column(name)] for name in ("os", "pfs") if time_column(name) in endpoints]
        ended = np.any([later & (end.to_numpy(np.float64) <= days) for end in ends], axis=0)
        columns["response"] = np.where(ended, np.nan, columns["response"])
    return pd.DataFrame(columns, index=endpoints.index)


def _over(columns: dict[str, FloatArray], name: str, days: FloatArray) -> NDArray[np.bool_]:
    """True where a dated endpoint is not after the prediction time, or is not known."""
    time = columns[time_column(name)]
    over: NDArray[np.bool_] = ~((time > days) | ((days == 0.0) & ~np.isnan(time)))
    return over
