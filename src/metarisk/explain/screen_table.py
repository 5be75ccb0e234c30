"""A screen as a table: mean changes with two intervals each, and how they stand among matched genes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.explain.answers_read import DoubleArray
from metarisk.explain.estimates import ENDS, Estimate, estimate
from metarisk.explain.interventions import STATES
from metarisk.explain.matched import NullPlan
from metarisk.explain.perturbations import Perturbation
from metarisk.explain.screen import Moves
from metarisk.explain.standing import false_discovery, patients_measured, stands_out
from metarisk.features.transform import FeatureTransform
from metarisk.models.conformal import EVER, Asked

COLUMNS = (
    "kind",
    "perturbation",
    "title",
    "targets",
    "endpoint",
    "horizon_days",
    "patients",
    "baseline",
    "change",
    "change_fit_lower",
    "change_fit_upper",
    "change_patients_lower",
    "change_patients_upper",
    "log_odds_change",
    "log_odds_fit_lower",
    "log_odds_fit_upper",
    "log_odds_patients_lower",
    "log_odds_patients_upper",
    "graph_share",
    "matched",
    "matched_mean",
    "z",
    "p",
    "q",
    "rank",
    "source",
    "note",
)


def screen_table(moves: Moves, plan: NullPlan, transform: FeatureTransform) -> pd.DataFrame:
    """One row a perturbation asked for and answer, columns `COLUMNS`.

    Values of ``q`` and ``rank`` are within an answer and a kind of perturbation; rank 1 changes the log odds
    most.
    """
    count = len(plan.nulls)
    change = estimate(moves.change[:count], moves.fold_change[:count], moves)
    shift = estimate(moves.shift[:count], moves.fold_shift[:count], moves)
    out = stands_out(moves, plan)
    kinds = np.array([perturbation.kind for perturbation in plan.perturbations[:count]])
    q, rank = np.full(out.p.shape, np.nan), np.full(out.p.shape, np.nan)
    for kind in np.unique(kinds):
        own = np.flatnonzero(kinds == kind)
        q[own] = false_discovery(out.p[own])
        rank[own] = pd.DataFrame(-np.abs(shift.value[own])).rank(method="min").to_numpy()
    numbers = {
        "baseline": _baselines(moves, count),
        **_named("change", change),
        **_named("log_odds", shift),
        "graph_share": moves.graph_share[:count],
        "matched_mean": out.mean,
        "z": out.z,
        "p": out.p,
        "q": q,
        "rank": rank,
    }
    return _long(moves, plan, transform, numbers)


def _named(name: str, value: Estimate) -> dict[str, DoubleArray]:
    whole = "change" if name == "change" else f"{name}_change"
    return {whole: value.value, **{f"{name}_{end}": getattr(value, end) for end in ENDS}}


def _baselines(moves: Moves, count: int) -> DoubleArray:
    """Mean probability before, over the patients whose targets were measured, shape (Q, A)."""
    weight = (moves.measured[:count] > 0) * moves.weight
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(weight @ moves.baseline.T / weight.sum(axis=1, keepdims=True))


def _long(
    moves: Moves, plan: NullPlan, transform: FeatureTransform, numbers: Mapping[str, DoubleArray]
) -> pd.DataFrame:
    asked, count = moves.reader.asked, len(plan.nulls)
    own = plan.perturbations[:count]
    each = np.repeat(np.arange(count), len(asked))
    words = pd.DataFrame(
        {
            "kind": [one.kind for one in own],
            "perturbation": [one.name for one in own],
            "title": [one.title for one in own],
            "targets": [targets_text(one) for one in own],
            "patients": [patients_measured(moves, at) for at in range(count)],
            "matched": [len(null) for null in plan.nulls],
            "source": [one.source for one in own],
            "note": [note_of(one, moves.measured[at], transform) for at, one in enumerate(own)],
        }
    ).iloc[each]
    table = words.reset_index(drop=True).assign(
        endpoint=np.tile([question.endpoint for question in asked], count),
        horizon_days=np.tile([days_of(question) for question in asked], count),
        **{name: values.ravel() for name, values in numbers.items()},
    )
    return table[list(COLUMNS)]


def days_of(question: Asked) -> float:
    """Horizon as a table has it: NaN for "ever"."""
    return np.nan if question.horizon_days == EVER else question.horizon_days


def targets_text(perturbation: Perturbation) -> str:
    """Genes and what is done to each, in words."""
    return ", ".join(f"{gene} {effect.value}" for gene, effect in perturbation.targets)


def note_of(perturbation: Perturbation, measured: NDArray[np.int32], transform: FeatureTransform) -> str:
    """Why a perturbation has no answer, or rests on less than all of it; empty text otherwise.

    Parameters
    ----------
    perturbation
        What is done.
    measured
        Targets measured of each sample, shape (N,).
    transform
        For the assays that a gene is read from.
    """
    if not measured.any():
        return f"abstains: {'; '.join(_unmeasured(gene, transform) for gene, _ in perturbation.targets[:3])}"
    without = int((measured == 0).sum())
    notes = [f"{without} of {len(measured)} samples have no target measured"] if without else []
    most = int(measured.max())
    if most < len(perturbation.targets):
        notes.append(f"at most {most} of {len(perturbation.targets)} targets are measured")
    return "; ".join(notes)


def _unmeasured(gene: str, transform: FeatureTransform) -> str:
    read = [
        assay.value for assay, scale in transform.scales.items() if assay in STATES and gene in scale.genes
    ]
    if not read:
        return f"no assay of the model reads {gene}"
    return f"{gene} is read from {', '.join(read)}, and none of these samples has it"
