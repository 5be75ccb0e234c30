"""A finding: one thing that a check saw in an input, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """What the findings of an input mean for its use."""

    CLEAN = "clean"
    WARNINGS = "usable with warnings"
    ERRORS = "not usable"


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
        where = [self.file, *([self.where] if self.where else [])]
        if self.value is not None:
            where.append(f"value {self.value!r}")
        return visible(f"{self.level.value}: {', '.join(where)}: {self.message}. {self.do}")

    @property
    def where(self) -> str:
        """Lines and column in words, ``lines [3, 4, 5, (7 more)], column AGE``; empty for a whole file."""
        lines = collapse(self.lines) if self.lines else ""
        return ", ".join(part for part in (lines, f"column {self.column}" if self.column else "") if part)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def collapse(lines: Sequence[int], shown: int = 3) -> str:
    """Line numbers in words: all of a few, the first of many and how many more there are."""
    if len(lines) == 1:
        return f"line {lines[0]}"
    more = f", ({len(lines) - shown} more)" if len(lines) > shown else ""
    return f"lines [{', '.join(map(str, lines[:shown]))}{more}]"


def errors_of(findings: Iterable[Finding]) -> list[Finding]:
    """Only the findings that stop."""
    return [finding for finding in findings if finding.level is Level.ERROR]


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """What the findings mean together."""
    levels = {finding.level for finding in findings}
    if Level.ERROR in levels:
        return Verdict.ERRORS
    return Verdict.WARNINGS if levels else Verdict.CLEAN


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Errors first, then by file, each finding once; of one file in the order in which they were met."""
    once = dict.fromkeys(findings)
    return tuple(sorted(once, key=lambda finding: (finding.level is Level.WARNING, finding.file)))


def visible(text: str) -> str:
    """Text in which whatever a terminal would obey, or not show, is written as its code."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
