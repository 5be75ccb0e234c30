"""The page of a service that wants a token: who is let in, and what a report can reach."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from metarisk.service.database import open_database
from metarisk.service.settings import load_settings
from metarisk.service.tokens import Tokens
from tests.service.conftest import Service, make_service, write_samples
from tests.service.page import act, ended, problem, submit_path

pytestmark = pytest.mark.slow
# A report that somebody got into a result: it tries whatever could lead to the token, and tells what opened.
EVIL = """<!doctype html><title>evil</title><h1>evil</h1><script>
const tried = {
  storage: () => sessionStorage.length, local: () => localStorage.length, cookie: () => document.cookie,
  opener: () => opener.document.title, parent: () => parent.opener.sessionStorage.length,
};
const opens = (name) => { try { tried[name](); return true; } catch { return false; } };
const asks = (path) => fetch(new URL(path, location.href)).then(() => path, () => "");
window.reached = Object.keys(tried).filter(opens);
window.asked = Promise.all(["/v1/jobs", "/healthz"].map(asks));
try { opener.location = "about:blank"; } catch {}
</script>"""


class Closed:
    """A service that wants a token, without a worker."""

    def __init__(self, service: Service) -> None:
        self.service = service
        (service.folder / "data").mkdir()
        engine = open_database(load_settings(service.config, {}).database_uri)
        self.token = Tokens(engine).add("ada")
        engine.dispose()
        self.headers = {"Authorization": f"Bearer {self.token}"}


@pytest.fixture(scope="module")
def closed(tiny_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    made = make_service(tmp_path_factory.mktemp("closed"), tiny_model.folder)
    write_samples(made.root / "few.tsv", 3)
    told = Closed(made)
    made.serve()
    yield told
    made.end()


def give_token(browser: Any, token: str) -> None:
    browser.click("#token")
    browser.type(token)
    browser.press("Enter")


def opened_with_token(browser: Any, closed: Closed) -> None:
    browser.open(f"{closed.service.url}/")
    browser.wait("!document.getElementById('access').hidden")
    give_token(browser, closed.token)
    browser.wait("!document.getElementById('submit').hidden")


def test_a_token_is_asked_for_tried_kept_in_the_tab_and_never_part_of_an_address(
    browser: Any, closed: Closed
) -> None:
    browser.open(f"{closed.service.url}/")
    browser.wait("!document.getElementById('access').hidden")
    assert browser.run("document.getElementById('submit').hidden && document.getElementById('jobs').hidden")
    assert browser.run("document.activeElement.id") == "token"
    give_token(browser, closed.token[:-1] + "!")
    told = problem(browser, "access-problem")
    assert "this token opens nothing" in told
    assert "Ask the service's operator for a token." in told
    assert browser.run("sessionStorage.length") == 0
    give_token(browser, closed.token)
    browser.wait("!document.getElementById('submit').hidden")
    assert browser.run("[localStorage.length, document.cookie, document.getElementById('token').value]") == [
        0,
        "",
        "",
    ]
    assert browser.run("Object.values({...sessionStorage})") == [closed.token]
    before = len(browser.sent())
    submit_path(browser, "few.tsv")
    browser.wait("document.querySelectorAll('tbody tr').length === 1")
    later = browser.sent()[before:]
    assert {sent["headers"].get("Authorization") for sent in later} == {f"Bearer {closed.token}"}
    assert not [address for address in browser.requests() if closed.token in address]
    assert closed.token not in browser.run("document.documentElement.outerHTML + location.href")
    assert closed.token not in closed.service.log()
    browser.click("#forget")
    browser.wait("document.getElementById('submit').hidden")
    assert browser.run("[sessionStorage.length, document.querySelectorAll('tbody tr').length]") == [0, 0]


def test_a_report_that_runs_a_script_of_its_own_reaches_neither_token_nor_service(
    browser: Any, closed: Closed
) -> None:
    service = closed.service
    answer = httpx.post(f"{service.url}/v1/jobs", json={"path": "few.tsv"}, headers=closed.headers)
    job = answer.json()
    service.work_here()
    page = service.folder / "data" / "jobs" / job["id"] / "result" / "scores.html"
    page.write_text(EVIL)
    opened_with_token(browser, closed)
    ended(browser, job, "done")
    before = service.log().count("/healthz")
    act(browser, job, "report")
    report = browser.opened()
    report.wait("window.reached !== undefined")
    assert report.run("window.reached") == []
    assert report.run("window.asked") == ["", ""]
    assert service.log().count("/healthz") == before  # not even asked in vain
    assert browser.run("location.pathname") == "/"
    assert browser.run("sessionStorage.length") == 1


def test_a_service_that_is_gone_is_told_and_found_again(browser: Any, closed: Closed) -> None:
    opened_with_token(browser, closed)
    browser.ask(
        "Network.emulateNetworkConditions",
        offline=True,
        latency=0,
        downloadThroughput=-1,
        uploadThroughput=-1,
    )
    assert "the service does not answer" in problem(browser, "service-problem")
    browser.ask(
        "Network.emulateNetworkConditions",
        offline=False,
        latency=0,
        downloadThroughput=-1,
        uploadThroughput=-1,
    )
    browser.wait("document.querySelector('#service-problem .problem') === null")


def test_the_page_is_open_and_small_and_its_policy_lets_in_its_own_files_alone(closed: Closed) -> None:
    url = closed.service.url
    page = httpx.get(f"{url}/")
    policy = page.headers["content-security-policy"]
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    for told in (
        "frame-ancestors 'none'",
        "form-action 'none'",
        "base-uri 'none'",
        "require-trusted-types-for",
    ):
        assert told in policy
    expected = {
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
    }
    assert expected.items() <= dict(page.headers).items()
    assert "Research use only" in page.text
    sizes = {}
    for name in (
        "main.js",
        "api.js",
        "element.js",
        "jobs.js",
        "submit.js",
        "page.css",
        "reports.css",
        "icon.svg",
    ):
        part = httpx.get(f"{url}/page/{name}")
        assert part.status_code == 200
        assert "default-src 'none'" in part.headers["content-security-policy"]
        sizes[name] = len(part.content)
    assert sum(size for name, size in sizes.items() if name.endswith(".js")) < 30_000
    for name in ("__init__.py", "../api/page.py", "..%2f..%2fsettings.py", "index.html", "none"):
        assert httpx.get(f"{url}/page/{name}").status_code == 404
    window = httpx.get(f"{url}/page/report").headers["content-security-policy"]
    assert window.startswith("sandbox allow-scripts; default-src 'none'")
    assert "allow-same-origin" not in window
