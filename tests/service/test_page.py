"""The page at `/` in a real browser, over a real server and a real worker."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.service.conftest import Service, make_service, write_samples
from tests.service.page import ROW, act, ended, jobs_of, opened, problem, quiet, saved, submit_path, submitted

pytestmark = pytest.mark.slow
LIMIT = 200_000
HOSTILE = "<img src=x onerror=document.title='owned'><script>document.title='owned'<b>\u202e.tsv"


@pytest.fixture(scope="module")
def server(tiny_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service without tokens, and a worker of it."""
    made = make_service(
        tmp_path_factory.mktemp("service"), tiny_model.folder, limits={"upload_bytes": LIMIT}, lease_s=5.0
    )
    made.set(datasets={"few": str(write_samples(made.root / "few.tsv", 3))})
    (made.root / HOSTILE).write_text((made.root / "few.tsv").read_text())
    write_samples(made.root / "many.tsv", 20_000)
    made.serve()
    made.work()
    yield made
    made.end()


def test_samples_are_uploaded_watched_and_scored_and_all_that_came_of_them_is_saved(
    browser: Any, server: Service, tmp_path: Path
) -> None:
    before, table = jobs_of(server), tmp_path / "my cohort.tsv"
    table.write_text("sample_id\tage_years\nS1\t50\nS2\t60\nS3\told\n")
    opened(browser, server)
    browser.save_into(tmp_path)
    assert "At most 195 KiB and 1,000,000 rows" in browser.text("#file-hint")
    browser.choose("#file", table)
    browser.click("#send")
    job = submitted(browser, server, before)
    ended(browser, job, "done")
    version = server.wait(job["id"], "done")["model"]["version"]
    row = browser.text(f"#job-{job['id']}")
    assert row.split("\t")[0].startswith("my cohort.tsv")
    assert f"version {version}" in row
    cells = browser.run(f"[...{ROW.format(job['id'])}.cells].map(c => c.innerText.split('\\n')[0])")
    assert cells[3:5] == ["2", "1"]
    assert "my cohort.tsv is done" in browser.run("document.getElementById('news').textContent")
    short, kept = job["id"][:8], server.result(job["id"])
    for name, file, kind in (
        ("scores", f"scores-{short}.parquet", "scores.parquet"),
        ("audit", f"audit-{short}.tsv", "audit.tsv"),
        ("quarantine", f"set-aside-{short}.tsv", "quarantine.tsv"),
    ):
        act(browser, job, name)
        assert saved(tmp_path, file) == kept[kind]
    act(browser, job, "scores?format=csv")
    csv = pd.read_csv(io.BytesIO(saved(tmp_path, f"scores-{short}.csv")))
    assert len(csv) == len(pd.read_parquet(io.BytesIO(kept["scores.parquet"])))
    quiet(browser, server)


def test_the_report_opens_in_a_window_of_its_own_and_its_tables_sort(browser: Any, server: Service) -> None:
    before = jobs_of(server)
    opened(browser, server)
    browser.click("input[value=dataset]")
    browser.click("#send")
    job = submitted(browser, server, before)
    ended(browser, job, "done")
    act(browser, job, "report")
    report = browser.opened()
    report.wait("document.querySelector('#audit thead button') !== null")
    assert report.text("h1") == "few.tsv"
    report.click("#audit th:nth-child(2) button")
    assert report.run("document.querySelector('#audit th:nth-child(2)').ariaSort") == "ascending"
    assert report.run("[self.origin, opener, location.pathname]") == ["null", None, "/page/report"]
    quiet(browser, server)
    quiet(report, server)


def test_a_double_click_makes_one_job(browser: Any, server: Service) -> None:
    before = jobs_of(server)
    opened(browser, server)
    browser.click("input[value=dataset]")
    browser.click("#send", times=2)
    submitted(browser, server, before)
    browser.wait("!document.getElementById('send').disabled")
    assert [sent["method"] for sent in browser.sent()].count("POST") == 1
    assert len(jobs_of(server)) == len(before) + 1


def test_a_try_again_after_an_answer_was_lost_is_the_same_job_and_the_next_one_is_not(
    browser: Any, server: Service
) -> None:
    before = jobs_of(server)
    opened(browser, server)
    browser.click("input[value=dataset]")
    lost = {"urlPattern": "*/v1/jobs", "requestStage": "Response"}
    browser.ask("Fetch.enable", patterns=[lost])
    browser.click("#send")
    told = browser.await_event("Fetch.requestPaused")
    browser.ask("Fetch.failRequest", requestId=told["params"]["requestId"], errorReason="ConnectionReset")
    browser.ask("Fetch.disable")
    assert "is not submitted twice" in problem(browser, "submit-problem")
    assert len(jobs_of(server)) == len(before) + 1
    browser.click("#send")
    browser.wait("document.querySelector('#submit-problem .problem') === null")
    submitted(browser, server, before)
    browser.wait("!document.getElementById('send').disabled")
    browser.click("#send")
    browser.wait(
        "document.querySelectorAll('tbody tr').length > 1 && !document.getElementById('send').disabled"
    )
    keys = [sent["headers"]["Idempotency-Key"] for sent in browser.sent() if sent["method"] == "POST"]
    assert keys[0] == keys[1] != keys[2]
    assert len(jobs_of(server)) == len(before) + 2


def test_what_cannot_be_taken_is_refused_in_words_and_told_what_to_do(
    browser: Any, server: Service, tmp_path: Path
) -> None:
    opened(browser, server)
    browser.click("#send")
    assert problem(browser, "submit-problem") == "no file is chosen. Choose one, or drop it on the field."
    for name, content, words in (
        ("a.exe", b"x", "a.exe has no known ending; expected .parquet, .tsv"),
        ("large.tsv", b"x" * (LIMIT + 1), "large.tsv has 200,001 bytes; expected at most 200,000 (195 KiB)"),
        ("a.parquet", b"PAR1", "the upload is no readable parquet file. Send it again."),
        ("a.zip", b"PK no", "is no archive that is read here"),
    ):
        (tmp_path / name).write_bytes(content)
        browser.choose("#file", tmp_path / name)
        browser.click("#send")
        told = "document.getElementById('submit-problem').innerText.replace(/\\s+/g, ' ')"
        browser.wait(f"{told}.includes({words!r})")
    assert [sent["method"] for sent in browser.sent()].count("POST") == 2  # the first two were not sent
    submit_path(browser, "../service.yaml")
    browser.wait("document.getElementById('submit-problem').innerText.includes('the path is not below')")
    assert "Put the samples there, or upload them." in browser.text("#submit-problem")
    assert browser.run("document.querySelector('#submit-problem .problem').role") == "alert"


def test_a_job_that_fails_says_why_in_its_row(browser: Any, server: Service) -> None:
    (server.root / "bad.tsv").write_text("sample_id\tage_years\na\told\n")
    before = jobs_of(server)
    opened(browser, server)
    submit_path(browser, "bad.tsv")
    job = submitted(browser, server, before)
    ended(browser, job, "failed")
    told = browser.text(f"#job-{job['id']} .problem")
    assert "bad.tsv: all 1 rows were set aside" in told
    assert "Mend the table" in told


def test_names_from_outside_never_become_elements(browser: Any, server: Service, tmp_path: Path) -> None:
    before = jobs_of(server)
    opened(browser, server)
    submit_path(browser, HOSTILE)
    job = submitted(browser, server, before)
    shown = browser.run(f"{ROW.format(job['id'])}.querySelector('bdi').textContent")
    assert shown == HOSTILE.replace("\u202e", "\\u{202e}")
    file = tmp_path / "<svg onload=alert(1)>.zip"
    file.write_bytes(b"no")
    browser.click("input[value=upload]")
    browser.choose("#file", file.rename(file.with_suffix(".exe")))
    browser.click("#send")
    assert "<svg onload=alert(1)>.exe has no known ending" in problem(browser, "submit-problem")
    ended(browser, job, "done")
    act(browser, job, "report")
    report = browser.opened()
    report.wait("document.querySelector('h1') !== null")
    for window in (browser, report):
        assert window.run("document.title") != "owned"
        assert window.run("document.querySelectorAll('img, svg[onload]').length") == 0
        assert window.complaints() == []


def test_a_running_job_is_cancelled_once_that_was_confirmed(browser: Any, server: Service) -> None:
    before = jobs_of(server)
    opened(browser, server)
    submit_path(browser, "many.tsv")
    job = submitted(browser, server, before)
    ended(browser, job, "running")
    browser.wait(f"{ROW.format(job['id'])}.querySelector('progress[value]') !== null")
    for confirmed, state in ((False, "running"), (True, "cancelled")):
        browser.run(f"window.confirm = (told) => {{ window.asked = told; return {str(confirmed).lower()}; }}")
        act(browser, job, "cancel")
        assert browser.wait("window.asked").startswith("Cancel many.tsv?")
        ended(browser, job, state)
    server.wait(job["id"], "cancelled")
    assert browser.run(f"{ROW.format(job['id'])}.querySelector('button')") is None
    assert not list((server.folder / "data" / "jobs" / job["id"]).glob("result*"))


def test_a_file_can_be_dropped_on_the_form(browser: Any, server: Service) -> None:
    before = jobs_of(server)
    opened(browser, server)
    browser.run(
        "(() => { const dataTransfer = new DataTransfer();"
        "dataTransfer.items.add(new File(['sample_id\\tage_years\\na\\t50\\n'], 'dropped.tsv'));"
        "const drop = new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true });"
        "document.getElementById('drop').dispatchEvent(drop); })()"
    )
    browser.click("#send")
    job = submitted(browser, server, before)
    assert job["input"] == "dropped.tsv"


def test_the_keyboard_alone_submits_sorts_and_cancels(browser: Any, server: Service) -> None:
    before = jobs_of(server)
    opened(browser, server)

    def tab_to(selector: str) -> None:
        for _ in range(60):
            browser.press("Tab")
            if browser.run(f"document.activeElement.matches({selector!r})"):
                style = browser.run("getComputedStyle(document.activeElement).outlineStyle")
                assert style != "none"
                return
        pytest.fail(f"the keyboard does not reach {selector}")

    browser.press("Tab")
    assert browser.run("document.activeElement.className") == "skip"
    tab_to("input[value=upload]")
    browser.press("ArrowDown")
    tab_to("#path")
    browser.type("few.tsv")
    browser.press("Enter")
    job = submitted(browser, server, before)
    tab_to("thead button")
    browser.press("Enter")
    assert browser.run("document.querySelector('th').ariaSort") == "ascending"
    ended(browser, job, "done")
    assert browser.run("document.activeElement.textContent") == "Samples"  # nobody loses their place
    tab_to(f"#job-{job['id']} [data-act=report]")
    browser.press(" ")
    browser.opened().wait("document.querySelector('h1')?.innerText === 'few.tsv'")


def test_the_table_sorts_by_any_column(browser: Any, server: Service) -> None:
    for path in ("few.tsv", "bad.tsv"):
        if not (server.root / path).exists():
            (server.root / path).write_text("sample_id\tage_years\na\told\n")
        server.wait(server.submit(path), "done", "failed")
    opened(browser, server)
    browser.wait("document.querySelectorAll('tbody tr').length > 1")
    for place in range(1, 8):
        head = f"thead th:nth-child({place})"
        texts = f"[...document.querySelectorAll('tbody tr')].map(r => r.cells[{place - 1}].innerText)"
        browser.click(f"{head} button")
        first, up = browser.run(texts), browser.run(f"document.querySelector('{head}').ariaSort")
        browser.click(f"{head} button")
        assert {up, browser.run(f"document.querySelector('{head}').ariaSort")} == {"ascending", "descending"}
        assert sorted(browser.run(texts)) == sorted(first)
    browser.click("thead th:first-child button")
    names = browser.run("[...document.querySelectorAll('tbody bdi')].map(e => e.textContent)")
    assert names.index("bad.tsv") < names.index("few.tsv")


def test_a_hidden_tab_asks_nothing_and_a_quiet_one_ever_more_rarely(browser: Any, server: Service) -> None:
    until = time.monotonic() + 60
    while any(job["state"] in {"queued", "running"} for job in jobs_of(server)):
        assert time.monotonic() < until
        time.sleep(0.1)
    opened(browser, server)

    def looks() -> int:
        return sum("/v1/jobs?" in address for address in browser.requests())

    time.sleep(3)
    browser.run("1")
    assert 2 <= looks() <= 3  # at once, after 1 and 1.5 s
    browser.run("Object.defineProperty(document, 'hidden', { get: () => window.away, configurable: true })")
    browser.run("window.away = true; document.dispatchEvent(new Event('visibilitychange'))")
    seen = looks()
    time.sleep(3)
    browser.run("1")
    assert looks() == seen
    browser.run("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
    until = time.monotonic() + 10
    while looks() == seen:
        assert time.monotonic() < until
        browser.run("1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_and_nothing_is_wider_than_a_small_screen(
    browser: Any, server: Service, scheme: str
) -> None:
    server.wait(server.submit("few.tsv"), "done")
    browser.emulate(prefers_color_scheme=scheme, prefers_reduced_motion="reduce")
    opened(browser, server)
    browser.wait("document.querySelectorAll('tbody tr').length > 0")
    browser.click("#send")
    problem(browser, "submit-problem")
    for width in (1280, 900, 360):
        browser.resize(width)
        assert browser.lowest_contrast() >= 4.5  # WCAG 2.2, level AA, text of normal size
        assert browser.run("document.documentElement.scrollWidth") <= width
        rights = "[...document.querySelectorAll('#listed *')].map(e => e.getBoundingClientRect().right)"
        assert max(browser.run(rights)) <= width
    moves = "[...document.querySelectorAll('*')].map(e => getComputedStyle(e).transitionDuration)"
    assert set(browser.run(moves)) == {"0s"}


def test_every_field_and_button_has_a_name_and_news_is_read_out(browser: Any, server: Service) -> None:
    server.wait(server.submit("few.tsv"), "done")
    opened(browser, server)
    browser.wait("document.querySelectorAll('tbody tr').length > 0")
    nodes = browser.ask("Accessibility.getFullAXTree")["nodes"]
    told = {"button", "textbox", "combobox", "radio", "progressbar", "table"}
    named = [
        (node["role"]["value"], node["name"]["value"])
        for node in nodes
        if not node["ignored"] and node["role"]["value"] in told
    ]
    assert {"button", "combobox", "radio", "table"} <= {role for role, _ in named}
    assert all(name for _, name in named)
    assert browser.run("document.getElementById('news').ariaLive") == "polite"
