"""The endpoints: binary ones with unknown kept unknown, and dated ones with their competing event."""

from __future__ import annotations

from dataclasses import dataclass

DAYS_PER_YEAR = 365.25
DAYS_PER_MONTH = DAYS_PER_YEAR / 12.0

SITES: tuple[str, ...] = (
    "bone",
    "brain",
    "liver",
    "lung",
    "lymph_node",
    "adrenal",
    "pleura",
    "intra_abdominal",
    "skin",
    "ovary",
    "mediastinum",
    "kidney",
    "bowel",
    "bladder",
    "breast",
    "female_genital",
    "male_genital",
    "head_and_neck",
    "biliary_tract",
    "nervous_system",
    "other",
)


@dataclass(frozen=True)
class TimedEndpoint:
    """A dated endpoint: event codes 1 .. n in this order; 0 is censored."""

    causes: tuple[str, ...]


TIMED: dict[str, TimedEndpoint] = {
    "metastasis": TimedEndpoint(("metastasis", "death")),
    "pfs": TimedEndpoint(("progression_or_death",)),
    "os": TimedEndpoint(("death",)),
}
# First metastasis in an organ, where it is dated: site.bone as time and event beside site.bone as yes or no.
SITE_TIMED: dict[str, TimedEndpoint] = {
    f"site.{site}": TimedEndpoint((f"site.{site}", "death")) for site in SITES
}

BINARY: tuple[str, ...] = (*(f"site.{site}" for site in SITES), "metastatic", "response")


def time_column(endpoint: str) -> str:
    """Column that holds the days from baseline to the event or the last contact."""
    return f"{endpoint}.time_days"


def event_column(endpoint: str) -> str:
    """Column that holds the event code: 0 censored, 1 .. the causes of its `TimedEndpoint`, NaN unknown."""
    return f"{endpoint}.event"


def endpoint_columns() -> tuple[str, ...]:
    """Every column that a table of endpoints may have."""
    dated = (*TIMED, *SITE_TIMED)
    timed = tuple(column for name in dated for column in (time_column(name), event_column(name)))
    return (*BINARY, *timed)


def task_of(endpoint: str) -> tuple[str, str]:
    """Task and target of an endpoint, as they stand in a table of scores.

    ``site.bone`` is task ``site``, target ``bone``; the others are their own task and target.
    """
    task, _, target = endpoint.partition(".")
    return task, target or task
