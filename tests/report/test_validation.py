"""The page of a check, in a real browser and without one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from metarisk.data.cohort import Provenance
from metarisk.data.summary import AssayCounts, ColumnCounts, DatedCounts, EndpointCounts, Summary
from metarisk.report.validation import Validation
from metarisk.report.validation_page import FINDINGS_SHOWN, validation_page
from metarisk.schema.findings import Finding, Level

EVIL = '=HYPERLINK("http://evil.example")<script>alert(1)</script><img src=http://evil.example/x>'
SUMMARY = Summary(
    samples=120,
    patients=100,
    assays=(
        AssayCounts("expression", 80, 20_000, 0.41, {"log2_tpm": 50, "z_score": 30}, {}),
        AssayCounts("mutation", 100, 505, 0.9, {"calls": 100}, {f"PANEL{n}": n for n in range(1, 14)}),
    ),
    endpoints=(
        EndpointCounts("site.bone", False, 90, {"yes": 20}),
        EndpointCounts("metastasis", True, 60, {"metastasis": 20, "death": 4}),
    ),
    clinical=(ColumnCounts("age_years", 90), ColumnCounts("extra.ldh", 33)),
    dated=(DatedCounts("ctdna_fraction", 94, 270),),
)
FOUND = (
    Finding(Level.ERROR, "b.txt", "the id stands twice", "Rename one.", (3, 9), "SAMPLE_ID", EVIL),
    Finding(Level.WARNING, "a.txt", "12 names were mapped", "Nothing to do."),
    Finding(Level.WARNING, "b.txt", "9 names were mapped", "Nothing to do.", tuple(range(3, 13))),
)


def checked(*found: Finding, summary: Summary | None = SUMMARY, name: str = "study") -> Validation:
    return Validation("study.yaml", Provenance(name, "CC0", "ab" * 32, "hg38"), found, summary)


def page_of(validation: Validation, folder: Path) -> Path:
    file = folder / "page.html"
    file.write_text(validation_page(validation), encoding="utf-8")
    return file


def column(browser: Any, table: str, place: int) -> list[str]:
    shown: list[str] = browser.run(
        f"[...document.querySelectorAll({table!r} + ' tbody tr:not([hidden])')]"
        f".map(row => row.cells[{place}].innerText.trim())"
    )
    return shown


FINDINGS = "#findings table"
CLINICAL = "#read .scroll:nth-of-type(3) table"


def test_nothing_is_complained_of_and_nothing_is_asked_for(browser: Any, tmp_path: Path) -> None:
    file = page_of(checked(*FOUND, name=EVIL), tmp_path)
    browser.open(file)
    assert browser.complaints() == []
    assert browser.requests() == [file.as_uri()]


def test_an_id_that_is_a_script_is_shown_to_the_letter(browser: Any, tmp_path: Path) -> None:
    browser.open(page_of(checked(*FOUND, name=EVIL), tmp_path))
    assert browser.run("document.querySelector('h1').textContent") == EVIL
    assert browser.run("document.querySelector('#findings code').textContent") == EVIL
    assert browser.run("document.querySelectorAll('img, iframe, a[href^=http]').length") == 0
    assert browser.run("document.scripts.length") == 1


def test_a_click_on_a_column_sorts_and_another_turns_it(browser: Any, tmp_path: Path) -> None:
    browser.open(page_of(checked(*FOUND), tmp_path))
    click = f"document.querySelector('{FINDINGS} th:nth-child(3) button').click()"
    browser.run(click)
    assert [text.split()[0] for text in column(browser, FINDINGS, 2)] == ["9", "12", "The"]
    sorted_by = f"document.querySelector('{FINDINGS} th:nth-child(3)').ariaSort"
    assert browser.run(sorted_by) == "ascending"
    browser.run(click)
    assert [text.split()[0] for text in column(browser, FINDINGS, 2)] == ["The", "12", "9"]
    assert browser.run(sorted_by) == "descending"


def test_shares_sort_by_their_number(browser: Any, tmp_path: Path) -> None:
    browser.open(page_of(checked(), tmp_path))
    browser.run(f"document.querySelector('{CLINICAL} th:nth-child(4) button').click()")
    assert column(browser, CLINICAL, 0) == ["extra.ldh", "age_years"]


def test_a_word_keeps_the_rows_that_hold_it(browser: Any, tmp_path: Path) -> None:
    browser.open(page_of(checked(*FOUND), tmp_path))
    browser.run(
        "const box = document.querySelector('.filter input'); box.value = 'B.TXT warning';"
        "box.dispatchEvent(new Event('input'))"
    )
    assert column(browser, FINDINGS, 2) == ["9 names were mapped"]
    assert browser.run("document.querySelector('.filter output').textContent") == "1 of 3"


def test_the_keyboard_reaches_columns_and_filter(browser: Any, tmp_path: Path) -> None:
    browser.open(page_of(checked(*FOUND), tmp_path))
    reached = browser.run(
        "[...document.querySelectorAll('button, input, a')]"
        ".every(e => { e.focus(); return e === document.activeElement })"
    )
    assert reached
    assert browser.run("document.querySelectorAll('#findings thead button').length") == 4


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(browser: Any, tmp_path: Path, scheme: str) -> None:
    browser.emulate(prefers_color_scheme=scheme)
    browser.open(page_of(checked(*FOUND), tmp_path))
    assert browser.lowest_contrast() >= 4.5  # WCAG 2.2, level AA, text of normal size


def test_the_verdict_comes_first_and_errors_before_what_was_read() -> None:
    page = validation_page(checked(*FOUND))
    places = [page.index(text) for text in ("Not usable", 'id="findings"', 'id="read"')]
    assert places == sorted(places)
    page = validation_page(checked(*FOUND[1:]))
    places = [page.index(text) for text in ("Usable with warnings", 'id="read"', 'id="findings"')]
    assert places == sorted(places)


def test_lines_are_collapsed_and_every_finding_has_its_advice() -> None:
    page = validation_page(checked(*FOUND))
    assert "lines [3, 4, 5, (7 more)]" in page
    assert "lines [3, 9], column SAMPLE_ID" in page
    assert page.count("Nothing to do.") == 2


def test_what_was_read_is_told_with_bars() -> None:
    page = validation_page(checked())
    for told in (
        "41.0% measured",
        "log2_tpm 50, z_score 30",
        "20 metastasis, 4 death",
        "known for 75.0%",
        "270",
    ):
        assert told in page
    assert "None." in page


def test_an_input_of_which_nothing_was_read_has_a_page() -> None:
    page = validation_page(checked(FOUND[0], summary=None))
    assert "Nothing: see the findings." in page


def test_ten_thousand_findings_make_a_small_page_that_says_what_it_leaves_out() -> None:
    message, do = "the id stands twice " + 40 * "and so on ", "Remove or rename one of them."
    many = [Finding(Level.ERROR, f"f{n}.txt", message, do, value="S" * 5_000) for n in range(10_000)]
    page = validation_page(checked(*many))
    assert len(page.encode()) < 300_000
    assert page.count(">error<") == FINDINGS_SHOWN
    assert f"{10_000 - FINDINGS_SHOWN:,} more are not shown here" in page


def test_an_empty_cohort_is_counted_without_dividing_by_nothing() -> None:
    page = validation_page(checked(summary=Summary(0, 0, (), (), (), ())))
    assert "0 samples of 0 patients." in page


def test_the_same_stands_in_the_json() -> None:
    told = json.loads(json.dumps(checked(*FOUND).as_dict()))
    assert list(told) == [
        "format",
        "format_version",
        "study",
        "provenance",
        "verdict",
        "errors",
        "warnings",
        "summary",
        "findings",
    ]
    assert (told["format"], told["format_version"]) == ("metarisk validation", 1)
    assert (told["verdict"], told["errors"], told["warnings"]) == ("not usable", 1, 2)
    assert told["summary"]["endpoints"][1] == {
        "name": "metastasis",
        "dated": True,
        "known": 60,
        "events": {"metastasis": 20, "death": 4},
    }
    assert told["findings"][0]["lines"] == [3, 9]
