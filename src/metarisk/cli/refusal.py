"""What the command line says when it cannot go on: the sentence, in plain text, on stderr."""

from __future__ import annotations

import sys
from typing import TextIO

from metarisk.errors import InvalidStudyError, MetariskError
from metarisk.schema.findings import visible

REFUSED = 2


def tell_refusal(refused: MetariskError) -> None:
    """Write the sentence; before it, every finding of a study that has several.

    What a terminal would obey, in an id or a name of the input, is written as its code.
    """
    if isinstance(refused, InvalidStudyError) and len(refused.findings) > 1:
        for finding in refused.findings:
            print(finding, file=sys.stderr)
    print(visible(str(refused)), file=sys.stderr)


def warning_line(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """One plain line a warning, in place of Python's two; the arguments are `warnings.showwarning`'s."""
    print(visible(f"warning: {' '.join(str(message).split())}"), file=file or sys.stderr)
