"""`metarisk benchmark store`: a made cohort written and read back part by part, every value compared."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.errors import InputError
from metarisk.files import placed
from metarisk.jobs.benchmark_cohort import SAMPLES_AT_A_TIME, MadeCohort
from metarisk.jobs.benchmark_process import Done, OnProgress, Stopwatch, Tell, in_own_process
from metarisk.jobs.benchmark_table import as_table

if TYPE_CHECKING:
    from metarisk.data.cohort import Cohort
    from metarisk.data.store import StoredCohort

TABLE, COHORT = "store.tsv", "cohort"
CONSECUTIVE, SCATTERED = 1000, 10


class Leg(NamedTuple):
    """One leg of the way there and back.

    Attributes
    ----------
    samples, genes
        Size of the cohort.
    leg
        What was done.
    values_mb
        Values that it wrote or read, as float32, 1e6 bytes; NaN for a leg that reads none.
    disk_mb
        The cohort's files, 1e6 bytes.
    seconds, cpu_seconds
        The store's own: drawing and comparing values are left out.
    mb_per_s
        Of values, on the wall.
    peak_mib
        Most memory of its process, with the values that were drawn to write or to compare.
    """

    samples: int
    genes: int
    leg: str
    values_mb: float
    disk_mb: float
    seconds: float
    cpu_seconds: float
    mb_per_s: float
    peak_mib: float


def benchmark_store(
    samples: Sequence[int],
    genes: int,
    seed: int,
    out: Path,
    *,
    overwrite: bool = False,
    on_progress: OnProgress = lambda what, done, of: None,
) -> tuple[Leg, ...]:
    """Write and read made cohorts of three assays; ``out`` holds ``store.tsv`` in the end, not the cohorts.

    Parameters
    ----------
    samples
        Sizes N, one cohort each.
    genes
        Genes G of mutation calls, copy number and expression.
    seed
        Of the values.
    out
        Folder to make, on the disk that is to be measured.
    overwrite
        Replace an earlier table.
    on_progress
        Told what is done, how far, and of how much.

    Raises
    ------
    InputError
        If one value came back other than it was written.
    OutputError
        If ``out`` is taken or cannot be written.
    """
    with placed(out, overwrite=overwrite, marker=TABLE) as draft:
        legs = tuple(
            leg
            for size in samples
            for leg in _there_and_back(MadeCohort(size, genes, seed), draft / COHORT, on_progress)
        )
        options = " ".join(f"--samples {size}" for size in samples)
        command = f"metarisk benchmark store {options} --genes {genes} --seed {seed} --out {out.name}"
        (draft / TABLE).write_text(as_table(Leg._fields, legs, command), encoding="utf-8")
    return legs


def _there_and_back(made: MadeCohort, folder: Path, on_progress: OnProgress) -> Iterator[Leg]:
    title = f"{made.samples} samples"
    written = in_own_process(write, made, folder, on_progress=on_progress, stage=f"writing {title}")
    disk = sum(path.stat().st_size for path in folder.iterdir())
    yield from _legs(made, disk, written)
    for work, stage in ((read, "reading"), (slices, "slices of")):
        yield from _legs(
            made, disk, in_own_process(work, made, folder, on_progress=on_progress, stage=f"{stage} {title}")
        )
    shutil.rmtree(folder)


class Timed(NamedTuple):
    """A leg as its process saw it: the samples whose values it wrote or read, and how long that took."""

    leg: str
    samples: int
    watch: Stopwatch


def _legs(made: MadeCohort, disk: int, done: Done[list[Timed]]) -> Iterator[Leg]:
    for leg, samples, watch in done.result:
        megabytes = made.values_bytes / 1e6 * samples / made.samples if samples else math.nan
        yield Leg(
            made.samples,
            made.genes,
            leg,
            megabytes,
            disk / 1e6,
            watch.seconds,
            watch.cpu_seconds,
            megabytes / watch.seconds,
            done.peak_mib,
        )


def write(made: MadeCohort, folder: Path, *, tell: Tell) -> list[Timed]:
    """Draw and write part by part."""
    from metarisk.data.store import cohort_writer

    watch = Stopwatch()
    with watch.running(), cohort_writer(folder) as writer:
        drawing = Stopwatch()
        for number in range(made.n_parts):
            with drawing.running():
                part = made.part(number)
            writer.add(part)
            tell(number + 1, made.n_parts)
    watch.seconds -= drawing.seconds
    watch.cpu_seconds -= drawing.cpu_seconds
    return [Timed("write", made.samples, watch)]


def read(made: MadeCohort, folder: Path, *, tell: Tell) -> list[Timed]:
    """Open with every hash verified, then read all parts and compare each with a redraw."""
    from metarisk.data.store import open_cohort

    opening, reading = Stopwatch(), Stopwatch()
    with opening.running():
        stored = open_cohort(folder)
    parts = stored.parts(SAMPLES_AT_A_TIME)
    for number in range(made.n_parts):
        with reading.running():
            part = next(parts)
        _compare(part, made.part(number), f"part {number + 1}")
        tell(number + 1, made.n_parts)
    return [Timed("open, every hash", 0, opening), Timed("read all", made.samples, reading)]


def slices(made: MadeCohort, folder: Path, *, tell: Tell) -> list[Timed]:
    """Open without whole hashes and read a few samples: consecutive ones, and ones that lie far apart."""
    from metarisk.data.store import open_cohort

    opening = Stopwatch()
    with opening.running():
        stored = open_cohort(folder, verify=False)
    rng = np.random.default_rng(made.seed)
    count = min(CONSECUTIVE, made.samples)
    start = int(rng.integers(made.samples - count + 1))
    scattered = rng.permutation(made.samples)[:SCATTERED]
    timed = [Timed("open, page checksums only", 0, opening)]
    for at, (what, rows) in enumerate(
        (("consecutive", np.arange(start, start + count)), ("scattered", scattered))
    ):
        timed.append(Timed(f"{len(rows)} {what}", len(rows), _slice(made, stored, rows)))
        tell(at + 1, 2)
    return timed


def _slice(made: MadeCohort, stored: StoredCohort, rows: NDArray[np.intp]) -> Stopwatch:
    watch = Stopwatch()
    with watch.running():
        taken = stored.take(rows)
    for number in np.unique(rows // SAMPLES_AT_A_TIME):
        here = rows // SAMPLES_AT_A_TIME == number
        drawn = made.part(int(number)).take(rows[here] % SAMPLES_AT_A_TIME)
        _compare(taken.take(here), drawn, f"the slice from part {number + 1}")
    return watch


def _compare(found: Cohort, drawn: Cohort, where: str) -> None:
    """Refuse a cohort in which one bit of a value, an id, a unit or a panel is not as it was drawn."""
    same = found.clinical.equals(drawn.clinical) and found.endpoints.equals(drawn.endpoints)
    for assay, table in drawn.assays.items():
        other = found.assays[assay]
        same &= bool((other.values.view(np.uint32) == table.values.view(np.uint32)).all())
        same &= np.array_equal(other.units, table.units) and np.array_equal(other.panels, table.panels)
    if not same:
        raise InputError(
            f"{where} came back other than it was written",
            expected="every value equal to the bit",
            do="Check the disk; if it is sound, this is a bug of metarisk.",
        )
