"""Organs of metastasis that a study tells in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from metarisk.config.study_endpoints import SiteText
from metarisk.data.disclosure import words_of_many
from metarisk.data.found import Found, warning
from metarisk.data.source import ClinicalSource
from metarisk.schema.sites import SitesRead, sites_in, united

FloatArray = NDArray[np.float64]
Accepted = Mapping[str, frozenset[str]]

NOTHING = SitesRead(frozenset(), False, ())
# A cell that leaves the place to another column.
ELSEWHERE = frozenset({"other, specify", "other", "other specify"})


def read_site_text(source: ClinicalSource, said: SiteText, found: Found) -> dict[str, FloatArray]:
    """Organ -> 1 yes, 0 no, NaN unknown, shape (N,)."""
    needed = (*said.columns, *said.where)
    if not source.has_all(needed, found):
        return {site: np.full(len(source.frame), np.nan) for site in said.sites}
    readings = _readings(source, said)
    _tell_unknown_words(source, said, readings, found)
    free = source.within(said.none, found) if said.none else np.zeros(len(readings), dtype=bool)
    return {site: _answers(site, readings, free) for site in said.sites}


def _readings(source: ClinicalSource, said: SiteText) -> list[SitesRead]:
    """What each row's cells say about distant metastases, length N."""
    accepted = {column: frozenset(values) for column, values in said.where.items()}
    columns = [source.frame[column].tolist() for column in (*said.columns, *accepted)]
    rows = zip(*columns, strict=True)
    return [_reading(cells, accepted, len(said.columns), said.separator) for cells in rows]


def _reading(cells: Sequence[str], accepted: Accepted, texts: int, separator: str) -> SitesRead:
    """Places of one row: ``cells`` are its texts, then the cells that say which of them count."""
    kinds = list(zip(cells[texts:], accepted.values(), strict=True))
    parts = [_accepted_parts(text.split(separator), kinds, separator) for text in cells[:texts]]
    told = [part for part in chain.from_iterable(parts) if part.strip()]
    named = [sites_in(part) for part in told if part.strip().lower() not in ELSEWHERE]
    whole = united(named)
    left_open = len(named) < len(told) and not _tells_elsewhere(parts)
    return whole._replace(vague=whole.vague or left_open)


def _accepted_parts(
    parts: list[str], kinds: Sequence[tuple[str, frozenset[str]]], separator: str
) -> list[str]:
    """Parts of a text that are about a distant metastasis."""
    for cell, values in kinds:
        events = cell.split(separator)
        if cell in values or all(event.strip() in values for event in events):
            continue
        if len(events) != len(parts):
            return []
        parts = [part if event.strip() in values else "" for part, event in zip(parts, events, strict=True)]
    return parts


def _tells_elsewhere(parts: Sequence[list[str]]) -> bool:
    """True where a column without an open cell names places: it is the one that was to be specified."""
    closed = [column for column in parts if not any(part.strip().lower() in ELSEWHERE for part in column)]
    return any(sites_in(part).sites for column in closed for part in column)


def _answers(site: str, readings: Sequence[SitesRead], free: NDArray[np.bool_]) -> FloatArray:
    named = np.array([site in reading.sites for reading in readings], dtype=bool)
    complete = np.array([reading.complete for reading in readings], dtype=bool)
    silent = np.array([reading == NOTHING for reading in readings], dtype=bool)
    return np.where(named, 1.0, np.where(complete | (free & silent), 0.0, np.nan))


def _tell_unknown_words(
    source: ClinicalSource, said: SiteText, readings: Sequence[SitesRead], found: Found
) -> None:
    samples_of = Counter(word for reading in readings for word in set(reading.unknown))
    if not samples_of:
        return
    rows = sum(bool(reading.unknown) for reading in readings)
    message = f"{rows} samples have words that name no site metarisk knows{words_of_many(samples_of)}"
    do = "The organs that they do not name stay unknown; write these words plainly to use them."
    column = said.columns[0]
    found.append(warning(source.origin[column], message, do, column=column))
