"""Samples that come some at a time, whatever they lie in, and rows that no model may score."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.data.cohort import Cohort
from metarisk.data.store import MANIFEST, open_cohort
from metarisk.errors import InputError
from metarisk.files import sha256_of
from metarisk.score.first_rows import FirstRows


class SetAside(NamedTuple):
    """A row that is not scored.

    Attributes
    ----------
    row
        Line of a text file, row of anything else; the first is 1.
    sample_id
        As the row has it; empty where it has none.
    reason
        What is wrong, in words that hold no value of the patient's.
    """

    row: int
    sample_id: str
    reason: str


class Portion(NamedTuple):
    """Consecutive samples of a stream.

    Attributes
    ----------
    cohort
        Those that can be read, in the order of the input; None where none can.
    rows
        Row of each of them, shape (N,).
    set_aside
        The others.
    """

    cohort: Cohort | None
    rows: NDArray[np.intp]
    set_aside: tuple[SetAside, ...] = ()


Portions = Callable[[int, FirstRows], Iterator[Portion]]


@dataclass(frozen=True)
class SampleStream:
    """Samples that come some at a time, in the same order each time they are asked for.

    Attributes
    ----------
    name
        What the input calls itself.
    sha256
        Hash over its files; empty where it comes from none.
    identity
        Text that is the same for the same samples in the same order; empty where none is known.
    samples
        Rows of the input, those that will be set aside included.
    portions
        Takes how many samples to hand over at a time, and where ids that were met are kept; an id that stands
        twice belongs to the first of its rows, sound or not, and every later one is set aside.
    """

    name: str
    sha256: str
    identity: str
    samples: int
    portions: Portions


def stream_cohort(cohort: Cohort) -> SampleStream:
    """Samples of a cohort in memory.

    Raises
    ------
    InputError
        If it has none.
    """
    source = cohort.provenance
    if not len(cohort):
        raise no_samples(source.name)

    def portions(samples_at_a_time: int, _: FirstRows) -> Iterator[Portion]:
        for start in range(0, len(cohort), samples_at_a_time):
            rows = np.arange(start, min(start + samples_at_a_time, len(cohort)))
            yield Portion(cohort.take(rows), rows + 1)

    return SampleStream(source.name, source.sha256, source.sha256, len(cohort), portions)


def stream_stored(folder: Path) -> SampleStream:
    """Samples of a stored cohort; its assays are read row group by row group.

    Raises
    ------
    InputError
        If it is damaged, or has no samples.
    """
    stored = open_cohort(folder)
    source = stored.provenance
    if not len(stored):
        raise no_samples(source.name)

    def portions(samples_at_a_time: int, _: FirstRows) -> Iterator[Portion]:
        first = 1
        for part in stored.parts(samples_at_a_time):
            yield Portion(part, np.arange(first, first + len(part)))
            first += len(part)

    return SampleStream(source.name, source.sha256, sha256_of(folder / MANIFEST), len(stored), portions)


def no_samples(name: str) -> InputError:
    """What to say of an input without samples."""
    return InputError(
        f"{name} has no samples",
        expected="at least one to score",
        do="Check the filter that was asked for, or export the study again.",
    )
