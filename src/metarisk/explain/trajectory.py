"""Trajectories: a patient's answers at several times, and what of a change is due to what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.explain.answers_read import AnswerReader, DoubleArray, jackknife_half_width, log_odds
from metarisk.explain.moments import Moments
from metarisk.explain.screen_table import days_of
from metarisk.features.batch import AssayInput, Batch
from metarisk.models.answers import Probability, probabilities
from metarisk.models.bundle import ModelBundle
from metarisk.models.limits import reasons_to_abstain
from metarisk.models.scoring import sample_flags
from metarisk.schema.scores import FLAG_SEPARATOR

# What may be said of a change between two moments.
FIRST = ""
ALIKE = "yes"
ON_COMMON = "yes, also on what both have"
DUE_TO_MEASURING = "no: it is due to what was measured"
NOTHING_COMMON = "no: nothing was measured both times"
# At least this share of a change must be left on what both moments have.
LEFT = 0.5


class _Change(NamedTuple):
    """Change since the moment before with its interval over the ensemble, shape (A, T) each; NaN for none."""

    value: DoubleArray
    lower: DoubleArray
    upper: DoubleArray
    odds: DoubleArray


def trajectory(bundle: ModelBundle, moments: Moments) -> pd.DataFrame:
    """One row a moment and answer, a patient's moments in the order of time.

    Parameters
    ----------
    bundle
        The model.
    moments
        Patients with two or more.

    Returns
    -------
    DataFrame
        ``probability``, ``lower`` and ``upper`` as `metarisk.models.answers` gives them, of the horizon that
        begins at the moment; null where the model does not answer. ``change`` is since the moment before,
        with an interval over the ensemble that is paired by fold, so that an error that all moments share
        cancels; ``common_change`` is the same with only what was measured both times. ``comparable`` says
        whether the change can be read as the patient's: where what was measured differs, it can if the
        common change points the same way and is at least half as large.
    """
    batch = bundle.transform.apply(moments.cohort)
    judged = bundle.reference.judge(batch)
    reasons = reasons_to_abstain(bundle, moments.cohort, batch, judged)
    reader = AnswerReader(bundle)
    read = reader.read(bundle.ensemble.answers(batch)["outputs"])  # (1 + K, A, T)
    before, silent = moments.before, reasons != ""
    here = np.flatnonzero((before >= 0) & ~silent & ~silent[np.maximum(before, 0)])
    change = _change(read[..., before[here]], read[..., here], here, len(moments))
    unlike = here[_differ(batch, before[here], here)]
    common, shared = _common_change(bundle, reader, batch, (before[unlike], unlike))
    flags = [
        FLAG_SEPARATOR.join(filter(None, pair))
        for pair in zip(reasons, sample_flags(bundle, moments.cohort, batch, judged), strict=True)
    ]
    answers = _answers(bundle, batch, reader)
    verdict = np.full(change.value.shape, FIRST, dtype=object)
    verdict[:, here] = ALIKE
    verdict[:, unlike] = _verdicts(change.odds[:, unlike], common.odds[:, unlike], shared)
    parts = [
        _rows(moments, answer, flags).assign(
            probability=np.where(silent, np.nan, answer.value),
            lower=np.where(silent, np.nan, answer.lower),
            upper=np.where(silent, np.nan, answer.upper),
            **_named("change", change, at),
            **_named("common_change", common, at),
            comparable=verdict[at],
            measured=_measured(batch),
        )
        for at, answer in enumerate(answers)
    ]
    table = pd.concat(parts, ignore_index=True)
    return table.sort_values("moment", kind="stable", ignore_index=True)


def _answers(bundle: ModelBundle, batch: Batch, reader: AnswerReader) -> list[Probability]:
    """Answers with intervals, in the order of the reader's questions."""
    horizons = bundle.experiment.tasks.horizons_days
    found = {
        answer.asked: answer for answer in probabilities(bundle.ensemble, bundle.calibration, batch, horizons)
    }
    return [found[question] for question in reader.asked]


def _rows(moments: Moments, answer: Probability, flags: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "moment": np.arange(len(moments)),
            "patient_id": moments.patient,
            "sample_id": moments.sample,
            "day": moments.day,
            "days_since_first": moments.since_first,
            "endpoint": answer.endpoint,
            "horizon_days": days_of(answer.asked),
            "flags": flags,
        }
    )


def _change(old: DoubleArray, new: DoubleArray, at: NDArray[np.intp], count: int) -> _Change:
    """Changes between pairs of moments (1 + K, A, pairs), entered at the later ones of ``count`` moments."""
    moved, odds = new - old, log_odds(new) - log_odds(old)
    half = jackknife_half_width(moved[1:])
    whole = _Change(*(np.full((old.shape[1], count), np.nan) for _ in range(4)))
    for place, values in zip(whole, (moved[0], moved[0] - half, moved[0] + half, odds[0]), strict=True):
        place[:, at] = values
    return whole


def _differ(batch: Batch, old: NDArray[np.intp], new: NDArray[np.intp]) -> NDArray[np.bool_]:
    """True for pairs of moments of which not the same was measured, shape (pairs,)."""
    unlike = (np.isnan(batch.flat[old]) != np.isnan(batch.flat[new])).any(axis=1)
    for entry in batch.assays.values():
        unlike |= (entry.measured[old] != entry.measured[new]).any(axis=1)
    return np.asarray(unlike)


def _common_change(
    bundle: ModelBundle, reader: AnswerReader, batch: Batch, pair: tuple[NDArray[np.intp], NDArray[np.intp]]
) -> tuple[_Change, NDArray[np.bool_]]:
    """Changes with only what was measured both times, and whether there is anything, shape (pairs,)."""
    old, new = pair
    both = [_only_common(batch, one, other) for one, other in ((old, new), (new, old))]
    shared = np.array(
        [
            bool(
                (~np.isnan(both[0].flat[at])).any()
                or any(e.measured[at].any() for e in both[0].assays.values())
            )
            for at in range(len(old))
        ],
        dtype=np.bool_,
    )
    if not len(old):
        empty = np.empty((1 + reader.folds, len(reader.asked), 0))
        return _change(empty, empty, new, len(batch)), shared
    read = [reader.read(bundle.ensemble.answers(part)["outputs"]) for part in both]
    return _change(read[0], read[1], new, len(batch)), shared


def _only_common(batch: Batch, rows: NDArray[np.intp], others: NDArray[np.intp]) -> Batch:
    """Rows of a batch with what was measured in the other rows too."""
    assays = {}
    for assay, entry in batch.assays.items():
        known = entry.measured[rows] & entry.measured[others]
        assays[assay] = AssayInput(np.where(known[..., None], entry.values[rows], np.float32(0.0)), known)
    flat = np.where(np.isnan(batch.flat[others]), np.float32(np.nan), batch.flat[rows])
    return Batch(assays, flat.astype(np.float32))


def _verdicts(whole: DoubleArray, common: DoubleArray, shared: NDArray[np.bool_]) -> NDArray[np.object_]:
    """What may be said of changes of the log odds where what was measured differs, shape (A, pairs)."""
    holds = (np.sign(whole) == np.sign(common)) & (np.abs(common) >= LEFT * np.abs(whole))
    verdict = np.where(holds, ON_COMMON, DUE_TO_MEASURING).astype(object)
    verdict[:, ~shared] = NOTHING_COMMON
    return verdict


def _named(name: str, change: _Change, at: int) -> dict[str, DoubleArray]:
    log_name = f"{name.removesuffix('change')}log_odds_change"
    return {
        name: change.value[at],
        f"{name}_lower": change.lower[at],
        f"{name}_upper": change.upper[at],
        log_name: change.odds[at],
    }


def _measured(batch: Batch) -> list[str]:
    """Assays that each moment has, shape (T,)."""
    return [", ".join(_assays(batch, row)) for row in range(len(batch))]


def _assays(batch: Batch, row: int) -> Iterator[str]:
    return (assay.value for assay, entry in batch.assays.items() if entry.measured[row].any())
