"""`metarisk report`: pages of patients, tried in a real browser, and inputs that are not as one hopes."""

from __future__ import annotations

import base64
import json
import logging
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from metarisk.cli import run
from metarisk.data.cohort import Cohort
from metarisk.data.store import write_cohort
from metarisk.errors import InputError, OutputError
from metarisk.jobs.report import Chosen, chosen_rows, file_name, report

if TYPE_CHECKING:
    from tests.browser import Window
    from tests.conftest import TinyModel

MEGABYTE = 1 << 20
SCRIPT_ID = "<script>alert('x')</script>"
SECTIONS = ("quality", "time", "organs", "response", "circuits", "what-if", "similar", "limits")
UNNAMED = """
  [...document.querySelectorAll("svg")]
    .filter((e) => !e.getAttribute("aria-label") && !e.closest("[aria-hidden='true']")).length
"""


@dataclass(frozen=True)
class Made:
    """Reports of three samples, the second with an id that is HTML, the third with nothing measured."""

    folder: Path
    cohort: Path
    pages: tuple[Path, ...]


def awkward(cohort: Cohort) -> Cohort:
    """Three samples: one as it is, one whose id is HTML, one of which nothing was measured."""
    few = cohort.take(np.arange(3))
    ids = few.sample_ids.astype(object)
    ids[1] = SCRIPT_ID
    clinical = few.clinical.set_axis(ids, axis=0).rename_axis("sample_id")
    clinical.loc[ids[2], clinical.columns.drop("patient_id")] = None
    assays = {}
    for assay, table in few.assays.items():
        values, units = table.values.copy(), table.units.copy()
        values[2], units[2] = np.nan, ""
        assays[assay] = replace(table, sample_ids=ids.astype(str), values=values, units=units)
    return replace(few, clinical=clinical, assays=assays, endpoints=few.endpoints.set_axis(ids, axis=0))


@pytest.fixture(scope="module")
def made(tiny_model: TinyModel, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("report")
    write_cohort(awkward(tiny_model.new_samples), folder / "cohort")
    result = report(str(tiny_model.folder), folder / "cohort", folder / "out", Chosen(everybody=True))
    assert result.pages == 3
    assert result.first == folder / "out" / "index.html"
    names = json.loads((folder / "out" / "report.json").read_text())["pages"]
    return Made(folder / "out", folder / "cohort", tuple(folder / "out" / name for name in names))


def test_data_quality_comes_first_and_every_part_is_there(made: Made, browser: Window) -> None:
    browser.open(made.pages[0])
    assert tuple(browser.run("[...document.querySelectorAll('section')].map((e) => e.id)")) == SECTIONS
    assert "Research use only" in browser.text("header")
    assert "training patients" in browser.text("#quality")


@pytest.mark.parametrize("page", range(3))
def test_a_page_complains_of_nothing_and_asks_for_nothing(made: Made, browser: Window, page: int) -> None:
    browser.open(made.pages[page])
    assert browser.complaints() == []
    assert browser.requests() == [made.pages[page].as_uri()]
    assert made.pages[page].stat().st_size < MEGABYTE


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_text_can_be_read_and_nothing_is_wider_than_the_window(
    made: Made, browser: Window, scheme: str, width: int
) -> None:
    browser.emulate(prefers_color_scheme=scheme)
    browser.resize(width)
    for page in made.pages:
        browser.open(page)
        assert browser.lowest_contrast() >= 4.5
        assert browser.run("document.documentElement.scrollWidth") <= width


def test_every_figure_says_in_words_what_it_shows(made: Made, browser: Window) -> None:
    for page in made.pages:
        browser.open(page)
        assert browser.run(UNNAMED) == 0
        assert browser.run("document.querySelectorAll('svg[role=img]').length") > 0


def test_a_table_is_sorted_with_the_keyboard(made: Made, browser: Window) -> None:
    browser.open(made.pages[0])
    browser.run("document.querySelector('#organs th button').focus()")
    browser.press("Enter")
    assert browser.run("document.querySelector('#organs th').ariaSort") == "ascending"


def test_it_prints_with_its_text(made: Made, browser: Window, tmp_path: Path) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("no pdftotext here: install poppler-utils to read what was printed")
    browser.open(made.pages[0])
    printed = browser.ask("Page.printToPDF", printBackground=True, preferCSSPageSize=True)
    (tmp_path / "page.pdf").write_bytes(base64.b64decode(printed["data"]))
    text = subprocess.run(
        ["pdftotext", "-layout", tmp_path / "page.pdf", "-"], capture_output=True, text=True, check=True
    ).stdout
    assert "Research use only" in text
    assert "What must not be concluded" in text
    assert text.count("\f") <= 3


def test_an_id_that_is_html_is_shown_as_text(made: Made, browser: Window) -> None:
    browser.open(made.pages[1])
    assert browser.text("h1") == SCRIPT_ID
    assert SCRIPT_ID not in made.pages[1].read_text()
    assert "<" not in made.pages[1].name
    browser.open(made.folder / "index.html")
    assert SCRIPT_ID in browser.text("#patients table")
    browser.run("document.querySelector('#patients tbody tr:nth-child(2) a').focus()")
    browser.press("Enter")
    browser.wait(f"document.querySelector('h1')?.innerText === {json.dumps(SCRIPT_ID)}")


def test_where_all_answers_are_withheld_the_page_says_why(made: Made, browser: Window) -> None:
    browser.open(made.pages[2])
    quality = browser.text("#quality")
    assert "All answers are withheld" in quality or "nothing that the model reads was measured" in quality
    assert browser.run("document.querySelectorAll('.organ.withheld').length") > 0
    assert browser.run("document.querySelectorAll('.point').length") == 0
    told = json.loads(made.pages[2].with_suffix(".json").read_text())
    assert told["parts"] == told["what_if"] == told["curves"] == []
    assert all(answer["value"] is None for answer in told["answers"])


def test_page_json_and_tsv_say_the_same(made: Made, browser: Window) -> None:
    told = json.loads(made.pages[0].with_suffix(".json").read_text())
    rows = [line.split("\t") for line in made.pages[0].with_suffix(".tsv").read_text().splitlines()]
    values = {(row[1], row[2]): row[3] for row in rows if row[0] == "answer"}
    for answer in told["answers"]:
        if answer["value"] is not None:
            horizon = "" if answer["horizon_days"] is None else f"{answer['horizon_days']:g}"
            assert float(values[answer["question"], horizon]) == pytest.approx(answer["value"], rel=1e-5)
    browser.open(made.pages[0])
    bone = next(answer for answer in told["answers"] if answer["target"] == "bone")
    assert f"{100 * bone['value']:.0f} %" in browser.text("#organs")


def test_an_answer_is_the_same_as_in_a_table_of_scores(made: Made, tiny_model: TinyModel) -> None:
    from metarisk.data.store import read_cohort
    from metarisk.models.bundle import load_bundle
    from metarisk.models.scoring import score_cohort

    scores = score_cohort(load_bundle(tiny_model.folder), read_cohort(made.cohort))
    for page in made.pages:
        told = json.loads(page.with_suffix(".json").read_text())
        own = scores[scores["sample_id"] == told["sample_id"]]
        values = [answer["value"] for answer in told["answers"]]
        np.testing.assert_array_equal(np.array(values, dtype=float), own["probability"].to_numpy())


def test_the_same_input_gives_the_same_bytes(made: Made, tiny_model: TinyModel, tmp_path: Path) -> None:
    report(str(tiny_model.folder), made.cohort, tmp_path / "again", Chosen(everybody=True))
    names = sorted(path.name for path in made.folder.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "again").iterdir())
    for name in names:
        assert (made.folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_no_log_line_holds_a_patients_values(
    made: Made, tiny_model: TinyModel, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="metarisk"):
        report(str(tiny_model.folder), made.cohort, tmp_path / "out", Chosen(everybody=True, what_if=False))
    told = json.loads(made.pages[0].with_suffix(".json").read_text())
    for value in (fact["value"] for fact in told["clinical"] if "." in fact["value"]):
        assert value not in caplog.text


def test_one_patient_has_a_page_and_no_index(
    tiny_model: TinyModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_cohort(tiny_model.new_samples.take(np.arange(1)), tmp_path / "one")
    words = ["report", str(tiny_model.folder), str(tmp_path / "one"), "--out", str(tmp_path / "out")]
    assert run([*words, "--no-what-if"]) == 0
    assert not (tmp_path / "out" / "index.html").exists()
    assert len(list((tmp_path / "out").glob("*.html"))) == 1
    assert "pages" in capsys.readouterr().out
    with pytest.raises(OutputError, match="exists"):
        report(str(tiny_model.folder), tmp_path / "one", tmp_path / "out", Chosen())


def test_an_unknown_patient_is_refused_and_the_nearest_is_named(tiny_model: TinyModel) -> None:
    known = str(tiny_model.new_samples.sample_ids[0])
    with pytest.raises(InputError, match=rf"no patient or sample {known}x.*Did you mean"):
        chosen_rows(tiny_model.new_samples, Chosen((f"{known}x",)))


def test_nobody_named_of_several_is_refused(tiny_model: TinyModel) -> None:
    with pytest.raises(InputError, match=r"no patient was named; expected --patient ID, or --all"):
        chosen_rows(tiny_model.new_samples, Chosen())


def test_an_empty_cohort_is_refused_in_words(tiny_model: TinyModel) -> None:
    nobody = tiny_model.new_samples.take(np.arange(0))
    with pytest.raises(InputError, match="has no samples; expected at least one patient"):
        chosen_rows(nobody, Chosen(everybody=True))


def test_a_patient_is_named_by_its_id_or_that_of_its_sample(tiny_model: TinyModel) -> None:
    cohort = tiny_model.new_samples
    wanted = (str(cohort.patient_ids[2]), str(cohort.sample_ids[0]))
    assert chosen_rows(cohort, Chosen(wanted)).tolist() == [0, 2]
    assert len(chosen_rows(cohort, Chosen(everybody=True, limit=4))) == 4


@pytest.mark.parametrize("sample", ["../../etc", "CON.html", "a/b", "index", "é" * 300, "=1+1"])
def test_a_file_name_is_plain_whatever_the_id(sample: str) -> None:
    name = file_name(sample, 0)
    assert name.isascii()
    assert name.replace("_", "").isalnum()
    assert len(name) < 100
