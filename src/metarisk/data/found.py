"""What a reader found: every check adds to one list, so that all problems are told at once."""

from __future__ import annotations

from metarisk.errors import InputError
from metarisk.schema.findings import Finding, Level

Found = list[Finding]


def error(
    file: str,
    message: str,
    do: str,
    *,
    lines: tuple[int, ...] = (),
    column: str | None = None,
    value: str | None = None,
) -> Finding:
    """A finding that stops."""
    return Finding(Level.ERROR, file, message, do, lines, column, value)


def warning(
    file: str,
    message: str,
    do: str,
    *,
    lines: tuple[int, ...] = (),
    column: str | None = None,
    value: str | None = None,
) -> Finding:
    """A finding that is told."""
    return Finding(Level.WARNING, file, message, do, lines, column, value)


def from_exception(file: str, caught: InputError) -> Finding:
    """The same sentence as a finding."""
    middle = f"; expected {caught.expected}" if caught.expected else ""
    return error(file, f"{caught.found}{middle}", caught.do)
