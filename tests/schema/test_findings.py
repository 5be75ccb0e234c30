"""Findings: their sentence, their order, and what they mean together."""

from __future__ import annotations

import pytest

from metarisk.schema.findings import Finding, Level, Verdict, collapse, ordered, verdict_of, visible

ERROR = Finding(Level.ERROR, "b.txt", "the id stands twice", "Rename one.", (3, 9), "ID", "S1")
LATE = Finding(Level.WARNING, "b.txt", "is odd", "Look.")
EARLY = Finding(Level.WARNING, "a.txt", "is odd", "Look.")


def test_a_finding_is_one_sentence() -> None:
    told = "error: b.txt, lines [3, 9], column ID, value 'S1': the id stands twice. Rename one."
    assert str(ERROR) == told
    assert str(EARLY) == "warning: a.txt: is odd. Look."


@pytest.mark.parametrize(
    ("lines", "told"),
    [((7,), "line 7"), ((3, 4, 5), "lines [3, 4, 5]"), (tuple(range(3, 13)), "lines [3, 4, 5, (7 more)]")],
)
def test_lines_are_collapsed(lines: tuple[int, ...], told: str) -> None:
    assert collapse(lines) == told


def test_errors_come_first_then_files_and_nothing_twice() -> None:
    assert ordered([LATE, EARLY, ERROR, LATE]) == (ERROR, EARLY, LATE)


def test_findings_of_one_file_keep_their_order() -> None:
    found = [Finding(Level.WARNING, "a.txt", message, "Look.") for message in ("z", "m", "a")]
    assert ordered(found) == tuple(found)


def test_the_worst_finding_is_the_verdict() -> None:
    assert verdict_of([]) is Verdict.CLEAN
    assert verdict_of([EARLY]) is Verdict.WARNINGS
    assert verdict_of([EARLY, ERROR]) is Verdict.ERRORS


@pytest.mark.parametrize(
    ("text", "shown"),
    [("é µ 5'UTR", "é µ 5'UTR"), ("\x1b[2J", "\\x1b[2J"), ("a\nb", "a\\nb"), ("a\u202eb", "a\\u202eb")],
)
def test_what_a_terminal_would_obey_is_written_as_its_code(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert shown in str(Finding(Level.ERROR, text, "m", "d"))
