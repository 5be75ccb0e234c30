"""Every number of a patient's page as rows of text, for a table beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from metarisk.report.patient.facts import Answer, PatientFacts

COLUMNS = ("section", "item", "horizon_days", "value", "lower", "upper", "unit", "note")
Row = tuple[str, ...]
Numbers = Sequence[float | None]


def patient_rows(facts: PatientFacts) -> Iterator[Row]:
    """Rows of `COLUMNS`; empty text where there is no number."""
    yield from _inputs(facts)
    for answer in facts.answers:
        yield from _answer(answer)
    yield from _curves(facts)
    yield from _reasons(facts)
    for score in facts.scores:
        yield _row("clinical score", score.title, (score.value,), score.unit, score.standing)


def _inputs(facts: PatientFacts) -> Iterator[Row]:
    for assay in facts.assays:
        yield _row("data quality", assay.name, (assay.share,), "share of what is read", assay.unit)
    yield _row("data quality", "distance", (facts.distance_p,), "p-value", ";".join(facts.flags))


def _answer(one: Answer) -> Iterator[Row]:
    numbers = (one.value, one.lower, one.upper)
    yield _row("answer", one.question, numbers, "probability", one.withheld or one.kept, one.horizon_days)
    for name, rate in (("type", one.rate), ("type and third", one.third_rate), ("all", one.everybody)):
        n = "withheld" if rate.n is None else f"n={rate.n}"
        told = (rate.value, rate.lower, rate.upper)
        yield _row("base rate", f"{one.question}, {name}", told, "share", n, one.horizon_days)


def _curves(facts: PatientFacts) -> Iterator[Row]:
    for curve in facts.curves:
        for day, *numbers in zip(curve.days, curve.value, curve.lower, curve.upper, strict=True):
            yield _row("curve", f"{curve.endpoint}.{curve.cause}", numbers, "probability", "", day)


def _reasons(facts: PatientFacts) -> Iterator[Row]:
    for part in facts.parts:
        agree = "" if part.agreement is None else f"agreement={part.agreement:g}"
        note = "; ".join(filter(None, (part.assay, part.measured, agree)))
        yield _row(part.kind, f"{part.answer}: {part.title}", (part.share,), "log odds", note)
    for state in facts.states:
        note = "; ".join(filter(None, (state.call, state.flag)))
        yield _row("state", state.name, (state.score,), "training standard deviations", note)
        if state.percentile is not None:
            place, whom = (state.percentile, state.lower, state.upper), f"of {state.training_type}"
            yield _row("state", state.name, place, "training percentile", f"{whom}, n={state.training_n}")
    for what in facts.what_if:
        numbers = (what.change, what.lower, what.upper)
        yield _row("what if", f"{what.answer}: {what.title}", numbers, "change of probability", what.source)


def _row(part: str, item: str, numbers: Numbers, unit: str, note: str, horizon: float | None = None) -> Row:
    three = (*numbers, None, None)[:3]
    told = ("" if number is None else f"{number:.6g}" for number in (horizon, *three))
    return (part, item, *told, unit, note)
