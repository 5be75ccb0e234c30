"""The page of a scoring job: counts only, small whatever was scored, nothing in it runs or loads."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from metarisk.report.page.histogram import paired_histogram
from metarisk.report.scores_page import SetAsideRows, scores_page
from metarisk.score.audit import AnswersNow, Audit, Check, Verdict
from metarisk.score.report import ScoreReport

BAD = "<script>alert(1)</script>"


class Read(HTMLParser):
    """Text and elements as a browser's parser would see them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.tags, self.attributes = "", [], []
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def report(name: str = "cohort", flags: dict[str, int] | None = None) -> ScoreReport:
    return ScoreReport(
        out=Path("scores"),
        model_name="metarisk",
        model_version="7",
        bundle_sha256="b" * 64,
        topology_sha256="t" * 64,
        input_name=name,
        input_sha256="i" * 64,
        samples=1_000_000,
        rows=7_000_000,
        abstained=70_000,
        flags=flags or {"far:expression": 12_345, "missing:mutation": 5},
        sha256="s" * 64,
    )


def check(name: str = "age_years", verdict: Verdict = "alarm") -> Check:
    return Check("number", name, "share: under 50", 0.1, 0.6, 1.234, 1e-9, 1_000_000, verdict)


def answers(name: str = "site.bone", answered: int = 900) -> AnswersNow:
    cuts = tuple(at / 10 for at in range(1, 10))
    return AnswersNow(name, cuts, (100,) * 10, (answered // 10,) * 10, 0.3, 0.25, answered, 40, {})


def audit(
    checks: tuple[Check, ...] | None = None, told: tuple[AnswersNow, ...] | None = None, **more: int
) -> Audit:
    return Audit(
        samples=1_000_000,
        training_patients=1_113,
        checks=(check(),) if checks is None else checks,
        answers=(answers(),) if told is None else told,
        abstained={"never-met:cancer_type": 70_000},
        flags={"far:expression": 12_345, "missing:mutation": 5, **more},
        compared=1_000_000,
        far=12_345,
    )


NONE = SetAsideRows(0, {})


def test_it_tells_what_was_scored_with_what_and_for_what_it_may_be_used() -> None:
    page = Read(scores_page(report(), audit(), NONE))
    for told in (
        "Research use only",
        "metarisk 7",
        "1,113 patients",
        "b" * 64,
        "i" * 64,
        "t" * 64,
        "1,000,000",
    ):
        assert told in page.text
    assert "Every row of the input was scored" in page.text


def test_rows_that_were_set_aside_come_first_by_reason_the_commonest_on_top() -> None:
    text = Read(scores_page(report(), audit(), SetAsideRows(30, {"rare": 1, "age is no number": 29}))).text
    assert "30 of 1,000,030 rows were set aside" in text
    assert text.index("Data quality") < text.index("Audit against training") < text.index("Answers")
    assert text.index("age is no number") < text.index("rare")


def test_nothing_that_a_name_or_reason_holds_becomes_an_element() -> None:
    page = scores_page(
        report(BAD, {BAD: 1}),
        audit((check(BAD),), (answers(BAD), answers(BAD, 0)), **{f"other:{BAD}": 3}),
        SetAsideRows(1, {BAD: 1}),
    )
    read = Read(page)
    assert read.tags.count("script") == 1
    assert BAD in read.text
    assert not [name for name, _ in read.attributes if name.startswith("on")]


def test_it_loads_nothing_and_allows_only_its_own_script() -> None:
    page = scores_page(report(), audit(), NONE)
    read = Read(page)
    policy = next(value for name, value in read.attributes if name == "content")
    assert "default-src 'none'" in str(policy)
    assert not [value for name, value in read.attributes if name in {"src", "style"}]
    assert all((value or "").startswith("#") for name, value in read.attributes if name == "href")
    assert not re.search(r"https?://", page)


def test_it_stays_small_whatever_was_scored() -> None:
    many = 2_000
    page = scores_page(
        report(),
        audit(
            tuple(check(f"extra.{number:04d}{'x' * 500}") for number in range(many)),
            tuple(answers(f"question {number}{'x' * 500}") for number in range(many)),
            **{f"other:{number}{'x' * 200}": number for number in range(many)},
        ),
        SetAsideRows(many, {f"reason {number}{'x' * 500}": 1 for number in range(many)}),
    )
    assert len(page.encode()) < 300_000
    assert "1,850 more stand in the files beside this page" in page


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("ok", "are like those of the patients"),
        ("look", "by more than chance"),
        ("alarm", "may not mean what they say"),
        ("too few", "nothing can be said about drift"),
    ],
)
def test_each_verdict_says_what_it_means(verdict: Verdict, words: str) -> None:
    text = Read(scores_page(report(), audit((check(verdict=verdict),)), NONE)).text
    assert f"Audit: {verdict}" in text
    assert words in text


def test_a_question_without_an_answer_is_named_and_has_no_figure() -> None:
    page = Read(scores_page(report(), audit(told=(answers("response", 0),)), NONE))
    assert "No sample was answered about: response" in page.text
    assert "figure" not in page.tags


def test_bars_are_as_high_as_their_shares_of_the_highest() -> None:
    drawn = paired_histogram((10, 30), (5, 5), ("50",), "told", ("one", "other"))
    heights = [float(h) for h in re.findall(r'height="([\d.]+)"', drawn)]
    highest = max(heights)
    assert [round(h / highest, 2) for h in heights] == [0.33, 0.67, 1.0, 0.67]
    assert 'aria-label="told"' in drawn
    assert paired_histogram((0,), (0,), (), "none", ("one", "other")).count("<rect") == 2


def shown(browser: Any, folder: Path, page: str) -> None:
    file = folder / "scores.html"
    file.write_text(page, encoding="utf-8")
    browser.open(file)
    assert browser.complaints() == []
    assert browser.requests() == [file.as_uri()]


def test_a_browser_complains_of_nothing_asks_for_nothing_and_runs_nothing_of_a_name(
    browser: Any, tmp_path: Path
) -> None:
    page = scores_page(report(BAD, {BAD: 1}), audit((check(BAD),)), SetAsideRows(1, {BAD: 1}))
    shown(browser, tmp_path, page)
    assert browser.run("document.querySelector('h1').textContent") == BAD
    assert browser.run("document.scripts.length") == 1


def test_its_tables_sort_by_number_and_keep_the_rows_that_hold_a_word(browser: Any, tmp_path: Path) -> None:
    sizes = {"nine": 9.0, "ten": 10.0, "half": 0.5}
    checks = tuple(
        Check("number", name, "share", 0.1, 0.6, psi, 0.5, 90, "ok") for name, psi in sizes.items()
    )
    shown(browser, tmp_path, scores_page(report(), audit(checks), NONE))
    names = "[...document.querySelectorAll('#audit tbody tr:not([hidden]) code')].map(e => e.textContent)"
    browser.click("#audit th:nth-child(6) button")
    assert browser.run(names) == ["half", "nine", "ten"]
    browser.click("#audit th:nth-child(6) button")
    assert browser.run(names) == ["ten", "nine", "half"]
    browser.click("#audit .filter input")
    browser.type("nin")
    assert browser.run(names) == ["nine"]
    assert browser.text("#audit .filter output") == "1 of 3"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_and_nothing_is_wider_than_a_small_screen(
    browser: Any, tmp_path: Path, scheme: str
) -> None:
    browser.emulate(prefers_color_scheme=scheme)
    browser.resize(360)
    shown(browser, tmp_path, scores_page(report(), audit(), SetAsideRows(1, {BAD: 1})))
    assert browser.lowest_contrast() >= 4.5  # WCAG 2.2, level AA, text of normal size
    assert browser.run("document.documentElement.scrollWidth") <= 360
