"""A benchmark's table as text: the command and what it ran on in its first lines."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import version

LIBRARIES = ("numpy", "pandas", "pyarrow", "torch", "torch-geometric", "numba")


def as_table(columns: Sequence[str], rows: Iterable[Iterable[object]], command: str) -> str:
    """Tab-separated table with the command that made it in its first lines."""
    lines = [f"# command: {command}", f"# on: {setting()}", "\t".join(columns)]
    return "\n".join([*lines, *("\t".join(map(shown, row)) for row in rows)]) + "\n"


def shown(value: object) -> str:
    """A cell as text: four significant digits, no exponent; nothing for NaN."""
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return ""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:#.4g}".rstrip(".")


def setting() -> str:
    """What a figure of speed rests on: cores, Python and the libraries that did the work."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {libraries}"
