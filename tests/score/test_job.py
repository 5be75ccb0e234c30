"""A job that is cut off, repeated, meets another one, or is asked for twice."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.data import write_cohort
from metarisk.data.cohort import Cohort
from metarisk.errors import InputError, OutputError, StoppedError
from metarisk.jobs.score import score
from metarisk.models.bundle import ModelBundle
from metarisk.models.fingerprint import TrainingIds
from metarisk.score import Conduct, Hooks, ScoreReport, read_scores, score_stream, score_to, stream_cohort
from metarisk.score.engine import in_this_process
from metarisk.score.unfinished import held
from tests.nursery import Forked, start

SMALL = 7


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


class Counted:
    """The engine of this process, and which samples it was given."""

    def __init__(self, bundle: ModelBundle) -> None:
        self.samples: list[str] = []
        self._engine = in_this_process(bundle)

    def __call__(self, cohorts: Iterable[Cohort]) -> Iterator[pd.DataFrame]:
        return self._engine(self._seen(cohorts))

    def _seen(self, cohorts: Iterable[Cohort]) -> Iterator[Cohort]:
        for cohort in cohorts:
            self.samples += cohort.sample_ids.tolist()
            yield cohort


def after(times: int) -> Callable[[], bool]:
    """Asks to stop when it was asked so often."""
    asked = iter(range(1, 10_000))
    return lambda: next(asked) >= times


def stopped(bundle: ModelBundle, samples: Cohort, out: Path, parts: int, at_a_time: int = SMALL) -> None:
    conduct = Conduct(stop=after(parts), samples_at_a_time=at_a_time)
    with pytest.raises(StoppedError, match=r"stopped; \d+ of \d+ samples are done. What is done lies in"):
        score_stream(bundle, stream_cohort(samples), out, conduct=conduct)


def resumed(bundle: ModelBundle, samples: Cohort, out: Path, at_a_time: int = SMALL) -> list[str]:
    """Go on with a job; the samples that were scored for it."""
    engine = Counted(bundle)
    conduct = Conduct(engine=engine, samples_at_a_time=at_a_time)
    score_stream(bundle, stream_cohort(samples), out, conduct=conduct)
    return engine.samples


def test_a_job_that_goes_on_scores_what_is_missing_and_writes_the_same_bytes(
    scored: ScoreReport, bundle: ModelBundle, samples: Cohort, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    stopped(bundle, samples, out, parts=2)
    assert not out.exists()
    assert resumed(bundle, samples, out) == samples.sample_ids.tolist()[2 * SMALL :]
    assert bytes_of(out) == bytes_of(scored.out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("at_a_time", [1, 5, 64])
def test_how_the_work_is_cut_changes_no_byte(
    scored: ScoreReport, bundle: ModelBundle, samples: Cohort, tmp_path: Path, at_a_time: int
) -> None:
    stopped(bundle, samples, tmp_path / "out", parts=1, at_a_time=3)
    assert len(resumed(bundle, samples, tmp_path / "out", at_a_time)) == len(samples) - 3
    assert bytes_of(tmp_path / "out") == bytes_of(scored.out)


def test_an_input_in_another_order_is_still_right(
    bundle: ModelBundle, samples: Cohort, tmp_path: Path
) -> None:
    turned = samples.take(np.random.default_rng(3).permutation(len(samples)))
    score_to(bundle, turned, tmp_path / "whole")
    stopped(bundle, samples, tmp_path / "out", parts=2)
    assert len(resumed(bundle, turned, tmp_path / "out")) == len(samples) - 2 * SMALL
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "whole")


def test_a_sample_that_changed_meanwhile_is_scored_again_and_one_that_left_is_not_there(
    bundle: ModelBundle, samples: Cohort, tmp_path: Path
) -> None:
    stopped(bundle, samples, tmp_path / "out", parts=2)
    few = samples.take(np.arange(1, 2 * SMALL))
    clinical = few.clinical.copy()
    clinical.iloc[4, clinical.columns.get_loc("age_years")] += 1.0
    changed = replace(few, clinical=clinical)
    assert resumed(bundle, changed, tmp_path / "out") == [few.sample_ids[4]]
    score_to(bundle, changed, tmp_path / "whole")
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "whole")


def test_a_part_that_was_damaged_meanwhile_is_scored_again(
    scored: ScoreReport, bundle: ModelBundle, samples: Cohort, tmp_path: Path
) -> None:
    stopped(bundle, samples, tmp_path / "out", parts=3)
    parts = tmp_path / "out.unfinished" / "parts"
    raw = bytearray((parts / "000001.parquet").read_bytes())
    raw[len(raw) // 2] ^= 1
    (parts / "000001.parquet").write_bytes(raw)
    (parts / "000002.parquet").unlink()
    assert resumed(bundle, samples, tmp_path / "out") == samples.sample_ids.tolist()[SMALL:]
    assert bytes_of(tmp_path / "out") == bytes_of(scored.out)


def test_work_of_another_model_is_refused_with_what_differs_and_the_ways_out(
    bundle: ModelBundle, samples: Cohort, tmp_path: Path
) -> None:
    stopped(bundle, samples, tmp_path / "out", parts=1)
    other = bundle.as_version("7")
    with pytest.raises(
        OutputError,
        match=rf"out.unfinished holds a job that was begun with version {bundle.version} and not 7; expected "
        r"the same model and options. Finish it with those, choose another --out, or start anew with",
    ):
        score_to(other, samples, tmp_path / "out")
    report = score_to(other, samples, tmp_path / "out", overwrite=True)
    assert set(read_scores(report.out)["model_version"]) == {"7"}


def test_the_same_call_with_overwrite_goes_on_too(
    scored: ScoreReport, bundle: ModelBundle, samples: Cohort, tmp_path: Path
) -> None:
    score_to(bundle, samples.take(np.arange(3)), tmp_path / "out")
    with pytest.raises(StoppedError):
        score_stream(bundle, stream_cohort(samples), tmp_path / "out", overwrite=True,
                     conduct=Conduct(stop=after(2), samples_at_a_time=SMALL))  # fmt: skip
    assert len(read_scores(tmp_path / "out")["sample_id"].unique()) == 3
    engine = Counted(bundle)
    score_stream(
        bundle, stream_cohort(samples), tmp_path / "out", overwrite=True, conduct=Conduct(engine=engine)
    )
    assert len(engine.samples) == len(samples) - 2 * SMALL
    assert bytes_of(tmp_path / "out") == bytes_of(scored.out)


def test_a_folder_that_another_process_works_in_is_refused_with_its_number(
    bundle: ModelBundle, samples: Cohort, tmp_path: Path
) -> None:
    stopped(bundle, samples, tmp_path / "out", parts=1)  # its own number stands there still
    with holder_of(tmp_path / "out.unfinished") as other:
        with pytest.raises(
            OutputError,
            match=rf"out.unfinished is in use by process {other.pid} on .*expected one job a result",
        ):
            score_to(bundle, samples, tmp_path / "out")
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        score_to(bundle, samples, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


class holder_of:  # noqa: N801
    """A real process that holds the lock of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> subprocess.Popen[str]:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(self.folder)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "held\n"
        return self.process

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


HOLD = """
import sys, time
from pathlib import Path
from metarisk.score.unfinished import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(120)
"""


def test_two_jobs_of_one_process_do_not_share_a_folder_either(tmp_path: Path) -> None:
    with (
        held(tmp_path / "a"),
        pytest.raises(OutputError, match=f"process {os.getpid()} on"),
        held(tmp_path / "a"),
    ):
        pass


@pytest.mark.parametrize("moment", ["say_ready", "discard"])
def test_a_kill_around_the_moment_the_result_takes_its_name_is_mended(
    tiny_model: Any, samples: Cohort, tmp_path: Path, moment: str
) -> None:
    write_cohort(samples, tmp_path / "cohort")
    words = [str(tiny_model.folder), str(tmp_path / "cohort"), str(tmp_path / "out")]
    assert start("-c", DIES_AT, moment, *words).wait() == -signal.SIGKILL
    assert (tmp_path / "out").exists() == (moment == "discard")
    assert (tmp_path / "out.unfinished").exists()
    assert start("-m", "metarisk", "score", *words[:2], "--out", words[2]).wait() == 0
    whole = score(str(tiny_model.folder), tmp_path / "cohort", tmp_path / "whole")
    assert bytes_of(tmp_path / "out") == bytes_of(whole.out)
    assert {"audit.tsv", "audit.json", "scores.html"} < set(bytes_of(whole.out))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cohort", "out", "whole"]


DIES_AT = """
import os, signal, sys
from metarisk.cli import run
from metarisk.score import job
setattr(job, sys.argv[1], lambda *_: os.kill(os.getpid(), signal.SIGKILL))
run(["score", *sys.argv[2:4], "--out", sys.argv[4]])
"""


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_command_that_is_ended_goes_on_when_it_is_given_again(
    tiny_model: Any, samples: Cohort, tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    write_cohort(many(samples, 1500), tmp_path / "cohort")
    words = ["-m", "metarisk", "score", str(tiny_model.folder), str(tmp_path / "cohort"), "--out"]
    job = start(*words, str(tmp_path / "out"))
    wait_for_part(tmp_path / "out.unfinished", job)
    job.send_signal(sent)
    assert job.wait(timeout=60) == code
    assert not (tmp_path / "out").exists()
    for out in ("out", "whole"):
        assert start(*words, str(tmp_path / out)).wait() == 0
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cohort", "out", "whole"]


def wait_for_part(folder: Path, job: Forked) -> None:
    deadline = time.monotonic() + 60
    while not any((folder / "parts").glob("[0-9]*.parquet")):
        assert job.poll() is None, "the job ended before it wrote"
        assert time.monotonic() < deadline, "the job did not begin to write"
        time.sleep(0.01)


def many(cohort: Cohort, n_samples: int) -> Cohort:
    """The same samples again and again under new names, so that a job lasts seconds."""
    long = cohort.take(np.arange(n_samples) % len(cohort))
    ids = np.array([f"S{number}" for number in range(n_samples)])
    index = pd.Index(ids.astype(object), name="sample_id")
    assays = {assay: replace(table, sample_ids=ids) for assay, table in long.assays.items()}
    return Cohort(long.clinical.set_axis(index), assays, long.endpoints.set_axis(index), long.provenance)


@pytest.mark.slow
def test_eight_random_kills_lose_nothing(tiny_model: Any, samples: Cohort, tmp_path: Path) -> None:
    write_cohort(many(samples, 500), tmp_path / "cohort")
    script = Path(__file__).with_name("kill_scoring.py")
    words = [sys.executable, str(script), str(tiny_model.folder), str(tmp_path / "cohort")]
    ended = subprocess.run([*words, "--kills", "8"], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "nothing lost, nothing twice, every byte equal" in ended.stdout


def test_a_folder_that_may_not_be_written_to_is_named(
    bundle: ModelBundle, samples: Cohort, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    with (
        without_rights(closed),
        pytest.raises(OutputError, match=r"out cannot be written \(Permission denied\)"),
    ):
        score_to(bundle, samples, closed / "out")
    assert list(closed.iterdir()) == []


@contextmanager
def without_rights(folder: Path) -> Iterator[None]:
    """Nobody may write there, and the superuser is somebody else meanwhile."""
    user = os.geteuid()
    folder.chmod(0o500)
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        folder.chmod(0o700)


def test_patients_of_the_training_set_are_flagged_and_counted(
    tiny_model: Any, bundle: ModelBundle, samples: Cohort, tmp_path: Path
) -> None:
    known = replace(bundle, training_ids=TrainingIds.of(samples.patient_ids[:4], "salt"))
    report = score_to(known, samples, tmp_path / "out")
    table = read_scores(report.out)
    flagged = table.loc[
        table["flags"].str.split(";").map(lambda flags: "training-patient" in flags), "sample_id"
    ]
    assert sorted(set(flagged)) == sorted(samples.sample_ids[:4])
    assert report.flags["training-patient"] == 4


def test_hooks_see_every_sample_once_in_every_attempt_and_may_add_files(
    bundle: ModelBundle, samples: Cohort, tmp_path: Path
) -> None:
    stopped(bundle, samples, tmp_path / "out", parts=2)
    seen: list[str] = []
    composed: list[pd.DataFrame] = []

    def input_seen(cohort: Cohort) -> None:
        seen.extend(cohort.sample_ids)

    def finishing(draft: Path, report: ScoreReport) -> None:
        assert report.samples == len(samples)
        (draft / "page.html").write_text("<p>")

    conduct = Conduct(hooks=Hooks(input_seen, composed.append, finishing), samples_at_a_time=SMALL)
    report = score_stream(bundle, stream_cohort(samples), tmp_path / "out", conduct=conduct)
    assert seen == samples.sample_ids.tolist()
    pd.testing.assert_frame_equal(pd.concat(composed, ignore_index=True), read_scores(report.out))
    listed = json.loads((report.out / "scores.json").read_text())["files"]
    assert sorted(listed) == ["page.html", "quarantine.tsv", "scores.parquet"]


def test_progress_tells_how_far_and_of_how_much(bundle: ModelBundle, samples: Cohort, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    conduct = Conduct(progress=lambda *words: told.append(words), samples_at_a_time=10)
    score_stream(bundle, stream_cohort(samples), tmp_path / "out", conduct=conduct)
    assert [done for stage, done, _ in told if stage == "scoring"][-1] == len(samples)
    assert {of for _, _, of in told} == {len(samples)}
    assert told[-1] == ("composing", len(samples), len(samples))


def test_an_error_of_a_looker_on_ends_the_job_and_keeps_its_work(
    scored: ScoreReport, bundle: ModelBundle, samples: Cohort, tmp_path: Path
) -> None:
    def broken(draft: Path, report: ScoreReport) -> None:
        raise InputError("no reference", do="Make one.")

    with pytest.raises(InputError, match="no reference"):
        score_stream(
            bundle, stream_cohort(samples), tmp_path / "out", conduct=Conduct(hooks=Hooks(finishing=broken))
        )
    assert [path.name for path in tmp_path.iterdir()] == ["out.unfinished"]
    assert resumed(bundle, samples, tmp_path / "out") == []
    assert bytes_of(tmp_path / "out") == bytes_of(scored.out)


def test_a_result_that_stands_is_refused_and_a_copy_of_its_work_folder_is_no_key_to_it(
    bundle: ModelBundle, samples: Cohort, tmp_path: Path
) -> None:
    score_to(bundle, samples.take(np.arange(3)), tmp_path / "out")
    with pytest.raises(OutputError, match=r"out exists. Choose another folder"):
        score_to(bundle, samples, tmp_path / "out")
    stopped(bundle, samples, tmp_path / "other", parts=1)
    shutil.move(tmp_path / "other.unfinished", tmp_path / "out.unfinished")
    with pytest.raises(OutputError, match=r"out exists. Choose another folder"):
        score_to(bundle, samples, tmp_path / "out")
