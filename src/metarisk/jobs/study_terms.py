"""Under which terms a study folder came: its licence and what to cite, as the study itself states them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from metarisk.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

NOT_STATED = "not stated: ask the authors"
LICENCE_FILE = re.compile(r"licen[cs]e(\.\w+)?", re.IGNORECASE)
IN_A_SENTENCE = re.compile(r"\blicen[cs]e:\s*(.+)", re.IGNORECASE)
LONGEST = 300  # letters of a licence that are shown; the file itself stays in the folder


class StudyTerms(NamedTuple):
    """What a study says of itself.

    Attributes
    ----------
    identifier
        Its id, empty if it has none.
    licence
        Its terms, or `NOT_STATED`.
    citation
        What to cite, empty if it does not say.
    """

    identifier: str
    licence: str
    citation: str


def study_terms(folder: Path) -> StudyTerms:
    """Read ``meta_study.txt`` and, if there is one, the file ``LICENSE``.

    Raises
    ------
    InputError
        If there is no ``meta_study.txt`` that can be read.
    """
    from metarisk.data.cbioportal.meta import META_STUDY, read_fields
    from metarisk.data.found import Found

    found: Found = []
    fields = read_fields(folder / META_STUDY, found)
    if found:
        raise InputError(f"{META_STUDY} {found[0].message}", do="This is no study of cBioPortal.")
    pmid = fields.get("pmid", "")
    cited = (fields.get("citation", ""), f"PMID {pmid}" if pmid else "")
    return StudyTerms(
        fields.get("cancer_study_identifier", ""),
        _licence_file(folder) or _licence_field(fields) or NOT_STATED,
        ", ".join(filter(None, cited)),
    )


def _licence_file(folder: Path) -> str:
    for path in sorted(folder.iterdir()):
        if path.is_file() and LICENCE_FILE.fullmatch(path.name):
            with path.open("rb") as stream:
                return _short(stream.read(10_000).decode("utf-8", errors="replace"))
    return ""


def _licence_field(fields: Mapping[str, str]) -> str:
    """The key ``license``, or a sentence of the description that begins with that word."""
    told = fields.get("license") or fields.get("licence")
    sentence = IN_A_SENTENCE.search(fields.get("description", ""))
    return _short(told or (sentence.group(1).rstrip(".") if sentence else ""))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."
