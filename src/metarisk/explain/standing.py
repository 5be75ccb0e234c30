"""Whether a perturbation stands out from the same done to matched genes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.explain.answers_read import DoubleArray
from metarisk.explain.matched import FEWEST, NullPlan
from metarisk.explain.screen import Moves

# What the p value of a screen says, for those who read its tables.
TEST = (
    "p is the larger of two: that the mean change of the log odds is one of those of the matched genes (the "
    "same done to genes measured by the same assays and nearest in degree; their mean and deviation, "
    "Student's t), and that its excess over the matched genes' mean, paired by patient and by fold of the "
    "ensemble, is nil. q is Benjamini and Hochberg's within an answer and a kind of perturbation. A small p "
    "says that this model answers it unlike comparable perturbations; it says nothing of a cause."
)


class StandsOut(NamedTuple):
    """How far perturbations stand out from their matched genes, shape (Q', A) each.

    Attributes
    ----------
    mean
        Mean of the matched genes' changes of the log odds.
    z
        Distance from it in standard deviations of theirs.
    p
        Two-sided, see `stands_out`; NaN with fewer than `FEWEST` matched genes, or where nothing varies.
    """

    mean: DoubleArray
    z: DoubleArray
    p: DoubleArray


def stands_out(moves: Moves, plan: NullPlan) -> StandsOut:
    """Test each perturbation asked for against its null: the larger p of two tests, so that both must reject.

    1. *Among the matched genes.* Hypothesis: its mean change of the log odds over patients is one of those
       that its matched genes have. Distance from their mean in their standard deviations, read with Student's
       t on one degree less than there are of them.
    2. *In these patients, by these members.* Hypothesis: its excess over the matched genes' mean is nil. The
       excess is paired, by patient and by fold of the ensemble, so that what all genes share cancels; the
       variance of its mean over patients and that over folds are added, and it is read with Student's t on
       Satterthwaite's degrees of freedom. The folds share most training patients: how far another training
       set would move the change is the interval over the ensemble, which is wider.

    Both are about the model. A small p says that it answers this perturbation unlike those of comparable
    genes; it does not say that the gene causes anything.
    """
    n_asked = len(plan.nulls)
    mean, z, p = (np.full((n_asked, moves.change.shape[1]), np.nan) for _ in range(3))
    means = moves.mean(moves.shift)
    for at, matched in enumerate(plan.nulls):
        null = matched[~np.isnan(means[matched]).any(axis=1)]
        if len(null) < FEWEST or np.isnan(means[at]).any():
            continue
        mean[at] = means[null].mean(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            z[at] = (means[at] - mean[at]) / means[null].std(axis=0, ddof=1)
        p[at] = np.maximum(_two_sided(z[at], np.array(len(null) - 1.0)), _paired(moves, at, null))
    return StandsOut(mean, z, p)


def _paired(moves: Moves, at: int, null: NDArray[np.intp]) -> DoubleArray:
    """P value of no excess over the matched genes, paired by patient and fold, shape (A,)."""
    by_patient = _excess_by_patient(moves, at, null)  # (A, n)
    by_fold = moves.fold_shift[at] - np.nanmean(moves.fold_shift[null], axis=0)  # (K, A)
    value = by_patient.mean(axis=1)
    parts, free = [], []
    for sample in (by_patient, by_fold.T):
        count = sample.shape[1]
        parts.append(sample.var(axis=1, ddof=1) / count if count > 1 else np.zeros(len(value)))
        free.append(max(count - 1, 1))
    variance = np.stack(parts)  # (2, A)
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = variance.sum(axis=0) ** 2 / (variance**2 / np.array(free)[:, None]).sum(axis=0)
        return _two_sided(value / np.sqrt(variance.sum(axis=0)), freedom)


def _two_sided(t: DoubleArray, freedom: DoubleArray) -> DoubleArray:
    from scipy.special import stdtr

    return np.asarray(2.0 * stdtr(freedom, -np.abs(t)))


def _excess_by_patient(moves: Moves, at: int, null: NDArray[np.intp]) -> DoubleArray:
    """Change of the log odds minus the matched genes' mean in the same patient, shape (A, patients)."""
    known = moves.measured[at] > 0
    theirs = moves.shift[null][:, :, known]
    some = ~np.isnan(theirs)
    mean = np.where(some, theirs, 0.0).sum(axis=0) / np.maximum(some.sum(axis=0), 1)
    excess = moves.shift[at][:, known] - mean  # (A, n)
    _, patient = np.unique(moves.cohort.patient_ids[known], return_inverse=True)
    counts = np.bincount(patient)
    return np.stack([np.bincount(patient, weights=row) / counts for row in excess])


def patients_measured(moves: Moves, at: int) -> int:
    """Patients of whom some target of a perturbation was measured."""
    return len(np.unique(moves.cohort.patient_ids[moves.measured[at] > 0]))


def false_discovery(p: DoubleArray) -> DoubleArray:
    """Benjamini and Hochberg's q values down the rows of each column, NaN kept, shape as given."""
    q = np.full(p.shape, np.nan)
    for column in range(p.shape[1]):
        known = np.flatnonzero(~np.isnan(p[:, column]))
        order = known[np.argsort(p[known, column])]
        ranked = p[order, column] * len(order) / np.arange(1, len(order) + 1)
        q[order, column] = np.minimum.accumulate(ranked[::-1])[::-1].clip(max=1.0)
    return q
