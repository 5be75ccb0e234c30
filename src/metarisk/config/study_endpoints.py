"""Where a study's endpoints stand: yes / no / unknown, dated ones, and organs told in free text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, Tag, model_validator

from metarisk.config.alternatives import by_keys, tag_of
from metarisk.config.section import Section
from metarisk.schema.endpoints import SITES

TimeUnit = Literal["days", "weeks", "months", "years"]


class UnitOfRows(Section):
    """A unit of time that is not the same in every row, e.g. where cohorts were pooled.

    Attributes
    ----------
    column
        Column that tells the rows apart.
    of
        Its value -> unit.
    others
        Unit of every other row.
    """

    column: str
    of: dict[str, TimeUnit] = Field(min_length=1)
    others: TimeUnit


UNIT_WORD = "<TimeUnit>"
Unit = Annotated[
    Annotated[TimeUnit, Tag(UNIT_WORD)] | Annotated[UnitOfRows, Tag(tag_of(UnitOfRows))],
    by_keys(UnitOfRows, text=UNIT_WORD),
]


def _require_apart(one: Sequence[str], other: Sequence[str], names: str) -> None:
    """Refuse a value that means two things."""
    both = sorted(set(one) & set(other))
    if both:
        raise ValueError(f"{', '.join(map(repr, both))} stands under both {names}")


class YesNo(Section):
    """A column that says yes, no, or nothing: whatever is neither yes nor no stays unknown.

    Attributes
    ----------
    unknown
        Further values that mean "not known"; any other value is told.
    """

    column: str
    yes: tuple[str, ...] = Field(min_length=1)
    no: tuple[str, ...] = Field(min_length=1)
    unknown: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _yes_is_not_no(self) -> YesNo:
        _require_apart(self.yes, self.no, "yes and no")
        return self


class Threshold(Section):
    """A column of numbers: yes at or above one, no at or below another, unknown in between."""

    column: str
    yes_from: float
    no_up_to: float

    @model_validator(mode="after")
    def _do_not_overlap(self) -> Threshold:
        if self.no_up_to >= self.yes_from:
            raise ValueError(f"no_up_to {self.no_up_to:g} must lie below yes_from {self.yes_from:g}")
        return self


Answer = Annotated[
    Annotated[YesNo, Tag(tag_of(YesNo))] | Annotated[Threshold, Tag(tag_of(Threshold))],
    by_keys(YesNo, Threshold),
]


class FollowUp(Section):
    """A column of time from baseline and a column of status; both unknown where either is."""

    time: str
    unit: Unit
    status: str
    event: tuple[str, ...] = Field(min_length=1)
    censored: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _states_are_apart(self) -> FollowUp:
        _require_apart(self.event, self.censored, "event and censored")
        return self


class AgesAtEvents(Section):
    """First metastasis after baseline, from the patient's age at each event.

    A patient whose metastasis is not later than baseline was already metastatic: not at risk, so unknown.
    """

    baseline: str
    metastasis: str
    death: str
    last_contact: str
    unit: TimeUnit = "years"


class FirstEvent(Section):
    """First event after baseline, with death competing, from times that count from baseline.

    An event at time 0 was there at baseline: such a patient was not at risk, so unknown.

    Attributes
    ----------
    time
        Column of the time of the event; without ``end`` it holds the last contact of patients without one.
    unit
        Of this time.
    status
        Column that says whether the event was seen.
    event, censored
        Its values; a missing one is unknown, any other is an error.
    end
        Follow-up that tells death and last contact, where ``time`` holds the times of events only. A patient
        without the event is followed until then; a death at its end is the competing event. Without it
        deaths are not told apart from last contacts.
    undated
        What an event without a time means: ``at_baseline`` (it was there already: the patient was not at
        risk, so unknown) or ``unknown`` (a slip, told as one).
    """

    time: str
    unit: Unit
    status: str
    event: tuple[str, ...] = Field(min_length=1)
    censored: tuple[str, ...] = Field(min_length=1)
    end: FollowUp | None = None
    undated: Literal["at_baseline", "unknown"] = "unknown"

    @model_validator(mode="after")
    def _states_are_apart(self) -> FirstEvent:
        _require_apart(self.event, self.censored, "event and censored")
        return self


DatedMetastasis = Annotated[
    Annotated[FirstEvent, Tag(tag_of(FirstEvent))] | Annotated[AgesAtEvents, Tag(tag_of(AgesAtEvents))],
    by_keys(FirstEvent, AgesAtEvents),
]


class SiteText(Section):
    """Organs of metastasis told in words, read with the vocabulary of `metarisk.schema.sites`.

    Yes where the text names the organ; no where the patient's metastases are all named and this organ is not
    among them, or where a column says that there was none; unknown everywhere else. A text that leaves a
    place open ("Other, specify", an unknown word) says no to no organ, unless another column names it.

    Attributes
    ----------
    columns
        Columns of text; several organs in one cell are separated by ``separator``.
    sites
        Organs to read.
    where
        Column -> values that say that the text is about a distant metastasis, e.g. an event's type. Empty:
        it always is. Where such a cell lists as many events as the text lists places, they belong together
        in this order; of a cell that lists another number every event must be accepted.
    none
        Column -> values of a patient without any metastasis. Empty: nobody is known to have none.
    """

    columns: tuple[str, ...] = Field(min_length=1)
    sites: tuple[str, ...] = Field(min_length=1)
    separator: str = "|"
    where: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    none: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _sites_are_known(self) -> SiteText:
        unknown = sorted(set(self.sites) - set(SITES))
        if unknown:
            raise ValueError(f"sites {', '.join(unknown)} are none of {', '.join(SITES)}")
        return self


class EndpointColumns(Section):
    """Where each endpoint stands in the study's clinical tables.

    Attributes
    ----------
    rows
        Rows at which the clock of these endpoints starts: column of the source -> accepted values. The
        endpoints of every other row are unknown. Where it is empty, they hold for all rows.
    sites
        Organ -> where it says whether the organ was ever reached.
    site_times
        Organ -> first metastasis there, dated, death competing.
    site_text
        Organs told in words, in place of ``sites``.
    """

    rows: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    sites: dict[str, Answer] = Field(default_factory=dict)
    site_times: dict[str, FirstEvent] = Field(default_factory=dict)
    site_text: SiteText | None = None
    metastatic: Answer | None = None
    response: YesNo | None = None
    metastasis: DatedMetastasis | None = None
    os: FollowUp | None = None
    pfs: FollowUp | None = None

    @model_validator(mode="after")
    def _organs_are_known(self) -> EndpointColumns:
        unknown = sorted({*self.sites, *self.site_times} - set(SITES))
        if unknown:
            raise ValueError(f"sites {', '.join(unknown)} are none of {', '.join(SITES)}")
        twice = sorted(set(self.sites) & set(self.site_text.sites)) if self.site_text else []
        if twice:
            raise ValueError(f"{', '.join(twice)} are told twice, by sites and by site_text")
        return self

    def outcome_columns(self) -> frozenset[str]:
        """Columns of the source that tell what happened; none of them may be a feature."""
        answers = (*self.sites.values(), self.metastatic, self.response)
        events = (*self.site_times.values(), self.os, self.pfs)
        names = [answer.column for answer in answers if answer is not None]
        for event in events:
            names += _outcomes_of(event)
        names += _outcomes_of(self.metastasis)
        return frozenset(names).union(() if self.site_text is None else self.site_text.columns)


def _outcomes_of(section: FirstEvent | FollowUp | AgesAtEvents | None) -> list[str]:
    """Times and states of events; the age at baseline is known then."""
    if section is None:
        return []
    if isinstance(section, AgesAtEvents):
        return [section.metastasis, section.death, section.last_contact]
    end = section.end if isinstance(section, FirstEvent) else None
    return [section.time, section.status, *_outcomes_of(end)]
