"""The charts of the page: incidence by risk group, ranking, calibration, decisions, learning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
import pandas as pd

from metarisk.report.cohort.general import question_of
from metarisk.report.cohort.told import Told
from metarisk.report.page import Markup, element, join, section
from metarisk.report.page.chart import (
    DASHES,
    Frame,
    Series,
    Words,
    band,
    bars,
    chart,
    dots,
    line,
    rule,
    steps,
    ticks,
    whiskers,
)
from metarisk.report.plots.learning import by_member, kept_epoch
from metarisk.train.calibration_bins import BIN, COUNT
from metarisk.train.decisions import EACH, MACRO, NET_BENEFIT
from metarisk.train.figures import OURS
from metarisk.train.fit import Epoch
from metarisk.train.ranking_curves import PRECISION_RECALL, ROC

QUESTIONS_SHOWN = 24
UNIT = (0.0, 1.0)
SEEN = 0.01  # a threshold is drawn while some model would act on such a share
RANKING, FEW = "ROC and precision-recall", "No question has ten of either answer."
KINDS = {ROC: "Receiver operating characteristic", PRECISION_RECALL: "Precision and recall"}
QUESTION = ["endpoint", "horizon_days"]
GROUP_COLOURS = {1: (0,), 2: (0, 1), 3: (0, 2, 1), 4: (0, 2, 4, 1)}


def incidence_section(told: Told) -> Markup:
    """Observed incidence in groups by predicted risk, with numbers at risk."""
    lead = (
        "Patients in groups of equal size by the risk they were told, the lowest first, and what then "
        "happened to them. Curves that stand apart and in order say that the risk means something. Bands: "
        "pointwise 95 % intervals, resampled by patient; a curve ends where fewer than five are still "
        "followed."
    )
    drawn = [_incidence(part) for _, part in _by_question(told.curves.incidence)]
    none = "No dated endpoint of the model has 20 samples with follow-up here."
    return _charts("incidence", "Observed incidence by predicted risk", lead, drawn, none, "wide")


def _incidence(part: pd.DataFrame) -> Markup:
    first = part.iloc[0]
    name = question_of(first["endpoint"], np.nan)
    frame = Frame(
        (0.0, float(part["time_days"].max())), _up_to(part["upper"]), "days", "cumulative incidence"
    )
    marks, legend, under, words = [], [], [], []
    for group, rows in part.groupby("group"):
        place = GROUP_COLOURS[int(first["groups"])][int(str(group))]
        one = rows.iloc[0]
        label = f"told {one['lowest']:.0%} to {one['highest']:.0%} (n {one['n']:,}, {one['events']:,} events)"
        legend.append(Series(label, place))
        marks.append(band(frame, rows["time_days"], rows["lower"], rows["upper"], place))
        marks.append(steps(frame, rows["time_days"], rows["incidence"], place))
        at_risk = [_at_risk(rows, day) for day in ticks(frame.x)]
        under.append((legend[-1], at_risk))
        last = rows.iloc[-1]
        words.append(f"{label}: {last['incidence']:.0%} by day {last['time_days']:.0f}")
    competing = int(part.drop_duplicates("group")["competing"].sum())
    how = (
        f"Aalen-Johansen, {competing:,} other causes (death) compete"
        if competing
        else "one minus Kaplan-Meier: no other cause was seen"
    )
    note = f"{how}; groups by the risk told for {first['horizon_days']:g} days"
    return chart(Words(name, note, "; ".join(words)), frame, marks, legend, under)


def _at_risk(rows: pd.DataFrame, day: float) -> str:
    """Numbers at risk at the last point of the curve up to a day; nothing once the curve has ended."""
    times = rows["time_days"].to_numpy()
    step = times[1] - times[0] if len(times) > 1 else 0.0
    at = int(np.searchsorted(times, day + 1e-9, side="right")) - 1
    return f"{rows['at_risk'].iloc[at]:,}" if day <= times[-1] + step else ""


def ranking_section(told: Told) -> Markup:
    """Receiver operating and precision-recall curves."""
    lead = (
        "How many patients with the event are found (sensitivity) at the price of how many false alarms; "
        "and how many of those found have it (precision). Bands: pointwise 95 % intervals of ours. Dashed: "
        "chance. Questions with fewer than ten events or non-events have no curve."
    )
    parts = [part for _, part in _by_question(told.curves.ranking)]
    if not parts:
        return section("ranking", RANKING, element("p", FEW))
    halves = [
        (element("h3", kind), _grid([_ranking(part, curve) for part in parts], ""))
        for curve, kind in KINDS.items()
    ]
    return section("ranking", RANKING, element("p", lead, class_="lead"), *chain(*halves))


def _ranking(part: pd.DataFrame, curve: str) -> Markup:
    first, rows = part.iloc[0], part[part["curve"] == curve]
    chance = float(first["events"]) / float(first["n"])
    names = ("1 - specificity", "sensitivity") if curve == ROC else ("sensitivity", "precision")
    frame = Frame(UNIT, UNIT, *names)
    base = (0.0, 1.0) if curve == ROC else (chance, chance)
    marks, legend, words = [rule(frame, UNIT, base)], [], []
    for order, (model, mine) in enumerate(rows.groupby("model", sort=False)):
        place = min(order, len(DASHES) - 1)
        legend.append(Series(_plain(model), place))
        if model == OURS:
            marks.append(band(frame, mine["x"], mine["lower"], mine["upper"], place))
        marks.append(line(frame, mine["x"], mine["value"], place))
        said = ", ".join(
            f"{value:.2f} at {x:g}"
            for x, value in zip(mine["x"], mine["value"], strict=True)
            if round(x, 2) in (0.2, 0.5, 0.8)
        )
        words.append(f"{_plain(model)} {names[1]} {said}")
    title = question_of(first["endpoint"], first["horizon_days"])
    note = f"{first['n']:,} samples, {first['events']:,} with it ({chance:.0%})"
    return chart(Words(title, note, "; ".join(words)), frame, marks, legend if len(legend) > 1 else ())


def calibration_section(told: Told) -> Markup:
    """Told beside observed."""
    lead = (
        "Patients in bins of equal count by the probability they were told, and the share that had the "
        "event, with Wilson 95 % intervals; on the dashed line both agree. Grey bars: how many were told "
        "which probability."
    )
    drawn = [_calibration(part) for _, part in _by_question(told.curves.calibration)]
    return _charts("calibration", "Calibration", lead, drawn, FEW)


def _calibration(part: pd.DataFrame) -> Markup:
    first = part.iloc[0]
    bins, counts = part[part["kind"] == BIN], part[part["kind"] == COUNT]
    most = min(1.0, 1.08 * float(max(bins["upper"].max(), bins["predicted"].max())))
    frame = Frame((0.0, most), (0.0, most), "told", "observed share")
    inside = counts[counts["predicted"] < most]
    edges = [*inside["predicted"], min(float(inside["predicted"].iloc[-1]) + 1 / len(counts), most)]
    marks = [
        bars(frame, edges, 0.22 * most * inside["n"] / max(int(inside["n"].max()), 1)),
        rule(frame, (0.0, most), (0.0, most)),
        whiskers(frame, bins["predicted"], bins["lower"], bins["upper"], 0),
        dots(frame, bins["predicted"], bins["observed"], 0),
    ]
    words = "; ".join(
        f"told {told:.2f} observed {seen:.2f} (n {n})"
        for told, seen, n in bins[["predicted", "observed", "n"]].itertuples(index=False)
    )
    gap = float((bins["predicted"] - bins["observed"]).abs().max())
    least, largest = bins["n"].min(), bins["n"].max()
    size = f"{least}" if least == largest else f"{least} to {largest}"
    note = (
        f"{len(bins)} bins of {size} samples; largest gap {gap:.2f}; tallest bar "
        f"{int(inside['n'].max())} samples"
    )
    return chart(Words(question_of(first["endpoint"], first["horizon_days"]), note, words), frame, marks)


def decisions_section(told: Told) -> Markup:
    """What acting on the answers would gain."""
    lead = (
        "Net benefit of acting on those whose risk is above a threshold, in true positives a sample "
        "(Vickers and Elkin 2006). Above both acting on everybody (dashed grey) and on nobody (zero) the "
        "model is worth acting on; the threshold is what one would accept. Band: 95 % interval of ours."
    )
    rows = told.decisions
    rows = rows[(rows["metric"] == NET_BENEFIT) & rows["over"].isin([MACRO, EACH])]
    ordered = rows.sort_values("over", key=lambda over: over == EACH, kind="stable")
    parts = ordered.groupby(["over", *QUESTION], sort=False, dropna=False)
    return _charts("decisions", "Decision curves", lead, [_decisions(part) for _, part in parts], "None.")


def _decisions(part: pd.DataFrame) -> Markup:
    first = part.iloc[0]
    seen = part.loc[part["acted"] >= SEEN, "threshold"].max()
    part = part[part["threshold"] <= (seen if seen > 0 else part["threshold"].min())]
    mine = part[part["model"] == first["model"]]
    top = max(float(part["upper"].max()), float(mine["everybody"].max()), 1e-3)
    frame = Frame(
        (0.0, float(part["threshold"].max())), (-0.12 * top, 1.08 * top), "threshold", "net benefit"
    )
    level = (float(mine["everybody"].iloc[0]), 0.0)
    marks = [
        rule(frame, frame.x, (level[1], level[1])),
        _everybody(frame, mine),
        band(frame, mine["threshold"], mine["lower"], mine["upper"], 0),
    ]
    legend = []
    for place, (model, rows) in enumerate(part.groupby("model", sort=False)):
        legend.append(Series(_plain(model), min(place, len(DASHES) - 2)))
        marks.append(line(frame, rows["threshold"], rows["value"], legend[-1].place))
    legend.append(Series("act on everybody", len(DASHES) - 1))
    ahead = mine.loc[mine["gain_lower"] > 0, "threshold"]
    note = (
        f"surely better than both from {ahead.min():g} to {ahead.max():g}"
        if len(ahead)
        else "nowhere surely better"
    )
    name = question_of(first["endpoint"], first["horizon_days"])
    title = name if first["over"] == EACH else name.replace("site", "all organs, mean", 1)
    words = "; ".join(
        f"net benefit {value:.3f} at threshold {at:g}"
        for at, value in mine[["threshold", "value"]].itertuples(index=False)
    )
    return chart(Words(title, note, words), frame, marks, legend)


def _everybody(frame: Frame, mine: pd.DataFrame) -> Markup:
    kept = mine[mine["everybody"] >= frame.y[0]]
    return line(frame, kept["threshold"], kept["everybody"], len(DASHES) - 1)


def learning_section(told: Told) -> Markup:
    """Losses epoch by epoch, a line a member."""
    lead = (
        "Loss on the fold that a member did not learn from, in nats a sample, a line a member; the dot is "
        "the epoch whose weights it keeps."
    )
    drawn = [_learning(model, epochs) for model, epochs in told.learning.items() if epochs]
    return _charts("learning", "Learning curves", lead, drawn, "No network was fitted in this process.")


def _learning(model: str, epochs: Sequence[Epoch]) -> Markup:
    members = by_member(epochs)
    every = [epoch.valid_loss for member in members.values() for epoch in member]
    room = 0.05 * (max(every) - min(every) or 1.0)
    last = max(epoch.epoch + 1 for member in members.values() for epoch in member)
    frame = Frame((0.0, float(last)), (min(every) - room, max(every) + room), "epoch", "held-out loss")
    kept = [kept_epoch(member) for member in members.values()]
    marks = [
        line(frame, [epoch.epoch + 1 for epoch in member], [epoch.valid_loss for epoch in member], 0)
        for member in members.values()
    ]
    marks.append(dots(frame, [epoch.epoch + 1 for epoch in kept], [epoch.valid_loss for epoch in kept], 1))
    numbers = [epoch.epoch + 1 for epoch in kept]
    losses = [epoch.valid_loss for epoch in kept]
    note = (
        f"{len(members)} members; epochs {min(numbers)} to {max(numbers)} kept, loss "
        f"{min(losses):.3f} to {max(losses):.3f}"
    )
    return chart(Words(_plain(model), note, note), frame, marks)


def _charts(name: str, title: str, lead: str, drawn: list[Markup], none: str, look: str = "") -> Markup:
    """A section of charts, of as many questions as anybody reads."""
    if not drawn:
        return section(name, title, element("p", none))
    return section(name, title, element("p", lead, class_="lead"), _grid(drawn, look))


def _grid(drawn: list[Markup], look: str) -> Markup:
    hidden = len(drawn) - QUESTIONS_SHOWN
    more = f"{hidden} more questions stand in the tables beside this page."
    grid = element("div", *drawn[:QUESTIONS_SHOWN], class_=f"charts {look}".strip())
    return join((grid, element("p", more) if hidden > 0 else ""))


def _by_question(frame: pd.DataFrame) -> Iterator[tuple[object, pd.DataFrame]]:
    yield from frame.groupby(QUESTION, sort=False, dropna=False)


def _up_to(upper: pd.Series) -> tuple[float, float]:
    return 0.0, min(1.0, max(1.05 * float(upper.max()), 0.05))


def _plain(model: object) -> str:
    return str(model).replace("_", " ")
