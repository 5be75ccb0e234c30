"""Endpoints of a study: yes / no / unknown, and dated ones with their competing event."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.config.study_endpoints import AgesAtEvents, EndpointColumns, FirstEvent, YesNo
from metarisk.data.found import Found
from metarisk.data.outcomes.answers import read_answer
from metarisk.data.outcomes.consistency import settle
from metarisk.data.outcomes.first_event import Timed, first_by_age, first_event
from metarisk.data.outcomes.follow_up import read_follow_up, usual_follow_up
from metarisk.data.outcomes.site_text import read_site_text
from metarisk.data.source import ClinicalSource
from metarisk.schema.endpoints import event_column, time_column
from metarisk.schema.sites import site_of

FloatArray = NDArray[np.float64]
Columns = dict[str, FloatArray]

# Columns of organs in studies made as MSK-MET was.
ORGAN_PREFIX = "DMETS_DX_"


def read_endpoints(source: ClinicalSource, columns: EndpointColumns, found: Found) -> pd.DataFrame:
    """Table of endpoints, index ``sample_id``; NaN is unknown.

    Parameters
    ----------
    source
        Clinical columns as text.
    columns
        Where each endpoint stands.
    found
        Receives missing columns, undeclared events, impossible times, events after death, endpoints that
        contradict each other.
    """
    told: Found = []
    read = _answers(source, columns, told)
    read |= _first_events(source, columns, read, told)
    for name, follow_up in (("os", columns.os), ("pfs", columns.pfs)):
        if follow_up is not None:
            read |= _timed(name, Timed(*read_follow_up(source, follow_up, told)))
    settle(source, read, _told_by(columns), told)
    frame = pd.DataFrame(read, index=pd.Index(source.sample_ids, name="sample_id", dtype=object))
    frame.loc[~source.within(columns.rows, told)] = np.nan
    # Organs share columns of last contact: what is wrong with them is told once.
    found.extend(dict.fromkeys(told))
    return frame


def usual_endpoints(source: ClinicalSource, found: Found) -> EndpointColumns:
    """The portal's own survival columns where a study has them, and organs in columns named as MSK-MET's."""
    return EndpointColumns(
        sites=_usual_sites(source),
        os=usual_follow_up(source, "OS", found),
        pfs=usual_follow_up(source, "PFS", found),
    )


def _usual_sites(source: ClinicalSource) -> dict[str, YesNo]:
    sites = {}
    for column in map(str, source.frame.columns):
        site = site_of(column) if column.startswith(ORGAN_PREFIX) else None
        if site is not None and {"Yes", "No"} & set(source.frame[column]):
            sites[site] = YesNo(column=column, yes=("Yes",), no=("No",))
    return sites


def _answers(source: ClinicalSource, columns: EndpointColumns, found: Found) -> Columns:
    said = {f"site.{site}": column for site, column in columns.sites.items()}
    others = {"metastatic": columns.metastatic, "response": columns.response}
    said |= {name: column for name, column in others.items() if column is not None}
    read = {name: read_answer(source, column, found) for name, column in said.items()}
    if columns.site_text is not None:
        told = read_site_text(source, columns.site_text, found)
        read |= {f"site.{site}": values for site, values in told.items()}
    return read


def _first_events(source: ClinicalSource, columns: EndpointColumns, read: Columns, found: Found) -> Columns:
    timed: Columns = {}
    if isinstance(columns.metastasis, AgesAtEvents):
        ages = first_by_age(source, columns.metastasis, read.get("metastatic"), found)
        timed |= _timed("metastasis", ages)
    for name, said in _dated_from_baseline(columns).items():
        timed |= _timed(name, first_event(source, said, found))
    return timed


def _dated_from_baseline(columns: EndpointColumns) -> dict[str, FirstEvent]:
    dated = {f"site.{site}": said for site, said in columns.site_times.items()}
    if isinstance(columns.metastasis, FirstEvent):
        dated["metastasis"] = columns.metastasis
    return dated


def _told_by(columns: EndpointColumns) -> dict[str, str]:
    """Endpoints that can contradict others, and the source column of their time or answer."""
    told = {name: said.time for name, said in _dated_from_baseline(columns).items()}
    if columns.pfs is not None:
        told["pfs"] = columns.pfs.time
    if columns.metastatic is not None:
        told["metastatic"] = columns.metastatic.column
    return told


def _timed(name: str, timed: Timed) -> Columns:
    return {time_column(name): timed.time, event_column(name): timed.event}
