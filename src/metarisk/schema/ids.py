"""What an id of a sample or a patient may be: text that reads the same in a table, a path and on paper."""

from __future__ import annotations

import re

EMPTY_ID = "are empty"
_SPACE = re.compile(r"\s")
_ABSOLUTE = re.compile(r"[/\\]|~[/\\]|[A-Za-z]:[/\\]")
_BETWEEN = re.compile(r"[/\\]")
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")  # nearly every id; the closer look costs ten times more


def id_fault(value: str) -> str | None:
    """Why a text cannot be an id, in words that follow "ids"; None if it can.

    ``00123``, ``1E5`` and ``NA`` are ids like any other. White space and letters that nobody sees make two
    ids look like one; an absolute path, or one through ``..``, could name a file outside its folder.
    """
    if _PLAIN.fullmatch(value):
        return None
    if not value:
        return EMPTY_ID
    if _SPACE.search(value):
        return "hold white space"
    if not value.isprintable():
        return "hold a letter that cannot be seen"
    return "are paths" if _is_path(value) else None


def _is_path(value: str) -> bool:
    return _ABSOLUTE.match(value) is not None or ".." in _BETWEEN.split(value)
