"""States of known circuits, each with where this patient lies among the training patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from metarisk.explain.states import ALL_TYPES, NEVER_READ, NO_EXPRESSION, TOO_FEW
from metarisk.models.state_reference import FEW, FEWEST, NOT_KEPT, REDEFINED
from metarisk.report.page import Markup, element
from metarisk.report.page.place_strip import place_strip
from metarisk.report.patient.facts import PatientFacts, StateFact
from metarisk.report.patient.words import capital, percent, plain, signed

WHY: Mapping[str, str] = {
    NEVER_READ: "the model reads no expression: its training cohort had none, or it was set not to read it",
    NO_EXPRESSION: "expression was not measured",
    TOO_FEW: "too few of its genes were measured",
    FEW: f"under {FEWEST} training patients had this measured",
    NOT_KEPT: "the model was trained before such were kept; train it again to have them",
    REDEFINED: "the state was read from other genes when the model was trained; train it again",
}
LEAD = (
    "From expression: means of genes that the circuit raises, in training standard deviations (SD); 0 is the "
    "training mean. No measurement of the state itself."
)
STRIPS = (
    "Strips: from the lowest to the highest training patient, with marks at every quarter; no patient's "
    "value is kept, so the point is exact to within the shaded part."
)


def states_part(facts: PatientFacts) -> Markup:
    """All states, or one sentence where no state of the sample can be told."""
    known = [state for state in facts.states if state.score is not None]
    flags = {state.flag for state in facts.states}
    if not known and len(flags) == 1:
        why = f"States of known circuits (EMT, hypoxia, immune): not told, {WHY[flags.pop()]}."
        return element("p", why, class_="note")
    unplaced = {state.flag for state in known}
    everywhere = unplaced.pop() if len(unplaced) == 1 else ""
    lead = (
        f"{LEAD} No percentiles: {WHY[everywhere]}."
        if everywhere
        else f"{LEAD} {STRIPS}{_alike(known, facts)}"
    )
    listed = element("ul", *(_state(state, everywhere) for state in facts.states), class_="states")
    beside = "" if everywhere else ", beside training patients"
    title = element("h3", f"States of known circuits{beside}: {_call(known)}")
    return element("div", title, element("p", lead, class_="note"), listed)


def _alike(known: Sequence[StateFact], facts: PatientFacts) -> str:
    """A sentence on comparisons with patients of all types; empty text where there are none."""
    if not any(state.training_type == ALL_TYPES for state in known):
        return ""
    why = f"too few were {facts.read_as}" if facts.read_as else "this patient's type is unknown or not read"
    return f" Compared with training patients of all types where {why}."


def _state(state: StateFact, told_above: str) -> Markup:
    name = element("span", capital(plain(state.name)) + (f": {state.call}" if state.call else ""))
    score = element("b", "not told" if state.score is None else signed(state.score))
    place = () if told_above and state.flag == told_above else _place(state)
    genes = f"{state.title}; {state.genes_measured} of {state.genes} genes measured"
    return element("li", name, score, *place, element("span", genes, class_="where genes"))


def _place(state: StateFact) -> tuple[Markup, ...]:
    """Strip and words, or why there are none."""
    if state.percentile is None or state.lower is None or state.upper is None:
        lead = "Blank" if state.score is None else "No percentile"
        return (element("span", f"{lead}: {WHY[state.flag]}.", class_="where blank"),)
    words = place_words(state.percentile, state.lower, state.upper)
    of_type = "" if state.training_type == ALL_TYPES else f" {state.training_type}"
    whom = f"{words} {state.training_n:,}{of_type}"
    rest = " training patients"
    strip = place_strip(state.percentile, state.lower, state.upper, f"{plain(state.name)}: {whom}{rest}")
    # On paper the heading says whose they are.
    return strip, element("span", capital(whom), element("span", rest, class_="rest"), class_="where place")


def place_words(percentile: float, lower: float, upper: float) -> str:
    """A percentile before the number of patients: ``higher than 83 % of``; an end cell is told as a whole."""
    if lower <= 0.0 and upper >= 100.0:
        return "not told from any of"
    if lower <= 0.0:
        return f"in the lowest {percent(upper / 100.0)} of"
    return (
        f"in the highest {percent(1.0 - lower / 100.0)} of"
        if upper >= 100.0
        else f"higher than {percent(percentile / 100.0)} of"
    )


def _call(known: Sequence[StateFact]) -> str:
    strongest = sorted((s for s in known if not s.call), key=lambda s: -abs(s.score or 0.0))[:3]
    told = [f"{plain(s.name)} {signed(s.score or 0.0)}" for s in strongest]
    emt = [f"EMT {s.call}" for s in known if s.call]
    return ", ".join([*emt, *told]) or "none can be told"
