"""What a cohort holds, in numbers: samples, assays, endpoints, clinical columns, dated values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.cohort import AssayTable, Cohort
from metarisk.data.setting import Parts
from metarisk.data.store import StoredAssay, StoredCohort
from metarisk.schema.endpoints import BINARY, SITE_TIMED, TIMED, event_column

# Of a stored cohort: enough to make a part worth its overhead, few enough for whole genomes in four channels.
SAMPLES_AT_A_TIME = 500


@dataclass(frozen=True)
class AssayCounts:
    """What an assay measured.

    Attributes
    ----------
    assay
        Kind of measurement.
    samples
        Samples that have it.
    genes
        Columns of its table: genes, pathways or features.
    measured
        Share of the genes that such a sample has a value for, 0 .. 1, mean over these samples.
    units, panels
        Samples by declared unit, and by gene panel where one is declared.
    """

    assay: str
    samples: int
    genes: int
    measured: float
    units: Mapping[str, int]
    panels: Mapping[str, int]


@dataclass(frozen=True)
class EndpointCounts:
    """For how many samples an endpoint is known, and how often each event was seen.

    Attributes
    ----------
    name
        Endpoint as in `metarisk.schema.endpoints`.
    dated
        True for a time and an event, False for yes or no.
    known
        Samples that have it.
    events
        ``yes``, or each cause of a dated endpoint -> samples.
    """

    name: str
    dated: bool
    known: int
    events: Mapping[str, int]


@dataclass(frozen=True)
class ColumnCounts:
    """A clinical column and the samples for which it is known."""

    name: str
    known: int


@dataclass(frozen=True)
class DatedCounts:
    """A clinical number with several dates: its patients and values."""

    name: str
    patients: int
    values: int


@dataclass(frozen=True)
class Summary:
    """What a cohort holds; no value of a patient is in it.

    Attributes
    ----------
    samples, patients
        How many.
    assays, endpoints, clinical, dated
        In the order of the cohort; clinical columns and endpoints without any known value are left out.
    """

    samples: int
    patients: int
    assays: tuple[AssayCounts, ...]
    endpoints: tuple[EndpointCounts, ...]
    clinical: tuple[ColumnCounts, ...]
    dated: tuple[DatedCounts, ...]


def summarise(read: Cohort | Parts) -> Summary:
    """Count what a cohort holds, or the tables of a study that could not become one."""
    tables: Iterable[AssayTable] = read.assays.values() if isinstance(read, Cohort) else read.assays
    return _summary(read, map(_of_assay, tables))


def summarise_stored(stored: StoredCohort) -> Summary:
    """The same of a stored cohort, a part at a time: memory does not grow with its samples.

    Raises
    ------
    InputError
        If a page of it was damaged; every page is read.
    """
    measured = dict.fromkeys(stored.assays, 0)
    for part in stored.parts(SAMPLES_AT_A_TIME):
        for assay, table in part.assays.items():
            measured[assay] += int(table.measured.sum())
    return _summary(stored, (_of_stored(assay, measured[name]) for name, assay in stored.assays.items()))


def _summary(read: Cohort | Parts | StoredCohort, assays: Iterable[AssayCounts]) -> Summary:
    known = read.clinical.drop(columns="patient_id").notna().sum()
    return Summary(
        len(read.clinical),
        int(read.clinical["patient_id"].nunique()),
        tuple(assays),
        tuple(_of_endpoints(read.endpoints)),
        tuple(ColumnCounts(str(name), int(count)) for name, count in known.items() if count),
        tuple(_of_dated(read.dated)),
    )


def _of_stored(assay: StoredAssay, measured: int) -> AssayCounts:
    samples, genes = sum(assay.units.values()), len(assay.genes)
    share = measured / (samples * genes) if samples and genes else 0.0
    return AssayCounts(str(assay.assay), samples, genes, share, dict(assay.units), dict(assay.panels))


def _of_assay(table: AssayTable) -> AssayCounts:
    has = table.units != ""
    cells = int(has.sum()) * len(table.genes)
    share = int(table.measured[has].sum()) / cells if cells else 0.0
    return AssayCounts(
        str(table.assay),
        int(has.sum()),
        len(table.genes),
        share,
        _frequencies(table.units[has]),
        _frequencies(table.panels[has & (table.panels != "")]),
    )


def _frequencies(names: NDArray[np.str_]) -> dict[str, int]:
    values, counts = np.unique(names, return_counts=True)
    return {str(value): int(count) for value, count in zip(values, counts, strict=True)}


def _of_endpoints(endpoints: pd.DataFrame) -> Iterable[EndpointCounts]:
    for name in BINARY:
        if name in endpoints and endpoints[name].notna().any():
            answers = endpoints[name].dropna()
            yield EndpointCounts(name, False, len(answers), {"yes": int((answers == 1.0).sum())})
    for name, endpoint in (TIMED | SITE_TIMED).items():
        if event_column(name) in endpoints and endpoints[event_column(name)].notna().any():
            codes = endpoints[event_column(name)].dropna()
            seen = {cause: int((codes == code).sum()) for code, cause in enumerate(endpoint.causes, start=1)}
            yield EndpointCounts(name, True, len(codes), seen)


def _of_dated(dated: pd.DataFrame) -> Iterable[DatedCounts]:
    grouped: Any = dated.groupby("variable", sort=True)["patient_id"]
    for name, patients in grouped:
        yield DatedCounts(str(name), int(patients.nunique()), len(patients))
