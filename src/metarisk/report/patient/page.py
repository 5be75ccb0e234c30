"""The page of one patient, its rows as TSV, and the index of several."""

from __future__ import annotations

from collections.abc import Sequence

from metarisk.report.page import Cell, Column, Markup, badge, document, element, fact, join, section, table
from metarisk.report.patient.answer_sections import (
    answer_name,
    organs_section,
    response_section,
    similar_section,
    time_section,
)
from metarisk.report.patient.facts import RESEARCH_ONLY, PatientFacts
from metarisk.report.patient.quality_section import VERDICTS, quality_section, quality_tone
from metarisk.report.patient.why_sections import circuits_section, limits_section, what_if_section
from metarisk.report.patient.words import interval

STYLES = ("push.css", "patient.css")


def patient_page(facts: PatientFacts) -> str:
    """The page as text: self-contained, opens offline, prints."""
    sections = (
        quality_section(facts),
        time_section(facts),
        organs_section(facts),
        response_section(facts),
        circuits_section(facts),
        what_if_section(facts),
        similar_section(facts),
        limits_section(facts),
    )
    return document(f"{facts.sample_id}: patient report", _header(facts), sections, styles=STYLES)


def _header(facts: PatientFacts) -> Markup:
    title = (element("p", "metarisk patient report", class_="eyebrow"), element("h1", facts.sample_id))
    about = (
        fact("Patient", facts.patient_id),
        fact("Sample", facts.sample_id),
        fact("Cancer type", facts.cancer_type or "not stated"),
    )
    return join((_banner(), *title, element("dl", *about, class_="facts who")))


def _banner() -> Markup:
    return element("p", RESEARCH_ONLY, class_="banner", role="note")


def index_page(entries: Sequence[tuple[PatientFacts, str]]) -> str:
    """A page that lists several.

    Parameters
    ----------
    entries
        Facts of each, and the name of its page's file.
    """
    columns = (
        Column("Sample"),
        Column("Patient"),
        Column("Cancer type"),
        Column("Data quality"),
        Column("Likeliest organ"),
        Column("First event"),
        Column("Response"),
    )
    listed = table("One row a sample", columns, (_index_row(*entry) for entry in entries), filterable=True)
    first = entries[0][0]
    model = f"{first.model.name} {first.model.version}"
    lead = f"{len(entries):,} samples of {first.input_name}, answered by {model}."
    header = join(
        (
            _banner(),
            element("p", "metarisk patient reports", class_="eyebrow"),
            element("h1", "Patient reports"),
        )
    )
    return document(
        "Patient reports",
        header,
        [
            section(
                "patients",
                "Patients",
                element("p", lead, class_="lead"),
                element("div", listed, class_="dense"),
            )
        ],
        styles=STYLES,
    )


def _index_row(facts: PatientFacts, file: str) -> tuple[Cell | str, ...]:
    tone = quality_tone(facts)
    organs = [a for a in facts.of_task("site") if a.value is not None]
    organ = max(organs, key=lambda a: a.value or 0.0, default=None)
    dated = [
        a
        for a in facts.answered
        if a.horizon_days and a.task in {"metastasis", "pfs", "os"} and a.target != "death"
    ]
    response = next((a for a in facts.of_task("response") if a.value is not None), None)
    link = element("a", facts.sample_id, href=file)
    last = dated[-1] if dated else None
    told = [
        Cell("withheld", -1.0)
        if a is None
        else Cell(
            f"{answer_name(a)}: {interval(a.value, a.lower, a.upper)}"
            if a is not response
            else interval(a.value, a.lower, a.upper),
            a.value,
        )
        for a in (organ, last, response)
    ]
    return (
        Cell(link, facts.sample_id),
        facts.patient_id,
        facts.cancer_type or "not stated",
        Cell(badge(VERDICTS[tone][0], tone), tone),
        *told,
    )
