"""Findings, and what was read, on a terminal; the exit code that they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from metarisk.data.summary import AssayCounts, DatedCounts, EndpointCounts
    from metarisk.report.validation import Validation

CLEAN, ERRORS, WARNINGS = 0, 1, 3


def exit_code(validation: Validation) -> int:
    """0 clean, 3 warnings only, 1 errors."""
    if validation.errors:
        return ERRORS
    return WARNINGS if validation.findings else CLEAN


def show_validation(validation: Validation) -> None:
    """Print one line a finding, errors first, then what was read and the verdict."""
    from metarisk.cli.show import show_facts, show_table

    for finding in validation.findings:
        typer.echo(str(finding))
    told, provenance, summary = validation, validation.provenance, validation.summary
    if summary is not None:
        header = ("assay", "samples x genes", "measured", "unit", "panels")
        show_table(header, map(_assay_cells, summary.assays))
        show_table(("endpoint", "known", "seen"), map(_endpoint_cells, summary.endpoints))
    show_facts(
        {
            "study": f"{provenance.name} ({provenance.licence})",
            "build": provenance.build,
            "source": provenance.sha256 and f"sha256 {provenance.sha256}",
            "samples": summary and f"{summary.samples} of {summary.patients} patients",
            "dated": summary and "; ".join(map(_dated, summary.dated)),
            "findings": f"{told.errors} errors, {told.warnings} warnings: {told.verdict.value}",
        }
    )


def _dated(dated: DatedCounts) -> str:
    return f"{dated.name} {dated.values} values of {dated.patients} patients"


def _assay_cells(assay: AssayCounts) -> tuple[str, ...]:
    size = f"{assay.samples} x {assay.genes}"
    told = (_counted(counts, assay.samples) for counts in (assay.units, assay.panels))
    return assay.assay, size, f"{assay.measured:.1%}", *told


def _endpoint_cells(endpoint: EndpointCounts) -> tuple[str, ...]:
    name = f"{endpoint.name}, dated" if endpoint.dated else endpoint.name
    seen = (f"{count} {event}" for event, count in endpoint.events.items())
    return name, str(endpoint.known), ", ".join(seen)


def _counted(counts: Mapping[str, int], samples: int, shown: int = 6) -> str:
    """The commonest names with how many samples each has; the name alone where it has all of them."""
    if list(counts.values()) == [samples]:
        return next(iter(counts))
    ranked = sorted(counts.items(), key=lambda pair: -pair[1])
    more = f", {len(ranked) - shown} more" if len(ranked) > shown else ""
    return ", ".join(f"{name} {count}" for name, count in ranked[:shown]) + more
