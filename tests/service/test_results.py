"""What a done job can be asked for, and what stays of one that was cancelled."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.service.conftest import Service, make_service, write_samples

pytestmark = pytest.mark.slow
PARTS = ("scores", "quarantine", "audit", "report")
MANY = 800


@pytest.fixture(scope="module")
def server(tiny_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = make_service(tmp_path_factory.mktemp("service"), tiny_model.folder)
    write_samples(made.root / "few.tsv", 3)
    made.serve()
    yield made
    made.end()


@pytest.fixture(scope="module")
def mixed(server: Service) -> str:
    """A done job with one bad row."""
    (server.root / "mixed.tsv").write_text("sample_id\tage_years\ngood\t50\nbad\told\n")
    job = server.submit("mixed.tsv")
    server.work_here()
    assert server.wait(job, "done")["counts"]["quarantined"] == 1
    return job


def fetched(server: Service, job: str, part: str, **query: str) -> httpx.Response:
    return httpx.get(f"{server.url}/v1/jobs/{job}/{part}", params=query)


def test_rows_that_were_set_aside_are_fetched_with_their_reason(server: Service, mixed: str) -> None:
    answer = fetched(server, mixed, "quarantine")
    assert answer.status_code == 200
    assert answer.content == server.result(mixed)["quarantine.tsv"]
    assert 'filename="quarantine.tsv"' in answer.headers["content-disposition"]
    rows = answer.text.splitlines()
    assert len(rows) == 2
    assert "bad" in rows[1]
    assert "age_years" in rows[1]


def test_the_report_is_fetched_as_a_page_that_its_policy_keeps_to_itself(server: Service, mixed: str) -> None:
    answer = fetched(server, mixed, "report")
    assert answer.content == server.result(mixed)["scores.html"]
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'")
    assert "allow-same-origin" not in policy


def test_the_audit_is_fetched_for_machines_and_for_people(server: Service, mixed: str) -> None:
    kept = server.result(mixed)
    for form, kind in (("json", "application/json"), ("tsv", "text/tab-separated-values")):
        answer = fetched(server, mixed, "audit", format=form)
        assert answer.content == kept[f"audit.{form}"]
        assert answer.headers["content-type"].startswith(kind)
    assert json.loads(fetched(server, mixed, "audit").content)
    assert fetched(server, mixed, "audit", format="xml").status_code == 422


def test_what_a_result_does_not_have_is_not_found(server: Service, mixed: str) -> None:
    folder = server.folder / "data" / "jobs" / mixed / "result"
    for name, part in (("quarantine.tsv", "quarantine"), ("audit.json", "audit"), ("scores.html", "report")):
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        answer = fetched(server, mixed, part)
        (folder / name).write_bytes(content)
        assert answer.status_code == 404
        assert answer.json()["do"] == "Fetch its scores."


@pytest.mark.parametrize("part", PARTS)
def test_a_job_that_is_not_done_and_one_that_does_not_exist_have_no_results(
    server: Service, part: str
) -> None:
    job = server.submit("few.tsv")
    told = fetched(server, job, part)
    assert (told.status_code, told.json()["found"]) == (409, "the job is queued")
    httpx.delete(f"{server.url}/v1/jobs/{job}")
    told = fetched(server, job, part)
    assert (told.status_code, told.json()["found"]) == (409, "the job is cancelled")
    assert fetched(server, str(uuid4()), part).status_code == 404


def test_what_may_be_handed_in_is_told_before_it_is_sent(server: Service) -> None:
    told = httpx.get(f"{server.url}/v1/intake").json()
    assert (told["upload_bytes"], told["samples"], told["keep_days"]) == (2 << 30, 1_000_000, 30.0)
    assert (told["paths"], told["datasets"]) == (True, [])
    assert {".tsv", ".parquet", ".h5mu", ".zip"} <= set(told["endings"])


def test_an_upload_is_called_what_its_asker_calls_it_without_folders_and_hidden_letters(
    server: Service,
) -> None:
    table = b"sample_id\tage_years\na\t50\n"
    for sent, told in (
        ("C:\\Users\\ada\\cohort.tsv", "cohort.tsv"),
        ("../../cohort.tsv", "cohort.tsv"),
        ("gnp\u202e.tsv", "gnp\\u202e.tsv"),
        ("<b>.tsv", "<b>.tsv"),
        ("x" * 300 + ".tsv", "x" * 200),
    ):
        answer = httpx.post(f"{server.url}/v1/jobs", files={"file": (sent, table)})
        assert answer.json()["input"] == told
        httpx.delete(f"{server.url}/v1/jobs/{answer.json()['id']}")


def unfinished(service: Service, job: str) -> bool:
    return (service.folder / "data" / "jobs" / job / "result.unfinished").is_dir()


def test_cancelling_a_job_drops_what_it_has_scored_so_far(service: Service) -> None:
    write_samples(service.root / "many.tsv", MANY)
    job = service.submit("many.tsv")
    service.work()
    while not unfinished(service, job):
        service.wait(job, "running")
        time.sleep(0.02)
    httpx.delete(f"{service.url}/v1/jobs/{job}")
    service.wait(job, "cancelled")
    assert not list((service.folder / "data" / "jobs" / job).glob("result*"))


def test_cancelling_a_job_that_a_worker_gave_back_drops_what_that_one_scored(service: Service) -> None:
    write_samples(service.root / "many.tsv", MANY)
    job = service.submit("many.tsv")
    worker = service.work()
    while not unfinished(service, job):
        service.wait(job, "running")
        time.sleep(0.02)
    worker.terminate()
    assert worker.wait(timeout=60) == 0
    service.wait(job, "queued")
    assert unfinished(service, job)
    assert httpx.delete(f"{service.url}/v1/jobs/{job}").json()["state"] == "cancelled"
    assert not list((service.folder / "data" / "jobs" / job).glob("result*"))


def test_a_job_whose_model_is_gone_names_no_folder_of_the_service(tiny_model: Any, tmp_path: Path) -> None:
    model = shutil.copytree(tiny_model.folder, tmp_path / "model")
    service = make_service(tmp_path, model)
    write_samples(service.root / "few.tsv", 2)
    try:
        service.serve()
        job = service.submit("few.tsv")
        shutil.rmtree(model)
        service.work_here()
        told = service.wait(job, "failed")
    finally:
        service.end()
    assert told["error"]["found"] == "the model or the disk of the service cannot be used"
    assert str(tmp_path) not in str(told)
