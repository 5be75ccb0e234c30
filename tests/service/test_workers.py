"""Real workers on real jobs: killed, told to leave, side by side, with aliases that move."""

from __future__ import annotations

import io
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from metarisk.jobs.score import score
from tests.service.conftest import MANY, Service, make_service, write_samples

pytestmark = pytest.mark.slow


def undisturbed(service: Service, model: Path | str, samples: Path, **options: Any) -> dict[str, bytes]:
    """What one process makes of the same samples, as bytes."""
    out = service.folder / "undisturbed"
    score(str(model), samples, out, **options)
    return {path.name: path.read_bytes() for path in sorted(out.iterdir()) if path.is_file()}


def test_another_worker_finishes_the_job_of_a_killed_one_to_the_same_bytes(
    service: Service, tiny_model: Any
) -> None:
    samples = write_samples(service.root / "many.tsv", MANY)
    job = service.submit("many.tsv")
    first = service.work()
    service.wait_for_part(job)
    first.kill()
    assert first.wait() == -signal.SIGKILL
    assert service.wait(job, "running")["tries"] == 1
    service.work()
    ended = service.wait(job, "done", seconds=120)
    assert ended["tries"] == 2
    assert ended["counts"]["samples"] == MANY
    pinned = service.folder / "data" / "models" / ended["model"]["sha256"]
    assert service.result(job) == undisturbed(service, pinned, samples)
    jobs = service.folder / "data" / "jobs"
    assert [path.name for path in (jobs / job).glob("result*")] == ["result"]


def test_two_workers_do_twenty_jobs_each_once(service: Service) -> None:
    write_samples(service.root / "few.tsv", 3)
    submitted = [service.submit("few.tsv") for _ in range(20)]
    workers = [service.work("--until-empty") for _ in range(2)]
    assert [worker.wait(timeout=240) for worker in workers] == [0, 0], service.log()
    jobs = httpx.get(f"{service.url}/v1/jobs").json()["jobs"]
    assert {job["id"] for job in jobs} == set(submitted)
    assert {(job["state"], job["tries"]) for job in jobs} == {("done", 1)}
    assert len({tuple(service.result(job).items()) for job in submitted}) == 1
    lines = [line for line in service.log().splitlines() if " try 1: done " in line]
    assert sorted(line.split(" job ")[1].split()[0] for line in lines) == sorted(submitted)


def test_scores_are_fetched_as_parquet_and_csv_and_go_when_their_time_is_over(service: Service) -> None:
    write_samples(service.root / "few.tsv", 3, prefix="=S")
    job = service.submit("few.tsv")
    service.work_here()
    assert service.wait(job, "done")["results_kept"]
    fetched = httpx.get(f"{service.url}/v1/jobs/{job}/scores")
    table = pd.read_parquet(io.BytesIO(fetched.content))
    assert set(table["sample_id"]) == {"=S00000", "=S00001", "=S00002"}
    text = httpx.get(f"{service.url}/v1/jobs/{job}/scores", params={"format": "csv"}).text
    assert text.splitlines()[1].startswith("'=S00000,")
    ended = httpx.delete(f"{service.url}/v1/jobs/{job}")
    assert (ended.status_code, ended.json()["found"]) == (409, "the job has ended")
    service.set(keep_days=1e-9)
    service.work_here()
    assert httpx.get(f"{service.url}/v1/jobs/{job}/scores").status_code == 410
    assert not (service.folder / "data" / "jobs" / job).exists()


def test_a_worker_that_is_told_to_leave_gives_its_job_back_or_ends_it(service: Service) -> None:
    write_samples(service.root / "many.tsv", MANY)
    job = service.submit("many.tsv")
    worker = service.work()
    service.wait_for_part(job)
    worker.terminate()
    assert worker.wait(timeout=120) == 0
    left = service.wait(job, "queued", "done")
    service.work_here()
    ended = service.wait(job, "done")
    assert ended["tries"] == (2 if left["state"] == "queued" else 1)


def test_a_running_job_is_cancelled_and_leaves_no_scores(service: Service) -> None:
    write_samples(service.root / "many.tsv", MANY)
    job = service.submit("many.tsv")
    service.work()
    service.wait_for_part(job)
    asked = httpx.delete(f"{service.url}/v1/jobs/{job}").json()
    assert (asked["state"], asked["cancel_asked"]) == ("running", True)
    service.wait(job, "cancelled", seconds=120)
    assert not list((service.folder / "data" / "jobs" / job).glob("result*"))
    assert httpx.get(f"{service.url}/v1/jobs/{job}/scores").status_code == 409


def test_a_job_that_cannot_be_scored_fails_with_the_sentence(service: Service) -> None:
    (service.root / "bad.tsv").write_text("sample_id\tage_years\na\told\n")
    job = service.submit("bad.tsv")
    service.work_here()
    failed = service.wait(job, "failed")
    assert "bad.tsv" in failed["error"]["found"]
    assert failed["error"]["do"]
    assert failed["counts"] is None


def test_a_link_put_in_place_after_submission_is_not_followed(service: Service) -> None:
    secret = write_samples(service.folder / "secret.tsv", 2)
    write_samples(service.root / "few.tsv", 3)
    job = service.submit("few.tsv")
    (service.root / "few.tsv").unlink()
    (service.root / "few.tsv").symlink_to(secret)
    service.work_here()
    assert "a link that leads out" in service.wait(job, "failed")["error"]["found"]


def test_a_worker_that_hangs_ends_itself_and_another_finishes_its_job(
    service: Service, study_folder: Path
) -> None:
    shutil.move(study_folder, service.root / "two")
    job = service.submit("two")
    late = service.root / "two" / "meta_late.txt"
    os.mkfifo(late)  # to open it waits for somebody who writes, as a dead network disk does
    service.set(stalled_s=2.0)
    hung = service.work()
    assert hung.wait(timeout=120) == os.EX_TEMPFAIL, service.log()
    assert f"job {job}: no progress for" in service.log()
    late.unlink()
    service.set(stalled_s=600.0)  # on a busy machine to load a model takes seconds, too
    service.work()
    ended = service.wait(job, "done", seconds=120)
    assert ended["tries"] == 2


def test_the_log_of_a_run_holds_no_sample_and_no_value(service: Service) -> None:
    (service.root / "told.tsv").write_text("sample_id\tage_years\tcancer_type\nJANE-DOE-7\t87.654\tXYZZY\n")
    (service.root / "wrong.tsv").write_text("sample_id\tage_years\nJANE-DOE-8\tforty-two\n")
    jobs = [service.submit("told.tsv"), service.submit("wrong.tsv")]
    rows = [{"sample_id": "JANE-DOE-9", "age_years": 87.654, "mutation": {"TP53": 3.21}}]
    assert httpx.post(f"{service.url}/v1/score", json={"rows": rows}, timeout=60).status_code == 422
    assert service.work("--until-empty").wait(timeout=120) == 0
    assert [service.wait(job, "done", "failed")["state"] for job in jobs] == ["done", "failed"]
    log = service.log()
    assert all(job in log for job in jobs)
    for value in ("JANE-DOE", "87.654", "XYZZY", "forty-two", "TP53", "3.21", "Traceback"):
        assert value not in log


def test_a_job_keeps_the_version_that_it_started_with_also_across_a_workers_death(
    tiny_model: Any, tmp_path: Path, store_in: Callable[[Path], str]
) -> None:
    from metarisk.models.bundle import ModelBundle, save_bundle
    from metarisk.tracking.registry import publish_bundle

    uri = store_in(tmp_path)
    green = tmp_path / "green"
    other: ModelBundle = tiny_model.bundle.as_version("")
    save_bundle(type(other)(**{**other.__dict__, "card": "# green\n"}), green)
    publish_bundle(tiny_model.folder, name="m", alias="champion", uri=uri)
    service = make_service(tmp_path, "models:/m@champion", tracking_uri=uri, lease_s=2.0, refresh_s=0.0)
    service.serve()
    try:
        samples = write_samples(service.root / "many.tsv", MANY)
        write_samples(service.root / "few.tsv", 2)
        job = service.submit("many.tsv")
        first = service.work()
        service.wait_for_part(job)
        publish_bundle(green, name="m", alias="champion", uri=uri)
        first.kill()
        first.wait()
        next_job = service.submit("few.tsv")
        service.work()
        blue = service.wait(job, "done", seconds=180)
        assert (blue["model"]["version"], blue["tries"]) == ("1", 2)
        assert service.wait(next_job, "done", seconds=120)["model"]["version"] == "2"
        assert service.result(job) == undisturbed(service, "models:/m/1", samples, tracking_uri=uri)
        table = pd.read_parquet(io.BytesIO(service.result(next_job)["scores.parquet"]))
        assert set(table["model_version"]) == {"2"}
        models = httpx.get(f"{service.url}/v1/models", timeout=60).json()["models"]
        assert [model["version"] for model in models] == ["2"]
    finally:
        service.end()


def test_a_bundle_folder_that_is_replaced_changes_no_job_that_has_started(
    tiny_model: Any, tmp_path: Path
) -> None:
    from metarisk.service.pinning import check_pinned, pin_model

    folder, models = tmp_path / "bundle", tmp_path / "models"
    shutil.copytree(tiny_model.folder, folder)
    pinned = pin_model(str(folder), tracking_uri=None, models=models)
    assert pin_model(str(folder), tracking_uri=None, models=models) == pinned
    shutil.rmtree(folder)
    check_pinned(pinned.location, pinned.sha256, tracking_uri=None)
    assert pinned.location == str(models / pinned.sha256)


def test_the_service_runs_on_postgresql_by_its_address(
    tiny_model: Any, tmp_path: Path, database_uri: str
) -> None:
    service = make_service(tmp_path, tiny_model.folder, database=database_uri, lease_s=2.0)
    service.serve()
    try:
        write_samples(service.root / "few.tsv", 3)
        jobs = [service.submit("few.tsv") for _ in range(3)]
        service.work_here()
        assert {service.wait(job, "done")["counts"]["samples"] for job in jobs} == {3}
        assert 'metarisk_jobs{state="done"} 3.0' in httpx.get(f"{service.url}/metrics").text
    finally:
        service.end()
