"""A scoring job: samples streamed, each scored once whatever interrupts, the result whole or not there.

While it runs its work lies in ``<out>.unfinished``. The input is read from its start each time; what the
ledger has is not scored again, wherever it stands in the input now. Parts are composed in the order of this
input, so the bytes of the result do not depend on interruptions or on how the work was cut.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from metarisk import __version__
from metarisk.data.cohort import Cohort, Provenance
from metarisk.errors import InputError, OutputError, StoppedError
from metarisk.files import check_free, placed, sha256_of
from metarisk.score.compose import compose
from metarisk.score.conduct import Conduct
from metarisk.score.engine import in_this_process
from metarisk.score.first_rows import FirstRows
from metarisk.score.layout import FORMAT_VERSION, MANIFEST, SCORES, write_manifest
from metarisk.score.ledger import Ledger
from metarisk.score.quarantine import QUARANTINE, Quarantine
from metarisk.score.reading import check_scores
from metarisk.score.report import ScoreReport
from metarisk.score.sample_keys import sample_keys
from metarisk.score.stream import Portion, SampleStream, SetAside, no_samples
from metarisk.score.unfinished import begin, discard, held, ready, say_ready, unfinished_of
from metarisk.score.unscorable import reasons_not_to_score

if TYPE_CHECKING:
    from metarisk.models.bundle import ModelBundle

ORDER, MET, DRAFT = "order", "met.sqlite", "result"


def check_result(out: Path, *, overwrite: bool) -> None:
    """Refuse a result's name that is taken, unless it is the result of a job that was about to end.

    Raises
    ------
    OutputError
        If ``out`` exists and may not be replaced.
    """
    if ready(unfinished_of(out.absolute())) is None:
        check_free(out, overwrite=overwrite, marker=MANIFEST)


def score_stream(
    bundle: ModelBundle,
    stream: SampleStream,
    out: Path,
    *,
    overwrite: bool = False,
    conduct: Conduct | None = None,
) -> ScoreReport:
    """Write ``scores.parquet``, ``quarantine.tsv`` and ``scores.json``; equal inputs give equal bytes.

    Parameters
    ----------
    bundle
        The model.
    stream
        Samples; the rows of the table keep their order, questions within a sample.
    out
        Folder to make. It appears only when all of it is on disk; until then ``<out>.unfinished`` holds what
        is done, and the same call goes on from there.
    overwrite
        Replace scores that stand there, anything else never; and throw away unfinished work of another model.
    conduct
        How it is carried out.

    Raises
    ------
    InputError
        If the input has no samples, or none that can be scored, or breaks off.
    OutputError
        If ``out`` exists and may not be replaced, cannot be written, is being written by another process, or
        the unfinished work is of another model.
    StoppedError
        If the job was asked to stop.
    """
    out = out.absolute()
    folder = unfinished_of(out)
    check_result(out, overwrite=overwrite)
    with _disk_named(out), held(folder):
        begin(folder, fingerprint_of(bundle), anew=overwrite)
        done = _placed_before(out, folder, stream)
        try:
            if done is None:
                check_free(out, overwrite=overwrite, marker=MANIFEST)
                done = _run(_Job(bundle, stream, out, folder, conduct or Conduct()), overwrite)
        except BaseException:
            _discard_if_empty(folder)
            raise
        discard(folder)
    return done


def fingerprint_of(bundle: ModelBundle) -> dict[str, str]:
    """What unfinished work depends on: a job with another fingerprint cannot go on with it."""
    return {
        "model": bundle.name,
        "version": bundle.version,
        "bundle_sha256": bundle.sha256,
        "scores_format": str(FORMAT_VERSION),
        "metarisk": __version__,
    }


def _placed_before(out: Path, folder: Path, stream: SampleStream) -> ScoreReport | None:
    """Report of a result that took its name when the process that made it died before it cleared up."""
    told = ready(folder)
    if told is None or not (out / MANIFEST).is_file() or not stream.identity:
        return None
    if told != {"manifest": sha256_of(out / MANIFEST), "input": stream.identity}:
        return None
    return ScoreReport.of(out, check_scores(out))


def _discard_if_empty(folder: Path) -> None:
    with Ledger(folder) as ledger:
        work = len(ledger)
    if not work:
        discard(folder)


@dataclass
class _Job:
    bundle: ModelBundle
    stream: SampleStream
    out: Path
    folder: Path
    conduct: Conduct
    done: int = 0  # rows of the input that are scored or set aside
    samples: int = 0
    stopped: bool = False
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)  # over the keys of the samples, in order


def _run(job: _Job, overwrite: bool) -> ScoreReport:
    with ExitStack() as open_files:
        ledger = open_files.enter_context(Ledger(job.folder))
        quarantine = _read_and_score(job, ledger)
        if job.stopped:
            raise StoppedError(
                f"stopped; {job.done} of {job.stream.samples} samples are done",
                do=f"What is done lies in {job.folder.name}: the same command goes on from there.",
            )
        _check_some(job, quarantine)
        return _place(job, ledger, quarantine, overwrite)


def _read_and_score(job: _Job, ledger: Ledger) -> Quarantine:
    """Score what the ledger lacks; the order of the input and its quarantine are written down anew."""
    engine = job.conduct.engine or in_this_process(job.bundle)
    pending: deque[list[bytes]] = deque()
    with (
        FirstRows(job.folder / MET) as met,
        Quarantine(job.folder / QUARANTINE) as quarantine,
        (job.folder / ORDER).open("wb") as order,
    ):
        lacking = _lacking(
            job, ledger, job.stream.portions(job.conduct.samples_at_a_time, met), quarantine, order
        )
        for scores in engine(_noted(lacking, pending)):
            keys = pending.popleft()
            ledger.add(keys, scores)
            job.done += len(keys)
            job.conduct.progress("scoring", job.done, job.stream.samples)
    return quarantine


def _noted(lacking: Iterator[tuple[list[bytes], Cohort]], pending: deque[list[bytes]]) -> Iterator[Cohort]:
    for keys, cohort in lacking:
        pending.append(keys)
        yield cohort


def _lacking(
    job: _Job, ledger: Ledger, portions: Iterator[Portion], quarantine: Quarantine, order: IO[bytes]
) -> Iterator[tuple[list[bytes], Cohort]]:
    """Samples that are not scored yet, with their keys."""
    for portion in map(_sifted, portions):
        quarantine.add(portion.set_aside)
        job.done += len(portion.set_aside)
        cohort = portion.cohort
        if cohort is not None:
            keys = _enter(job, cohort, order)
            known = ledger.places(keys)
            rows = np.array([at for at, key in enumerate(keys) if key not in known], dtype=np.intp)
            job.done += len(keys) - len(rows)
            if len(rows):
                yield [keys[at] for at in rows], cohort if len(rows) == len(cohort) else cohort.take(rows)
        job.conduct.progress("scoring", job.done, job.stream.samples)
        if job.conduct.stop():
            job.stopped = True
            return


def _sifted(portion: Portion) -> Portion:
    """A portion without the samples that have nothing to be scored by."""
    if portion.cohort is None:
        return portion
    reasons = reasons_not_to_score(portion.cohort)
    bad = np.asarray(reasons != "", dtype=np.bool_)
    if not bad.any():
        return portion
    named = zip(portion.rows[bad], portion.cohort.sample_ids[bad], reasons[bad], strict=True)
    also = [SetAside(int(row), str(sample), str(reason)) for row, sample, reason in named]
    rest = None if bad.all() else portion.cohort.take(~bad)
    return Portion(rest, portion.rows[~bad], tuple(sorted([*portion.set_aside, *also])))


def _enter(job: _Job, cohort: Cohort, order: IO[bytes]) -> list[bytes]:
    keys = sample_keys(cohort)
    joined = b"".join(keys)
    order.write(joined)
    job.digest.update(joined)
    job.samples += len(keys)
    job.conduct.hooks.input_seen(cohort)
    return keys


def _check_some(job: _Job, quarantine: Quarantine) -> None:
    first = quarantine.first
    if job.samples:
        return
    if first is None:
        raise no_samples(job.stream.name)
    raise InputError(
        f"{job.stream.name}: all {quarantine.rows} rows were set aside; row {first.row}: {first.reason}",
        expected="at least one sample that can be scored",
        do="Mend the table; `metarisk validate` tells all of its faults.",
    )


def _place(job: _Job, ledger: Ledger, quarantine: Quarantine, overwrite: bool) -> ScoreReport:
    hooks = job.conduct.hooks
    source = Provenance(job.stream.name, "", job.stream.sha256 or job.digest.hexdigest())
    with placed(job.out, overwrite=overwrite, marker=MANIFEST, draft=job.folder / DRAFT) as draft:
        tally = compose(
            ledger,
            job.folder / ORDER,
            draft / SCORES,
            hooks.scores_composed,
            lambda done: job.conduct.progress("composing", done, job.samples),
        )
        (job.folder / QUARANTINE).rename(draft / QUARANTINE)
        report = tally.report(job.bundle, source, job.out, sha256_of(draft / SCORES), quarantine.rows)
        hooks.finishing(draft, report)
        write_manifest(draft, report.manifest(_hashes(draft)))
        say_ready(job.folder, {"manifest": sha256_of(draft / MANIFEST), "input": job.stream.identity})
    return report


def _hashes(draft: Path) -> dict[str, str]:
    files = (path for path in sorted(draft.rglob("*")) if path.is_file())
    return {path.relative_to(draft).as_posix(): sha256_of(path) for path in files}


@contextmanager
def _disk_named(out: Path) -> Iterator[None]:
    """Say of an error of the disk which result it concerns, and that its work is kept."""
    try:
        yield
    except (OSError, sqlite3.Error) as caught:
        reason = (os.strerror(caught.errno) if isinstance(caught, OSError) and caught.errno else "") or caught
        raise OutputError(
            f"{out} cannot be written ({reason})",
            do="Check free space and permissions; what was scored is kept, and the same command goes on.",
        ) from caught
