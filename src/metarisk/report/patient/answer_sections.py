"""What the model answers: risk over time, organs, response; each with its interval and base rate."""

from __future__ import annotations

from collections.abc import Sequence

from metarisk.models.base_rates import Rate
from metarisk.report.page import Cell, Column, Markup, element, section, table
from metarisk.report.page.body_map import PLACES, Organ, body_map
from metarisk.report.page.interval_mark import interval_mark, withheld_mark
from metarisk.report.page.line_chart import Line, line_chart
from metarisk.report.patient.facts import Answer, ClinicalScore, PatientFacts
from metarisk.report.patient.words import (
    SETS,
    capital,
    interval,
    percent,
    plain,
    time_words,
    withheld_words,
)

DATED = ("metastasis", "pfs", "os")
THIRDS = {1: "lowest", 2: "middle", 3: "highest"}
HIDDEN = "withheld: under 10 patients with it, or without it, in the group or in one that would tell of it"


def time_section(facts: PatientFacts) -> Markup:
    """Curves with death competing, and the probability by each horizon."""
    answers = [answer for task in DATED for answer in facts.of_task(task) if answer.horizon_days]
    if not answers:
        return section("time", "Risk over time", element("p", "The model was not trained to say when."))
    told = _table("Probability by each horizon, 95 % interval", answers, facts)
    lead = (
        "Calibrated probability that each has come first by then; death without metastasis competes. Shaded: "
        "95 % interval of the probability, which says how sure the fit is of it."
    )
    chart = _curves(facts)
    return section(
        "time",
        "Risk over time",
        element("p", lead, class_="lead"),
        _pair(chart, told, kind="pair drawn stack"),
        _free(facts),
    )


def _curves(facts: PatientFacts) -> Markup | str:
    if not facts.curves:
        return element("p", "No curve: the answers are withheld.")
    lines = [
        Line(capital(_cause(curve.cause, curve.endpoint)), curve.days, curve.value, curve.lower, curve.upper)
        for curve in facts.curves
    ]
    end = max(curve.days[-1] for curve in facts.curves)
    horizons = sorted({answer.horizon_days for answer in facts.answers if answer.horizon_days} - {end})
    ticks = [(0.0, "0"), *((day, time_words(day)) for day in horizons if day < end), (end, time_words(end))]
    words = "; ".join(
        f"{line.name} {interval(line.value[-1], line.lower[-1], line.upper[-1])}" for line in lines
    )
    return element("figure", line_chart(lines, ticks, f"By {time_words(end)}: {words}."), class_="chart")


def _cause(cause: str, endpoint: str) -> str:
    return "death" if cause == "death" and endpoint == "os" else plain(cause)


def _free(facts: PatientFacts) -> Markup:
    """Until when such patients are free of each event."""
    told = {
        answer.target: answer.free_until_days
        for answer in facts.answers
        if answer.task in DATED and answer.free_until_days is not None
    }
    level = percent(facts.model.level)
    lines = [
        f"Of such patients {level} are free of {_cause(target, '')} for {time_words(days)} at least."
        for target, days in told.items()
        if days > 0
    ]
    return element("p", " ".join(lines), class_="note") if lines else Markup()


def organs_section(facts: PatientFacts) -> Markup:
    """Organs as bars against the base rate, and on a body."""
    organs = facts.of_task("site")
    known = [answer for answer in organs if not answer.withheld.endswith("not-trained")]
    if not known:
        return section("organs", "Organs", element("p", "The model was not trained on organs."))
    ranked = sorted(known, key=lambda answer: (answer.value is None, -(answer.value or 0.0), answer.target))
    whom = f"of training patients with {facts.read_as}" if facts.read_as else "of all training patients"
    lead = f"Likeliest first. The mark | is the share {whom} in whom it was seen."
    drawing = element("figure", body_map(_organs(ranked), _map_words(ranked)), class_="chart map")
    told = _table("Probability of metastasis in each organ, 95 % interval", ranked, facts)
    return section(
        "organs", "Organs", element("p", lead, class_="lead"), _pair(drawing, told, kind="pair drawn stack")
    )


def _organs(ranked: Sequence[Answer]) -> list[Organ]:
    """One a site: without a horizon, or by the last one."""
    latest: dict[str, Answer] = {}
    for answer in sorted(ranked, key=lambda one: one.horizon_days or float("inf")):
        latest[answer.target] = answer
    return [
        Organ(
            site,
            capital(plain(site).split(" (")[0]),
            one.value,
            "withheld" if one.value is None else percent(one.value),
        )
        for site, one in latest.items()
    ]


def _map_words(ranked: Sequence[Answer]) -> str:
    outside = [capital(plain(one.target)) for one in ranked if one.target not in PLACES]
    more = f" Not drawn: {', '.join(outside)}." if outside else ""
    return f"A schematic body with the probabilities of the table beside it.{more}"


def response_section(facts: PatientFacts) -> Markup:
    """Response, the class of therapy, and published scores."""
    answers = [answer for answer in facts.of_task("response") if not answer.withheld.endswith("not-trained")]
    if not answers:
        return section(
            "response",
            "Response to checkpoint inhibition",
            element("p", "The model was not trained on response."),
        )
    therapy = plain(facts.therapy_class) or "not stated"
    read = (
        "read by the model"
        if facts.therapy_read
        else "not read by this model, so the answer is of no class in particular"
    )
    lead = f"Class of therapy: {therapy} ({read}). Higher is better here."
    told = _table("Probability of response, 95 % interval", answers, facts, kind="predicted response")
    beside = _scores(facts.scores)
    return section(
        "response",
        "Response to checkpoint inhibition",
        element("p", lead, class_="lead"),
        _pair(told, beside),
    )


def _scores(scores: Sequence[ClinicalScore]) -> Markup:
    columns = (Column("Published score"), Column("Value"))
    rows = [_score_row(score) for score in scores if score.value is not None]
    absent = [score.title for score in scores if score.value is None]
    note = element("p", f"Inputs not there for: {'; '.join(absent)}.", class_="note") if absent else ""
    caption = "Clinical scores beside it, computed as published, not fitted here"
    return element("div", table(caption, columns, rows) if rows else "", note)


def _score_row(score: ClinicalScore) -> tuple[Cell | str, ...]:
    name = element("span", score.title, element("span", score.standing, class_="where"))
    return Cell(name, score.title), f"{score.value:.3g} {score.unit}"


def similar_section(facts: PatientFacts) -> Markup:
    """Training patients of the same type and third of risk, in counts."""
    lead = (
        "What was seen in training patients of the same cancer type, and in those of them with a like "
        "predicted risk. Counts only, of no single patient."
    )
    last = max((a.horizon_days for a in facts.answers if a.horizon_days), default=None)
    asked = [a for a in facts.answered if a.task in DATED or a.horizon_days in {None, last}]
    rows = [_similar_row(answer) for answer in asked]
    if not facts.model.has_rates or not rows:
        why = (
            "This model holds no such counts."
            if not facts.model.has_rates
            else "Nothing was answered to compare."
        )
        return section("similar", "Similar patients, in aggregate", element("p", why))
    columns = (
        Column("Answer"),
        Column("Model, this patient"),
        Column(f"{facts.read_as or 'Same type'}, same third of risk"),
        Column(f"All {facts.read_as}" if facts.read_as else "Same type (unknown)"),
        Column("All types"),
    )
    listed = table(
        "Share in whom it was seen; below it the 95 % interval and the number of patients", columns, rows
    )
    note = element("p", f"{capital(HIDDEN)}.", class_="note")
    return section(
        "similar",
        "Similar patients, in aggregate",
        element("p", lead, class_="lead"),
        element("div", listed, class_="stack"),
        note,
    )


def _similar_row(answer: Answer) -> tuple[Cell | str, ...]:
    third = f"({THIRDS[answer.third]} third)" if answer.third else ""
    own = "-" if answer.value is None else percent(answer.value)
    label = element("span", "model, this patient: ", class_="label")
    return (
        answer_name(answer),
        Cell(element("span", label, own), -1.0 if answer.value is None else answer.value),
        _rate_cell(answer.third_rate, "same type and third: ", third) if third else "-",
        _rate_cell(answer.rate, "same type: "),
        _rate_cell(answer.everybody, "all types: "),
    )


def _rate_cell(rate: Rate, label: str, whom: str = "") -> Cell:
    """A base rate, and below it its interval and number; ``label`` stands where columns have no heads."""
    before, after = element("span", label, class_="label"), element("span", f" {whom}", class_="soft")
    if rate.value is None or rate.lower is None or rate.upper is None or rate.n is None:
        return Cell(element("span", before, element("span", "withheld", class_="soft"), after), -1.0)
    between = f" {100 * rate.lower:.0f} to {100 * rate.upper:.0f} %, n = {rate.n:,}"
    below = element("span", between, class_="between")
    return Cell(element("span", before, element("b", percent(rate.value)), after, below), rate.value)


def answer_name(answer: Answer) -> str:
    """Target and horizon in words."""
    name = _cause(answer.target, answer.task) if answer.task != "site" else plain(answer.target)
    return (
        capital(name)
        if answer.horizon_days is None
        else f"{capital(name)} by {time_words(answer.horizon_days)}"
    )


def _table(caption: str, answers: Sequence[Answer], facts: PatientFacts, kind: str = "risk") -> Markup:
    beside = facts.read_as or "all types"
    columns = (Column("Answer"), Column("Probability"), Column(f"Base rate, {beside}"), Column("The model"))
    return table(
        f"{caption}; last column at {percent(facts.model.level)}",
        columns,
        (_row(one, kind) for one in answers),
    )


def _row(answer: Answer, kind: str) -> tuple[Cell | str, ...]:
    rate = answer.rate if answer.rate.value is not None or answer.rate.cancer_type else answer.everybody
    told = "-" if rate.value is None else percent(rate.value)
    beside = element("span", element("span", "base rate ", class_="label"), told)
    name = answer_name(answer)
    if answer.value is None or answer.lower is None or answer.upper is None:
        why = f"withheld: {withheld_words(answer.withheld)}"
        return name, Cell(withheld_mark(f"{name}: withheld"), -1.0), beside, why
    words = f"{name}: {interval(answer.value, answer.lower, answer.upper)}; base rate {told}"
    mark = interval_mark(answer.value, answer.lower, answer.upper, rate.value, words)
    return (
        name,
        Cell(
            element(
                "span",
                element("b", interval(answer.value, answer.lower, answer.upper)),
                mark,
                class_="answer",
            ),
            answer.value,
        ),
        beside,
        SETS[answer.kept] or "no set kept for this question",
    )


def _pair(*parts: Markup | str, kind: str = "pair stack") -> Markup:
    return element("div", *(element("div", part) for part in parts), class_=kind)
