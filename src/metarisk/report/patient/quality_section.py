"""The first box of a patient's page: what was measured, how far it may be trusted, and by which model."""

from __future__ import annotations

from collections.abc import Iterator

from metarisk.models.reference import FAR
from metarisk.report.page import Cell, Column, Markup, badge, element, fact, join, section, share_bar, table
from metarisk.report.page.badge import Tone
from metarisk.report.patient.facts import AssayFact, ClinicalFact, PatientFacts
from metarisk.report.patient.words import capital, column_words, flag_words, percent, plain, withheld_words

GRAVE = ("far", "unit", "training-patient", "outside")
VERDICTS: dict[Tone, tuple[str, str]] = {
    "good": (
        "Nothing stands out",
        "Every assay was measured, to the share below, and the sample is like the training patients.",
    ),
    "caution": (
        "Read with care",
        "Part of what the model reads is missing or unusual; each point is named below.",
    ),
    "bad": (
        "Do not rely on it",
        "Something puts these answers in doubt; read what it is before anything else.",
    ),
}

NO_ANSWER = (
    "No answer is given",
    "The model has no right to answer for this sample; the reason stands below.",
)


def quality_section(facts: PatientFacts) -> Markup:
    """What was measured, flags in words, distance from training, model and hashes."""
    tone = quality_tone(facts)
    name, meaning = VERDICTS[tone] if facts.answered else NO_ANSWER
    flags = element("ul", *(element("li", text) for text in quality_lines(facts)), class_="plain-list")
    box = element(
        "div",
        badge(name, tone),
        element("p", meaning),
        flags,
        element("div", _assays(facts), _clinical(facts), class_="pair"),
        element("dl", *_provenance(facts), class_="facts small"),
        class_=f"verdict {tone}",
    )
    return section("quality", "Data quality", box)


def quality_tone(facts: PatientFacts) -> Tone:
    """How much stands in the way of the answers."""
    kinds = {flag.partition(":")[0] for flag in facts.flags}
    if not facts.answered or kinds.intersection(GRAVE):
        return "bad"
    return "caution" if facts.flags else "good"


def quality_lines(facts: PatientFacts) -> Iterator[str]:
    """Everything to know before the answers, a sentence each."""
    yield distance_words(facts.distance_p)
    if not facts.training_patient:
        yield "The model was not trained on this patient."
    yield from (flag_words(flag) for flag in facts.flags)
    withheld = dict.fromkeys(answer.withheld for answer in facts.answers if answer.withheld)
    for reason in withheld:
        whom = [a.question for a in facts.answers if a.withheld == reason]
        what = "All answers are" if len(whom) == len(facts.answers) else f"{', '.join(whom)}:"
        yield f"{what} withheld: {withheld_words(reason)}."
    yield from facts.notes


def distance_words(p: float | None) -> str:
    """The distance p-value as a sentence."""
    if p is None:
        return "How unlike the training patients this sample is cannot be told: nothing could be compared."
    share = "under 1 %" if p < 0.01 else f"{100 * p:.0f} %"
    grave = "; that is far from them" if p < FAR else ""
    return (
        f"{share} of training patients are as unlike the others as this sample, or more (p = {p:.2g}){grave}."
    )


def _assays(facts: PatientFacts) -> Markup:
    columns = (Column("Assay"), Column("Measured"), Column("Unit"))
    return table("Share of what the model reads", columns, map(_assay_row, facts.assays))


def _assay_row(assay: AssayFact) -> tuple[Cell | str, ...]:
    if not assay.measured:
        return capital(plain(assay.name)), Cell(badge("not measured", "caution"), 0.0), assay.unit or "-"
    told = f"{percent(assay.share)}, {assay.measured:,} of {assay.reads:,}"
    panel = f", panel {assay.panel}" if assay.panel else ""
    share = join((told, share_bar(assay.share, told)))
    return capital(plain(assay.name)), Cell(share, assay.share), f"{assay.unit.replace('_', ' ')}{panel}"


def _clinical(facts: PatientFacts) -> Markup:
    columns = (Column("Clinical value"), Column("This patient"))
    rows = ((capital(column_words(one.name)), _value(one)) for one in facts.clinical)
    return table("Clinical values that the model reads", columns, rows)


def _value(one: ClinicalFact) -> str:
    unit = "" if one.unit.startswith("fraction") else one.unit
    return f"{one.value} {unit}".strip() if one.value else "not known"


def _provenance(facts: PatientFacts) -> Iterator[Markup]:
    model = facts.model
    trained = f", trained on {model.training_patients:,} patients of {model.study}" if model.study else ""
    yield fact("Model", f"{model.name}, version {model.version}{trained}; metarisk {model.metarisk}")
    yield fact("Input", facts.input_name)
    for name, value in (
        ("SHA-256 of the bundle", model.bundle_sha256),
        ("SHA-256 of the topology", model.topology_sha256),
        ("SHA-256 of what was read", facts.input_sha256),
    ):
        yield fact(name, element("code", value))
