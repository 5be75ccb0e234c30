"""The service over HTTP: a real server on loopback, without a worker."""

from __future__ import annotations

import gzip
import io
import json
import socket
import time
import zipfile
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pandas as pd
import pytest

from metarisk.data.rows import cohort_of, rows_of
from metarisk.models.bundle import load_bundle
from metarisk.models.scoring import score_cohort
from tests.service.conftest import Service, make_service, write_samples

pytestmark = pytest.mark.slow
LIMITS = {
    "upload_bytes": 200_000,
    "request_bytes": 100_000,
    "unpacked_bytes": 1_000_000,
    "samples": 500,
    "score_samples": 20,
    "patience_s": 1.0,
    "bytes_per_s": 100_000,
    "headers_s": 1.0,
}


@pytest.fixture(scope="module")
def server(tiny_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = make_service(tmp_path_factory.mktemp("service"), tiny_model.folder, limits=LIMITS)
    write_samples(made.root / "few.tsv", 3)
    made.set(datasets={"few": str(made.root / "few.tsv")})
    made.serve()
    yield made
    made.end()


def refused(answer: httpx.Response, status: int, found: str) -> dict[str, str]:
    body: dict[str, str] = answer.json()
    assert (answer.status_code, set(body)) == (status, {"found", "expected", "do"}), answer.text
    assert found in body["found"]
    assert body["do"]
    return body


def upload(server: Service, content: bytes, name: str, **headers: str) -> httpx.Response:
    return httpx.post(f"{server.url}/v1/jobs", files={"file": (name, content)}, headers=headers, timeout=30)


def packed(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def test_a_job_is_submitted_listed_shown_and_cancelled(server: Service) -> None:
    answer = httpx.post(f"{server.url}/v1/jobs", json={"path": "few.tsv"})
    job = answer.json()
    assert (answer.status_code, job["state"], job["input"]) == (201, "queued", "few.tsv")
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert httpx.get(f"{server.url}/v1/jobs/{job['id']}").json() == job
    assert job in httpx.get(f"{server.url}/v1/jobs", params={"state": "queued"}).json()["jobs"]
    refused(httpx.get(f"{server.url}/v1/jobs/{job['id']}/scores"), 409, "the job is queued")
    for _ in range(2):  # asking twice changes nothing
        assert httpx.delete(f"{server.url}/v1/jobs/{job['id']}").json()["state"] == "cancelled"


def test_a_dataset_is_submitted_by_name(server: Service) -> None:
    assert httpx.post(f"{server.url}/v1/jobs", json={"dataset": "few"}).json()["kind"] == "dataset"
    body = refused(httpx.post(f"{server.url}/v1/jobs", json={"dataset": "fewer"}), 422, "no dataset 'fewer'")
    assert "'few'" in body["do"]


def test_the_same_key_twice_is_the_same_job(server: Service) -> None:
    key, table = {"Idempotency-Key": str(uuid4())}, b"sample_id\tage_years\na\t50\n"
    first, second = upload(server, table, "a.tsv", **key), upload(server, table, "b.tsv", **key)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    refused(upload(server, table + b"b\t50\n", "a.tsv", **key), 422, "the idempotency key was used")
    jobs = server.folder / "data" / "jobs"
    known = {job["id"] for job in httpx.get(f"{server.url}/v1/jobs?limit=500").json()["jobs"]}
    assert {path.name for path in jobs.iterdir()} <= known  # refused uploads leave nothing


def test_no_file_gets_a_name_that_a_user_chose(server: Service) -> None:
    answer = upload(server, b"sample_id\tage_years\na\t50\n", "../../etc/Jane Doe.tsv")
    folder = server.folder / "data" / "jobs" / answer.json()["id"]
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["samples.tsv"]


OUTSIDE = ["/etc/passwd", "../service.yaml", "few.tsv/../../service.yaml", ".", "a\0b"]


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_path_that_leads_out_of_the_roots_is_refused_like_one_that_does_not_exist(
    server: Service, path: str
) -> None:
    told = refused(httpx.post(f"{server.url}/v1/jobs", json={"path": path}), 422, "the path is not below")
    absent = refused(httpx.post(f"{server.url}/v1/jobs", json={"path": "absent"}), 422, "the path is not")
    assert told == absent


def test_links_that_lead_out_of_the_roots_are_refused(server: Service) -> None:
    secret = server.folder / "secret.tsv"
    secret.write_text("sample_id\na\n")
    (server.root / "link.tsv").symlink_to(secret)
    study = server.root / "study"
    study.mkdir()
    (study / "inside.tsv").symlink_to(secret)
    refused(httpx.post(f"{server.url}/v1/jobs", json={"path": "link.tsv"}), 422, "the path is not below")
    refused(httpx.post(f"{server.url}/v1/jobs", json={"path": "study"}), 422, "a link that leads out")


def test_an_upload_over_the_limit_is_refused_announced_or_not(server: Service) -> None:
    large = b"sample_id\n" + b"x" * 300_000
    refused(upload(server, large, "a.tsv"), 413, "more than")
    head = (
        b"POST /v1/score HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        b"transfer-encoding: chunked\r\n\r\n"
    )
    assert b" 413 " in talk(server, head + b"20000\r\n" + b"x" * 0x20000 + b"\r\n").split(b"\r\n")[0]
    assert httpx.get(f"{server.url}/healthz").status_code == 200


def test_a_zip_bomb_and_a_gzip_bomb_are_refused_and_leave_nothing(server: Service) -> None:
    zeros = b"0" * 3_000_000
    before = set((server.folder / "data" / "jobs").iterdir())
    refused(upload(server, packed({"a.tsv": zeros}), "bomb.zip"), 413, "unpacks to more than 1000000 bytes")
    refused(upload(server, gzip.compress(zeros), "bomb.tsv.gz"), 413, "unpacks to more than 1000000 bytes")
    nested = packed({"study/a.tsv.gz": gzip.compress(zeros), "study/b.tsv": b"x"})
    refused(upload(server, nested, "nested.zip"), 413, "unpacks to more than 1000000 bytes")
    assert set((server.folder / "data" / "jobs").iterdir()) == before
    assert httpx.get(f"{server.url}/readyz", timeout=60).status_code == 200


def test_an_archive_that_writes_elsewhere_and_a_damaged_one_are_refused(server: Service) -> None:
    refused(upload(server, packed({"../../evil.tsv": b"x"}), "a.zip"), 422, "leads out of the folder")
    refused(upload(server, packed({"a.tsv": b"x" * 999})[:60], "a.zip"), 422, "damaged zip file")
    refused(upload(server, b"", "a.tsv"), 422, "the upload is empty")
    refused(upload(server, b"x", "a.exe"), 422, "no known ending")
    refused(upload(server, b"PAR1", "a.parquet"), 422, "no readable parquet file")
    assert not list(server.folder.rglob("evil*"))


def test_a_table_with_too_many_rows_is_refused(server: Service) -> None:
    table = b"sample_id\n" + b"".join(b"s%d\n" % row for row in range(501))
    refused(upload(server, table, "a.tsv"), 413, "the table has 501 rows")
    assert upload(server, table[: table.rindex(b"s500")], "a.tsv").status_code == 201


def talk(server: Service, *parts: bytes, pause_s: float = 0.0) -> bytes:
    """What the server says to bytes that come one after another."""
    heard = b""
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=10) as line:
        line.settimeout(10)
        try:
            for part in parts:
                line.sendall(part)
                time.sleep(pause_s)
        except OSError:  # it hung up on us
            pass
        try:
            while block := line.recv(65536):
                heard += block
        except OSError:
            pass
    return heard


def test_a_client_that_sends_its_body_drop_by_drop_is_told_408_and_the_rest_go_on(server: Service) -> None:
    head = (
        b"POST /v1/score HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        b"content-length: 90000\r\n\r\n"
    )
    started = time.monotonic()
    heard = talk(server, head, *[b"{"] * 12, pause_s=0.2)
    assert heard.startswith(b"HTTP/1.1 408 ")
    assert json.loads(heard.partition(b"\r\n\r\n")[2])["found"].startswith("the body came more slowly")
    assert time.monotonic() - started < 8
    assert httpx.get(f"{server.url}/healthz").status_code == 200


def test_a_client_that_never_ends_its_headers_is_told_408(server: Service) -> None:
    started = time.monotonic()
    assert talk(server, b"GET /healthz HTTP/1.1\r\nhost: a\r\n").startswith(b"HTTP/1.1 408 ")
    assert talk(server).startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - started < 8


def test_few_samples_are_scored_to_the_numbers_of_the_library(server: Service, tiny_model: Any) -> None:
    table = rows_of(tiny_model.new_samples.take(np.arange(2))).drop(columns=["expression", "copy_number"])
    rows = json.loads(table.drop(columns=["expression_unit", "copy_number_unit"]).to_json(orient="records"))
    answer = httpx.post(f"{server.url}/v1/score", json={"rows": rows}, timeout=60)
    assert answer.status_code == 200, answer.text
    expected = score_cohort(load_bundle(tiny_model.folder), cohort_of(pd.DataFrame(rows), "rows"))
    told = pd.DataFrame(answer.json()["scores"]).astype(expected.dtypes.to_dict())
    pd.testing.assert_frame_equal(told, expected)


def test_rows_that_are_wrong_are_refused_with_the_reason(server: Service) -> None:
    def ask(*rows: dict[str, Any]) -> httpx.Response:
        return httpx.post(f"{server.url}/v1/score", json={"rows": rows}, timeout=60)

    refused(ask({"sample_id": "a", "age_years": "old"}), 422, "age_years")
    refused(ask({"sample_id": "a"}, {"sample_id": "a"}), 422, "a")
    refused(ask({"sample_id": "a", "colour": "red"}), 422, "colour")
    refused(ask({"age_years": 5}), 422, "sample_id: Field required")
    refused(ask(*({"sample_id": f"s{row}"} for row in range(21))), 413, "the request has 21 samples")
    refused(httpx.post(f"{server.url}/v1/score", content=b"{" * 5000), 422, "body")


def test_the_model_must_be_one_of_the_services(server: Service) -> None:
    body = {"path": "few.tsv", "model": "/etc"}
    refused(httpx.post(f"{server.url}/v1/jobs", json=body), 422, "there is no model '/etc' here")
    models = httpx.get(f"{server.url}/v1/models", timeout=60).json()["models"]
    told = [(model["name"], model["default"], model["available"]) for model in models]
    assert told == [("small", True, True)]


def test_every_answer_carries_the_headers_of_safety_and_no_refusal_shows_a_traceback(server: Service) -> None:
    for answer in (
        httpx.get(f"{server.url}/healthz"),
        httpx.get(f"{server.url}/nothing"),
        httpx.put(f"{server.url}/v1/jobs"),
        httpx.get(f"{server.url}/v1/jobs/not-an-id"),
        httpx.post(f"{server.url}/v1/jobs", content=b"x", headers={"content-type": "text/plain"}),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "Traceback" not in answer.text
        if answer.status_code >= 400:
            refused(answer, answer.status_code, "")


def test_pages_of_other_sites_and_names_that_lead_here_by_dns_open_nothing(
    server: Service,
) -> None:
    other_page = {"Origin": "https://evil.example"}
    refused(httpx.get(f"{server.url}/v1/jobs", headers=other_page), 403, "a page of another site")
    rebound = {"Host": "evil.example"}
    refused(httpx.get(f"{server.url}/v1/jobs", headers=rebound), 403, "names another host")


def test_metrics_count_jobs_by_state_and_have_no_ids(server: Service) -> None:
    httpx.post(f"{server.url}/v1/jobs", json={"path": "few.tsv"})
    told = httpx.get(f"{server.url}/metrics").text
    depth = next(line for line in told.splitlines() if line.startswith("metarisk_queue_depth"))
    waiting = int(float(depth.split()[1]))
    assert waiting == len(httpx.get(f"{server.url}/v1/jobs?state=queued&limit=500").json()["jobs"])
    assert f'metarisk_jobs{{state="queued"}} {waiting}.0' in told
    assert 'route="/v1/jobs/{job_id}"' in told
    for job in httpx.get(f"{server.url}/v1/jobs").json()["jobs"]:
        assert job["id"] not in told


def test_the_document_says_every_route_what_it_answers_and_how_it_refuses(server: Service) -> None:
    document = httpx.get(f"{server.url}/openapi.json").json()
    assert set(document["paths"]) == {
        "/v1/jobs",
        "/v1/jobs/{job_id}",
        "/v1/jobs/{job_id}/scores",
        "/v1/jobs/{job_id}/quarantine",
        "/v1/jobs/{job_id}/audit",
        "/v1/jobs/{job_id}/report",
        "/v1/intake",
        "/v1/score",
        "/v1/models",
        "/healthz",
        "/readyz",
        "/metrics",
    }
    for path, methods in document["paths"].items():
        for method in methods.values():
            assert method["summary"], path
            if path.startswith("/v1"):
                assert {"401", "413", "422", "503"} <= set(method["responses"]), path
    submit = document["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]
    assert set(submit) == {"application/json", "multipart/form-data"}
