"""A finding: one thing that a check saw in an input, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How bad a finding is: an error stops, a warning is told."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """One thing that a check saw.

    Attributes
    ----------
    level
        Error or warning.
    file
        Name of the file relative to the study, or what was checked.
    message
        What was found, without a full stop.
    do
        What to do, as a sentence.
    lines
        Line numbers in the file, 1 is the first; empty where a line has no meaning.
    column
        Column of a table, if the finding is about one.
    value
        The value met: identifiers only, never a patient's measurement.
    """

    level: Level
    file: str
    message: str
    do: str
    lines: tuple[int, ...] = ()
    column: str | None = None
    value: str | None = None

    def __str__(self) -> str:
        """One line: level, file, lines, column, value, message, advice."""
        where = [self.file]
        if self.lines:
            where.append(_collapse(self.lines))
        if self.column:
            where.append(f"column {self.column}")
        if self.value is not None:
            where.append(f"value {self.value!r}")
        return f"{self.level.value}: {', '.join(where)}: {self.message}. {self.do}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def _collapse(lines: tuple[int, ...], shown: int = 3) -> str:
    if len(lines) == 1:
        return f"line {lines[0]}"
    more = f", ({len(lines) - shown} more)" if len(lines) > shown else ""
    return f"lines [{', '.join(map(str, lines[:shown]))}{more}]"


def errors_of(findings: Iterable[Finding]) -> list[Finding]:
    """Only the findings that stop."""
    return [finding for finding in findings if finding.level is Level.ERROR]
