"""What a check of an input came to: its findings, its verdict, and what was read; also as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from metarisk.data.cohort import Provenance
from metarisk.data.study import StudyReading
from metarisk.data.summary import Summary, summarise
from metarisk.schema.findings import Finding, Verdict, errors_of, ordered, verdict_of

FORMAT = "metarisk validation"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Validation:
    """What a check of an input came to.

    Attributes
    ----------
    source
        Name of what was checked.
    provenance
        What it calls itself; without a hash where it could not be read whole.
    findings
        Errors first, then by file.
    summary
        What was read; of an input with errors what could still be counted, None where nothing could.
    """

    source: str
    provenance: Provenance
    findings: tuple[Finding, ...]
    summary: Summary | None

    @staticmethod
    def of(source: str, reading: StudyReading) -> Validation:
        """Of an input as it was read."""
        read = reading.cohort or reading.parts
        return Validation(
            source,
            reading.provenance,
            ordered(reading.findings),
            None if read is None else summarise(read),
        )

    @property
    def verdict(self) -> Verdict:
        """What the findings mean together."""
        return verdict_of(self.findings)

    @property
    def errors(self) -> int:
        """Findings that stop."""
        return len(errors_of(self.findings))

    @property
    def warnings(self) -> int:
        """Findings that are told."""
        return len(self.findings) - self.errors

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; keys are only ever added within a format version."""
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "study": self.source,
            "provenance": asdict(self.provenance),
            "verdict": self.verdict.value,
            "errors": self.errors,
            "warnings": self.warnings,
            "summary": None if self.summary is None else asdict(self.summary),
            "findings": [finding.as_dict() for finding in self.findings],
        }
