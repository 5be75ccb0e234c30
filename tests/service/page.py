"""What the tests of the service's page do on it again and again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx

from tests.service.conftest import Service

ROW = "document.getElementById('job-{}')"


def opened(browser: Any, service: Service) -> None:
    browser.open(f"{service.url}/")
    browser.wait("!document.getElementById('submit').hidden")


def jobs_of(service: Service) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = httpx.get(f"{service.url}/v1/jobs?limit=500").json()["jobs"]
    return listed


def submitted(browser: Any, service: Service, before: list[dict[str, Any]]) -> dict[str, Any]:
    """The one job that is new, once the page shows it."""
    known = {job["id"] for job in before}
    browser.wait(
        f"[...document.querySelectorAll('tbody tr')].some(r => !{sorted(known)}.includes(r.id.slice(4)))"
    )
    new = [job for job in jobs_of(service) if job["id"] not in known]
    assert len(new) == 1
    return new[0]


def submit_path(browser: Any, path: str) -> None:
    browser.click("input[value=path]")
    browser.click("#path")
    browser.type(path)
    browser.click("#send")


def ended(browser: Any, job: dict[str, Any], state: str) -> None:
    browser.wait(f"{ROW.format(job['id'])}?.cells[1].innerText.includes({state!r})")


def act(browser: Any, job: dict[str, Any], name: str) -> None:
    browser.click(f"#job-{job['id']} [data-act^='{name}']")


def quiet(browser: Any, service: Service) -> None:
    """Nothing in the console, and no request to anybody else."""
    assert browser.complaints() == []
    addresses = [address for address in browser.requests() if not address.startswith("blob:")]
    assert addresses
    assert all(address.startswith(f"{service.url}/") for address in addresses)


def problem(browser: Any, place: str) -> str:
    browser.wait(f"document.querySelector('#{place} .problem') !== null")
    return " ".join(browser.text(f"#{place}").split())


def saved(folder: Path, name: str) -> bytes:
    until = time.monotonic() + 20
    while not (folder / name).is_file():
        assert time.monotonic() < until, list(folder.iterdir())
        time.sleep(0.02)
    return (folder / name).read_bytes()
