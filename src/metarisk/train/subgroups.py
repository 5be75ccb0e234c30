"""Figures of each model in groups of patients: who is served less well, and who are too few to say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.disclosure import FEWEST_SAMPLES
from metarisk.metrics.discrimination import weighted_auroc
from metarisk.metrics.inputs import ratio
from metarisk.metrics.intervals import Resampled, resampled_weights, weighted_mean
from metarisk.schema.clinical import CENTRE, COHORT
from metarisk.train.figures import OURS, Answers, DoubleArray
from metarisk.train.held_out import TOO_FEW, Asked, HeldOut, fewer

AGE_BAND = "age_band"
GROUPED = ("sex", AGE_BAND, "race", "cancer_type", "panel", COHORT, CENTRE, "stage")
AGE_STEPS = (50.0, 65.0, 75.0)
AGE_NAMES = ("below 50", "50-64", "65-74", "75 and above")
EVERYBODY, UNKNOWN, RARE = "all", "(unknown)", "(rare)"
# Whether a row is a group's, of a group that is too small for figures, or the widest gap of a column.
GROUP, SMALL, GAP = "group", "too few", "gap"
FIGURES = ("auroc", "excess", "brier")
SUBGROUP_COLUMNS = (
    *("model", "endpoint", "horizon_days", "column", "group", "kind", "n", "events", "predicted", "observed"),
    *(f"{figure}{end}" for figure in FIGURES for end in ("", "_lower", "_upper")),
)


class Cell(NamedTuple):
    """What a figure is of."""

    model: str
    column: str
    group: str
    figure: str


class Group(NamedTuple):
    """A group, and its rows among those that a question is judged on."""

    column: str
    name: str
    rows: NDArray[np.intp]


def subgroup_figures(models: Mapping[str, Answers], held_out: HeldOut) -> pd.DataFrame:
    """Figures of each model on each question in each group of patients.

    Groups are as recorded: sex, age band, race, cancer type, panel, cohort and stage, those of the columns
    that tell samples apart. A value of fewer than five samples joins `RARE`, so that it names nobody; where
    nobody without a name knows the answer, `UNKNOWN` and `RARE` have no row.
    Patients are resampled from the whole test set, so that groups are compared on the same resamples.

    Parameters
    ----------
    models
        Model -> question -> probability of each sample, shape (N,); `OURS` among them.
    held_out
        The samples.

    Returns
    -------
    DataFrame
        Columns `SUBGROUP_COLUMNS`. ``excess`` is observed minus predicted: above 0 the risk is told too low.
        A group with fewer than `TOO_FEW` events or non-events has the kind `SMALL` and no figures. The kind
        `GAP` is the largest minus the smallest AUROC of a column; the two groups are picked by that figure,
        so it is too large on the whole. Of dated questions each figure has censoring weights, while ``n`` and
        ``events`` count samples whose answer is known.
    """
    names = groupings(held_out.clinical)
    asked_of = list(held_out.asked(models))
    groups_of = [list(_groups(names, asked)) for asked in asked_of]
    large_of = [
        [group for group in groups if fewer(asked.judged.label[group.rows]) >= TOO_FEW]
        for asked, groups in zip(asked_of, groups_of, strict=True)
    ]
    drawn_of = _resample(asked_of, large_of, held_out)
    rows: list[dict[str, Any]] = []
    for asked, groups, large, drawn in zip(asked_of, groups_of, large_of, drawn_of, strict=True):
        for model in asked.scores:
            rows += [{**asked.names, **_row(asked, model, group, drawn)} for group in groups]
            rows += [{**asked.names, **gap} for gap in _gaps(asked, model, large, drawn)]
    return pd.DataFrame(rows, columns=list(SUBGROUP_COLUMNS))


def groupings(clinical: pd.DataFrame) -> dict[str, NDArray[np.str_]]:
    """Column -> group of each sample, shape (N,); only columns with more groups than one.

    Parameters
    ----------
    clinical
        Baseline of N samples.
    """
    found = {column: _group_names(clinical, column) for column in GROUPED}
    return {column: names for column, names in found.items() if len(np.unique(names)) > 1}


def ungrouped_note(clinical: pd.DataFrame) -> tuple[str, ...]:
    """Columns that tell no sample from another, in a sentence; nothing where there is none."""
    missing = [column.replace("_", " ") for column in GROUPED if column not in groupings(clinical)]
    return (f"No subgroups by {', '.join(missing)}: not recorded, or alike in all.",) if missing else ()


def worst_groups(subgroups: pd.DataFrame) -> pd.DataFrame:
    """The group of each question in which our AUROC is lowest, of those large enough; one row a question."""
    mine = subgroups[
        (subgroups["model"] == OURS) & (subgroups["kind"] == GROUP) & (subgroups["column"] != EVERYBODY)
    ]
    mine = mine[mine["auroc"].notna()]
    worst = mine.groupby(["endpoint", "horizon_days"], sort=False, dropna=False)["auroc"].idxmin()
    return mine.loc[worst.to_numpy()].reset_index(drop=True)


def worst_in_words(subgroups: pd.DataFrame) -> Iterator[str]:
    """`worst_groups` beside the figure of all, and how many groups are too small, a sentence a question."""
    mine = subgroups[subgroups["model"] == OURS]
    for row in worst_groups(subgroups).to_dict("records"):
        days = float(row["horizon_days"])
        same = mine["horizon_days"].isna() if np.isnan(days) else mine["horizon_days"] == days
        asked = mine[(mine["endpoint"] == row["endpoint"]) & same]
        whole = asked.loc[asked["column"] == EVERYBODY, "auroc"].iloc[0]
        small = int((asked["kind"] == SMALL).sum())
        yield (
            f"{row['endpoint']}{'' if np.isnan(days) else f' by {days:g} days'}: "
            f"{row['column'].replace('_', ' ')} {row['group']}, AUROC {row['auroc']:.3f} "
            f"[{row['auroc_lower']:.3f}-{row['auroc_upper']:.3f}] ({row['n']} / {row['events']}), all "
            f"{whole:.3f}; predicted {row['predicted']:.3f}, observed {row['observed']:.3f}; "
            f"groups too small to say: {small}"
        )


def _group_names(clinical: pd.DataFrame, column: str) -> NDArray[np.str_]:
    names = (
        _age_bands(clinical)
        if column == AGE_BAND
        else clinical.reindex(columns=[column])[column].astype(object).where(lambda known: known.notna())
    )
    names = names.fillna(UNKNOWN).astype(str)
    count = names.map(names.value_counts())
    return names.where((count >= FEWEST_SAMPLES) | (names == UNKNOWN), RARE).to_numpy(dtype=str)


def _age_bands(clinical: pd.DataFrame) -> pd.Series:
    age = clinical.reindex(columns=["age_years"])["age_years"].astype(np.float64)
    band = np.array(AGE_NAMES, dtype=object)[np.searchsorted(AGE_STEPS, age.to_numpy(), side="right")]
    return pd.Series(band, index=clinical.index, dtype=object).where(age.notna())


def _groups(names: Mapping[str, NDArray[np.str_]], asked: Asked) -> Iterator[Group]:
    """Everybody, then the groups of each column by size, also those with a name that know no answer."""
    yield Group(EVERYBODY, EVERYBODY, np.arange(len(asked.judged.rows)))
    for column, group_of in names.items():
        known = group_of[asked.judged.rows]
        groups = [Group(column, name, np.flatnonzero(known == name)) for name in np.unique(group_of)]
        yield from sorted((group for group in groups if len(group.rows) or _is_named(group)), key=_place)


def _is_named(group: Group) -> bool:
    return group.name not in (UNKNOWN, RARE)


def _place(group: Group) -> tuple[bool, int, str]:
    """Age bands in their order, other groups by size, those without a name last."""
    band = AGE_NAMES.index(group.name) if group.name in AGE_NAMES else -len(group.rows)
    return not _is_named(group), band, group.name


def _drawn(asked: Asked, groups: Sequence[Group], weights: DoubleArray) -> Iterator[tuple[Cell, DoubleArray]]:
    """Every figure of every model in each group under B weightings of the samples, shape (B,) each.

    Parameters
    ----------
    weights
        How often each sample is drawn, shape (B, N).
    """
    own = np.take(weights, asked.judged.rows, axis=1) * asked.judged.weight
    for group in groups:
        inside, label = np.take(own, group.rows, axis=1), asked.judged.label[group.rows]
        scores = {model: score[group.rows] for model, score in asked.scores.items()}
        missed = label[:, None] - np.column_stack(list(scores.values()))
        total = np.broadcast_to(inside.sum(axis=1)[:, None], (len(weights), len(scores)))
        excess, brier = ratio(inside @ missed, total), ratio(inside @ missed**2, total)
        for place, (model, score) in enumerate(scores.items()):
            figures = (weighted_auroc(score, label, inside), excess[:, place], brier[:, place])
            for figure, values in zip(FIGURES, figures, strict=True):
                yield Cell(model, group.column, group.name, figure), values


def _resample(
    asked: Sequence[Asked], groups: Sequence[Sequence[Group]], held_out: HeldOut
) -> list[dict[Cell, Resampled]]:
    """Figures of each question over the same resamples of the patients, which are drawn once for all."""
    patients = held_out.patients
    whole = np.ones((1, len(patients)))
    found: list[dict[Cell, list[DoubleArray]]] = [{} for _ in asked]
    for weights in chain([whole], resampled_weights(patients, held_out.section.bootstrap, 0)):
        for one, large, cells in zip(asked, groups, found, strict=True):
            for cell, values in _drawn(one, large, weights):
                cells.setdefault(cell, []).append(values)
    return [
        {cell: Resampled(float(first[0]), np.concatenate(rest)) for cell, (first, *rest) in cells.items()}
        for cells in found
    ]


def _row(asked: Asked, model: str, group: Group, drawn: Mapping[Cell, Resampled]) -> dict[str, Any]:
    label, weight = asked.judged.label[group.rows], asked.judged.weight[group.rows]
    row: dict[str, Any] = {
        **{"model": model, "column": group.column, "group": group.name, "kind": SMALL},
        **{"n": len(label), "events": int(label.sum())},
    }
    if Cell(model, group.column, group.name, FIGURES[0]) not in drawn:
        return row
    row |= {"kind": GROUP, "predicted": _mean(asked.scores[model][group.rows], weight)}
    row["observed"] = _mean(label, weight)
    for figure in FIGURES:
        found = drawn[Cell(model, group.column, group.name, figure)]
        row |= dict(zip(_names(figure), (found.value, *found.bounds()), strict=True))
    return row


def _gaps(
    asked: Asked, model: str, groups: list[Group], drawn: Mapping[Cell, Resampled]
) -> Iterator[dict[str, Any]]:
    """Largest minus smallest AUROC of each column with two large groups or more."""
    for column in dict.fromkeys(group.column for group in groups):
        named = [group for group in groups if group.column == column and _is_named(group)]
        if len(named) < 2:
            continue
        figures = [drawn[Cell(model, column, group.name, "auroc")] for group in named]
        order = np.argsort([figure.value for figure in figures], kind="stable")
        low, high = int(order[0]), int(order[-1])
        gap = figures[high].minus(figures[low], len(asked.judged.rows))
        both = asked.judged.label[np.concatenate([named[high].rows, named[low].rows])]
        yield {
            **{"model": model, "column": column, "group": f"{named[high].name} - {named[low].name}"},
            **{"kind": GAP, "n": len(both), "events": int(both.sum())},
            **dict(zip(_names("auroc"), (gap.value, gap.lower, gap.upper), strict=True)),
        }


def _names(figure: str) -> tuple[str, str, str]:
    return figure, f"{figure}_lower", f"{figure}_upper"


def _mean(values: DoubleArray, weight: DoubleArray) -> float:
    return float(weighted_mean(values, weight[None, :])[0])
