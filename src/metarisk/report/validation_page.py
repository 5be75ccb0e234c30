"""A check of an input as one page for whoever keeps the data: the verdict, what was read, what to mend."""

from __future__ import annotations

from collections.abc import Iterator

from metarisk.data.summary import AssayCounts, ColumnCounts, EndpointCounts, Summary
from metarisk.report.page import (
    Cell,
    Column,
    Markup,
    badge,
    document,
    element,
    fact,
    join,
    section,
    share_bar,
    stacked_bar,
    table,
    tile,
)
from metarisk.report.page.badge import Tone
from metarisk.report.validation import Validation
from metarisk.schema.findings import Finding, Level, Verdict

TONES: dict[Verdict, Tone] = {Verdict.CLEAN: "good", Verdict.WARNINGS: "caution", Verdict.ERRORS: "bad"}
MEANING = {
    Verdict.CLEAN: "As far as metarisk can see, nothing is wrong: it can be stored, trained on and scored.",
    Verdict.WARNINGS: "It can be stored, trained on and scored. Each warning says what was left out, or "
    "taken for what: read them once, and mend what surprises you.",
    Verdict.ERRORS: "It is refused until its errors are mended; each says what to do. The counts show what "
    "could still be read, and are no basis for anything else.",
}
# More rows than anybody reads; the page stays small whatever was found, and the JSON has all of them.
FINDINGS_SHOWN = 250
LONGEST_TEXT, LONGEST_NAME = 480, 120


def validation_page(validation: Validation) -> str:
    """The page as text: self-contained, no patient's value in it but ids that a finding cites."""
    findings, read = _findings(validation), _read(validation.summary)
    sections = (findings, read) if validation.errors else (read, findings)
    name = validation.provenance.name
    return document(f"{name}: {validation.verdict.value}", _header(validation), sections)


def _header(validation: Validation) -> Markup:
    provenance, verdict = validation.provenance, validation.verdict
    box = element(
        "div",
        badge(verdict.value.capitalize(), TONES[verdict]),
        element("p", MEANING[verdict]),
        element("div", *_tiles(validation), class_="tiles"),
        class_=f"verdict {TONES[verdict]}",
    )
    facts = [
        fact("Checked", validation.source),
        fact("Licence", provenance.licence),
        fact("Genome build", provenance.build or "not stated"),
        fact("SHA-256 of the source", element("code", provenance.sha256 or "none: it was not read whole")),
    ]
    title = (element("p", "metarisk data check", class_="eyebrow"), element("h1", provenance.name))
    return join((*title, box, element("dl", *facts, class_="facts")))


def _tiles(validation: Validation) -> Iterator[Markup]:
    summary = validation.summary
    yield tile(validation.errors, "errors", "#findings" if validation.errors else None)
    yield tile(validation.warnings, "warnings", "#findings" if validation.warnings else None)
    if summary is not None:
        yield tile(summary.samples, "samples", "#read")
        yield tile(summary.patients, "patients", "#read")
        yield tile(len(summary.assays), "assays", "#read" if summary.assays else None)
        yield tile(len(summary.endpoints), "endpoints", "#read" if summary.endpoints else None)


def _findings(validation: Validation) -> Markup:
    found = validation.findings
    if not found:
        return section("findings", "Findings", element("p", "None."))
    columns = (Column("Level"), Column("File"), Column("What was found"), Column("What to do"))
    listed = table(
        f"{validation.errors:,} errors, {validation.warnings:,} warnings, by file",
        columns,
        map(_finding_cells, found[:FINDINGS_SHOWN]),
        filterable=True,
    )
    hidden = len(found) - FINDINGS_SHOWN
    more = f"{hidden:,} more are not shown here; `metarisk validate --json FILE` lists all of them."
    return section("findings", "Findings", listed, *([element("p", more)] if hidden > 0 else []))


def _finding_cells(finding: Finding) -> tuple[Cell, ...]:
    tone: Tone = "bad" if finding.level is Level.ERROR else "caution"
    where = (element("span", _short(finding.where, LONGEST_NAME), class_="where"),) if finding.where else ()
    value = () if finding.value is None else (" ", element("code", _short(finding.value, LONGEST_NAME)))
    return (
        Cell(badge(finding.level.value, tone)),
        Cell(element("div", _short(finding.file, LONGEST_NAME), *where, class_="file")),
        Cell(element("div", _sentence(finding.message), *value, class_="text")),
        Cell(element("div", _short(finding.do), class_="do")),
    )


def _sentence(message: str) -> str:
    return _short(message[:1].upper() + message[1:])


def _short(text: str, longest: int = LONGEST_TEXT) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"


def _read(summary: Summary | None) -> Markup:
    if summary is None:
        return section("read", "What was read", element("p", "Nothing: see the findings."))
    whole = f"{summary.samples:,} samples of {summary.patients:,} patients."
    parts = (_assays(summary), _endpoints(summary), _clinical(summary), _dated(summary))
    return section("read", "What was read", element("p", whole, class_="lead"), *parts)


def _assays(summary: Summary) -> Markup:
    columns = (
        Column("Assay"),
        Column("Samples", True),
        Column("Genes or features", True),
        Column("Measured, where there"),
        Column("Units"),
        Column("Panels"),
    )
    rows = [_assay_cells(assay, summary.samples) for assay in summary.assays]
    return table("Assays: what was measured, in how many samples", columns, rows) if rows else Markup()


def _assay_cells(assay: AssayCounts, samples: int) -> tuple[Cell, ...]:
    share = f"{assay.measured:.1%}"
    return (
        Cell(_words(assay.assay)),
        Cell(_of(assay.samples, samples), assay.samples),
        Cell(f"{assay.genes:,}", assay.genes),
        Cell(join((share, share_bar(assay.measured, f"{share} measured"))), assay.measured),
        Cell(stacked_bar(assay.units, samples)),
        Cell(stacked_bar(assay.panels, samples) if assay.panels else "none declared"),
    )


def _endpoints(summary: Summary) -> Markup:
    columns = (Column("Endpoint"), Column("Known for", True), Column("Share known"), Column("Seen"))
    rows = [_endpoint_cells(endpoint, summary.samples) for endpoint in summary.endpoints]
    return table("Endpoints: for how many samples each is known", columns, rows) if rows else Markup()


def _endpoint_cells(endpoint: EndpointCounts, samples: int) -> tuple[Cell, ...]:
    name = f"{_words(endpoint.name)}, dated" if endpoint.dated else _words(endpoint.name)
    seen = ", ".join(f"{count:,} {_words(event)}" for event, count in endpoint.events.items())
    known = _known_cells(endpoint.known, samples)
    return (Cell(name), *known, Cell(seen, next(iter(endpoint.events.values()))))


def _clinical(summary: Summary) -> Markup:
    columns = (Column("Column"), Column("Known for", True), Column("Missing", True), Column("Share known"))
    rows = [_clinical_cells(column, summary.samples) for column in summary.clinical]
    return table("Clinical columns: what is known and what is missing", columns, rows) if rows else Markup()


def _clinical_cells(column: ColumnCounts, samples: int) -> tuple[Cell, ...]:
    known, share = _known_cells(column.known, samples)
    missing = 1.0 - column.known / samples
    return Cell(element("code", column.name)), known, Cell(f"{missing:.1%}", missing), share


def _dated(summary: Summary) -> Markup:
    columns = (Column("Dated value"), Column("Patients", True), Column("Values", True))
    rows = [
        (Cell(element("code", part.name)), f"{part.patients:,}", f"{part.values:,}") for part in summary.dated
    ]
    return table("Values of a patient at several times", columns, rows) if rows else Markup()


def _known_cells(known: int, samples: int) -> tuple[Cell, Cell]:
    share = known / samples if samples else 0.0
    return Cell(f"{known:,}", known), Cell(share_bar(share, f"known for {share:.1%}"), share)


def _of(part: int, whole: int) -> str:
    return f"{part:,}" if part == whole else f"{part:,} of {whole:,}"


def _words(name: str) -> str:
    return name.replace("site.", "site: ").replace("_", " ")
