"""Why the model answers so, what it would answer otherwise, and what none of it means."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from metarisk.explain.stability import STABLE
from metarisk.report.page import Cell, Column, Markup, badge, element, section, table
from metarisk.report.page.push_bar import push_bar
from metarisk.report.patient.facts import Answer, Explanation, Part, PatientFacts, WhatIf
from metarisk.report.patient.state_part import states_part
from metarisk.report.patient.words import TIMES, capital, percent, plain, points, time_words

OPEN = 3  # answers that are taken apart on the page; the files beside it have all
SHOWN = {"pathway": 5, "gene": 4}
PAST = "direct"
LIMITS = (
    "Nothing here is a diagnosis, a staging or a reason to give or withhold a treatment.",
    "A probability is of patients like this one in the training data, not this patient's fate. Its interval "
    "says how sure the fit is; it covers neither another population nor a fault of the sample.",
    "Where the model cannot rule out either answer, the number must not be read as a yes or a no.",
    "What pushed an answer is what the model weighs. It is not thereby a cause, a target or a biomarker.",
    "What-if rows are a model's answers to changed inputs, not an experiment; no drug was given. They are "
    "the strongest of many that were asked, so they look larger than they are.",
    "An organ with a low probability is not cleared, and organs that are not listed were not asked about.",
    "Probabilities of several organs do not add up, and they must not be multiplied.",
)


def circuits_section(facts: PatientFacts) -> Markup:
    """What pushed the main answers up and down, and states of known circuits."""
    if not facts.explanations:
        return section(
            "circuits", "What pushed the answers", element("p", "Not told: no answer was taken apart.")
        )
    lead = (
        f"Against the average training patient, in factors of the odds: {TIMES} 1.20 raises them by a fifth. "
        f"Hollow bars: under {percent(STABLE)} of the {facts.model.members} members agree."
    )
    told = element("div", *(_apart(facts, one) for one in _main(facts)), class_="charts wide")
    return section(
        "circuits", "What pushed the answers", element("p", lead, class_="lead"), told, states_part(facts)
    )


def _main(facts: PatientFacts) -> list[Explanation]:
    """The dated answer by its last horizon, the likeliest organ, response; of those that are answered."""
    told = {answer_key(answer): answer for answer in facts.answered}
    known = [one for one in facts.explanations if one.answer in told]
    dated = [one for one in known if told[one.answer].task not in {"site", "response", "metastatic"}]
    organs = sorted(
        (one for one in known if told[one.answer].task == "site"),
        key=lambda one: -(told[one.answer].value or 0.0),
    )
    response = [one for one in known if told[one.answer].task == "response"]
    return [*dated[-1:], *organs[:1], *response][:OPEN]


def answer_key(answer: Answer) -> str:
    """Name of an answer as explanations have it: ``site.bone``, ``metastasis@365``."""
    name = f"site.{answer.target}" if answer.task == "site" else answer.task
    if (
        answer.task not in {"site", "response", "metastatic"}
        and answer.target == "death"
        and answer.task != "os"
    ):
        name = f"{name}.death"
    return name if answer.horizon_days is None else f"{name}@{answer.horizon_days:g}"


def answer_words(name: str) -> str:
    """An explained answer in words."""
    endpoint, _, days = name.partition("@")
    told = capital(plain(endpoint.removeprefix("site.")))
    return f"{told} by {time_words(float(days))}" if days else told


def _apart(facts: PatientFacts, one: Explanation) -> Markup:
    own = [part for part in facts.parts if part.answer == one.answer]
    pathways, genes = ([p for p in own if p.kind == kind] for kind in ("pathway", "gene"))
    shown = [p for p in pathways if p.name not in {PAST, "other"}][: SHOWN["pathway"]]
    longest = max((abs(p.share) for p in own if p.name != "other"), default=0.0)
    rows = [
        _push_row(part, longest, part.title) for part in (*shown, *(p for p in pathways if p.name == PAST))
    ]
    few = [p for p in genes if p.measured][: SHOWN["gene"]]
    rows += [_push_row(part, longest, f"{part.name}: {part.measured}") for part in few]
    whole = f"All together {TIMES} {np.exp(one.distance):.2f}. {_graph(facts, one)}"
    columns = (Column("Pathways, then genes as measured"), Column("Odds"))
    listed = table("Strongest first of each kind", columns, rows)
    driven = badge("driven by what is missing", "caution") if one.driven_by_missing else ""
    title = element("h3", answer_words(one.answer))
    return element("div", title, element("p", whole, driven), listed, class_="chart apart")


def _graph(facts: PatientFacts, one: Explanation) -> str:
    share = next((a.graph_share for a in facts.answered if answer_key(a) == one.answer), None)
    if share is None or not facts.model.through_graph:
        return "No graph in this model."
    return f"Through the graph {percent(share)}, past it {percent(1 - share)}."


def _push_row(part: Part, longest: float, name: str) -> tuple[Cell | str, ...]:
    factor = float(np.exp(part.share))
    sure = part.agreement is None or part.agreement >= STABLE
    agree = "" if part.agreement is None else f", {percent(part.agreement)} of members agree"
    told = f"{name}: odds {TIMES} {factor:.2f}{agree}"
    bar = push_bar(part.share, longest, told, sure=sure)
    return name, Cell(element("span", bar, f"{TIMES} {factor:.2f}", class_="pushed"), part.share)


def what_if_section(facts: PatientFacts) -> Markup:
    """Perturbations that would move the main answers most."""
    if not facts.what_if:
        why = "Not asked." if facts.answered else "Not asked: no answer was given."
        return section("what-if", "What if, in the model", element("p", why))
    lead = (
        "The model's answer if its input were changed so, all else held: not an experiment, and no "
        "prediction of what a drug does. Hollow bars: the interval does not keep its sign."
    )
    longest = max(abs(one.change) for one in facts.what_if)
    columns = (
        Column("Answer"),
        Column("Change in the model"),
        Column("From, to", True),
        Column("Percentage points, 95 % interval"),
    )
    rows = (_what_row(one, longest) for one in facts.what_if)
    listed = table("The three that move each answer most, sure ones first", columns, rows)
    return section(
        "what-if",
        "What if, in the model",
        element("p", lead, class_="lead"),
        element("div", listed, class_="stack"),
    )


def _what_row(one: WhatIf, longest: float) -> tuple[Cell | str, ...]:
    between = (
        "" if one.lower is None or one.upper is None else f" ({points(one.lower)} to {points(one.upper)})"
    )
    sure = one.lower is not None and one.upper is not None and one.lower * one.upper > 0
    told = f"{points(one.change)}{between}"
    mark = push_bar(one.change, longest, f"{one.title}: {told} points", sure=sure)
    kind = element("span", f" ({one.kind})", class_="soft")
    return (
        answer_words(one.answer),
        Cell(element("span", one.title, kind), one.title),
        f"{percent(one.before)} → {percent(max(one.before + one.change, 0.0))}",
        Cell(element("span", mark, told, class_="pushed"), one.change),
    )


def limits_section(facts: PatientFacts) -> Markup:
    """What must not be concluded."""
    return section(
        "limits",
        "What must not be concluded",
        element("ul", *(element("li", text) for text in _limits(facts)), class_="plain-list"),
    )


def _limits(facts: PatientFacts) -> Iterator[str]:
    yield from LIMITS
    if facts.training_patient:
        yield "This patient was in training: the answers say nothing of how the model does on new patients."
