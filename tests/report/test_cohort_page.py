"""The page of an evaluation, in a real browser and without one."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.data.cohort import Provenance
from metarisk.errors import InputError
from metarisk.explain.movers import NO_GRAPH, TOO_FEW, nothing_told
from metarisk.jobs.cohort_report import Judgements, told_of, write_report
from metarisk.models.answers import probabilities
from metarisk.report.cohort import Told, cohort_page
from metarisk.report.page.chart import ticks
from metarisk.report.page.markdown import markdown
from metarisk.report.tripod import AUTHORS, ITEMS, as_markdown, as_table
from metarisk.train.decisions import decision_figures
from metarisk.train.figures import OURS, answers_of, joined
from metarisk.train.held_out import HeldOut
from metarisk.train.judgement import Judgement, held_figures
from metarisk.train.probability_figures import probability_figures
from metarisk.train.subgroups import subgroup_figures
from tests.conftest import TinyModel

EVIL = "<script>alert(1)</script><img src=http://evil.example/x>"
LARGEST = 3_000_000


def judgements(tiny: TinyModel, rows: np.ndarray[Any, Any] | None = None, times: int = 1) -> Judgements:
    """A model on samples it has not seen; ``times`` repeats their answers and outcomes under new ids."""
    samples = tiny.new_samples if rows is None else tiny.new_samples.take(rows)
    section = tiny.bundle.experiment.evaluation
    batch = tiny.bundle.transform.apply(samples)
    horizons = tiny.bundle.experiment.tasks.horizons_days
    answered = probabilities(tiny.bundle.ensemble, tiny.bundle.calibration, batch, horizons)
    ours = {question: np.tile(answer, times) for question, answer in answers_of(answered).items()}
    endpoints = pd.concat([samples.endpoints] * times)
    clinical = pd.concat([samples.clinical] * times)
    clinical = clinical.assign(patient_id=[f"P{at}" for at in range(len(clinical))])
    held_out = HeldOut(endpoints, endpoints, clinical, section)
    models = {OURS: ours}
    figures = held_figures(models, answered, held_out) if times == 1 else pd.DataFrame()
    figures = joined(probability_figures(models, held_out), figures)
    judgement = Judgement(figures, subgroup_figures(models, held_out), decision_figures(models, held_out))
    heading = {
        "command": "metarisk evaluate BUNDLE STUDY",
        "cohort_sha256": "c" * 64,
        "left_out": "0 samples",
    }
    return Judgements(tiny.bundle, samples, held_out, models, judgement, heading, ("A note.",))


@pytest.fixture(scope="module")
def told(tiny_model: TinyModel) -> Told:
    return told_of(judgements(tiny_model))


@pytest.fixture
def file(told: Told, tmp_path: Path) -> Path:
    page = tmp_path / "report.html"
    page.write_text(cohort_page(told), encoding="utf-8")
    return page


def test_nothing_is_complained_of_and_nothing_is_asked_for(browser: Any, file: Path) -> None:
    browser.open(file)
    assert browser.complaints() == []
    assert browser.requests() == [file.as_uri()]
    assert file.stat().st_size < LARGEST


def test_hostile_names_are_shown_to_the_letter_and_run_nothing(
    browser: Any, told: Told, tmp_path: Path
) -> None:
    card = f"# {EVIL}\n\n- {EVIL}\n\n| {EVIL} | b |\n|---|---|\n| {EVIL} | 1 |\n"
    hostile = replace(
        told,
        name=EVIL,
        notes=(EVIL,),
        heading={**told.heading, EVIL: EVIL},
        model=replace(told.model, name=EVIL, card=card),
        figures=told.figures.assign(model=lambda table: table["model"].where(table.index > 0, EVIL)),
        subgroups=told.subgroups.assign(group=EVIL),
    )
    page = tmp_path / "evil.html"
    page.write_text(cohort_page(hostile), encoding="utf-8")
    browser.open(page)
    assert browser.run("document.querySelector('h1').textContent") == EVIL
    assert browser.run("document.querySelector('.card h3').textContent") == EVIL
    assert browser.run("document.scripts.length") == 1
    assert browser.run("document.querySelectorAll('img, iframe, a[href^=http]').length") == 0
    assert browser.complaints() == []
    assert browser.requests() == [page.as_uri()]


def test_the_general_table_sorts_by_its_figures_and_keeps_the_rows_that_hold_a_word(
    browser: Any, file: Path
) -> None:
    browser.open(file)
    rows = "[...document.querySelectorAll('#general tbody tr:not([hidden])')]"
    cells = f"{rows}.map(r => r.cells[4].dataset.sort - 0)"
    before = browser.run(cells)
    browser.click("#general th:nth-child(5) button")
    assert browser.run(cells) == sorted(before)
    browser.click("#general th:nth-child(5) button")
    assert browser.run(cells) == sorted(before, reverse=True)
    browser.click("#general .filter input")
    browser.type("liver")
    assert browser.run("document.querySelectorAll('#general tbody tr:not([hidden])').length") == 1
    titles = "[...document.querySelectorAll('#general th abbr')].every(e => e.title.length > 10)"
    assert browser.run(titles)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_and_nothing_is_wider_than_a_small_screen(
    browser: Any, file: Path, scheme: str
) -> None:
    browser.emulate(prefers_color_scheme=scheme)
    browser.resize(360)
    browser.open(file)
    assert browser.lowest_contrast() >= 4.5  # WCAG 2.2, level AA, text of normal size
    assert browser.run("document.documentElement.scrollWidth") <= 360


def test_headings_are_in_order_charts_have_words_and_the_keyboard_reaches_all(
    browser: Any, file: Path
) -> None:
    browser.open(file)
    levels = browser.run("[...document.querySelectorAll('h1,h2,h3,h4')].map(e => e.tagName[1] - 0)")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    plots = "[...document.querySelectorAll('svg.plot')]"
    assert browser.run(f"{plots}.length") > 5
    assert browser.run(
        f"{plots}.every(e => e.querySelector('title') && e.querySelector('desc').textContent.length > 10"
        " && e.getAttribute('role') === 'img')"
    )
    assert browser.run("document.documentElement.lang") == "en"
    assert browser.run(
        "[...document.querySelectorAll('button, input, a, summary, [tabindex]')]"
        ".filter(e => e.checkVisibility())"
        ".every(e => { e.focus(); return e === document.activeElement })"
    )


def test_on_paper_every_row_is_there_and_the_boxes_for_words_are_not(browser: Any, file: Path) -> None:
    browser.open(file)
    browser.ask("Emulation.setEmulatedMedia", media="print")
    hidden = browser.run(
        "[...document.querySelectorAll('.tall')].some(e => e.scrollHeight > e.clientHeight + 1)"
    )
    assert not hidden
    assert browser.run("getComputedStyle(document.querySelector('.filter')).display") == "none"
    paper = browser.ask("Page.printToPDF", printBackground=True)["data"]
    assert len(paper) > 50_000
    browser.ask("Emulation.setEmulatedMedia", media="")


def test_ten_thousand_patients_make_a_page_that_opens_at_once(
    browser: Any, tiny_model: TinyModel, tmp_path: Path
) -> None:
    times = -(-10_000 // len(tiny_model.new_samples))
    told = told_of(judgements(tiny_model, times=times))
    assert told.curves.ranking["n"].max() > 2_000
    page = tmp_path / "many.html"
    page.write_text(cohort_page(told), encoding="utf-8")
    assert page.stat().st_size < LARGEST
    start = time.perf_counter()
    browser.open(page)
    assert time.perf_counter() - start < 5.0
    assert browser.complaints() == []


@pytest.mark.parametrize("n", [1, 12])
def test_one_patient_and_a_dozen_have_a_page_that_says_what_it_cannot_say(
    tiny_model: TinyModel, n: int
) -> None:
    told = told_of(judgements(tiny_model, np.arange(n)))
    page = cohort_page(told)
    assert "No question has ten of either answer." in page
    assert "No dated endpoint of the model has 20 samples with follow-up here." in page
    assert not re.search(r"\bnan\b", page)
    json.dumps(told.curves.ranking.to_dict())


def test_an_empty_cohort_is_refused_in_words(tiny_model: TinyModel) -> None:
    from metarisk.config.experiment import CohortSection
    from metarisk.train.run import choose_samples

    section = CohortSection(keep={"cancer_type": ("NONE",)})
    with pytest.raises(InputError, match=r"no sample of .* passes cohort\.keep"):
        choose_samples(tiny_model.new_samples, section)


def test_where_every_answer_would_be_withheld_the_page_says_so_first(told: Told) -> None:
    assert told.audit is not None
    silent = tuple(one._replace(answered=0, mean_now=None) for one in told.audit.answers)
    page = cohort_page(replace(told, audit=replace(told.audit, answers=silent)))
    assert "every score would be withheld" in page
    assert page.index("every score would be withheld") < page.index('id="general"')


def test_every_item_of_the_checklist_has_a_row_and_its_numbers_are_those_of_the_figures(told: Told) -> None:
    table = as_table(told)
    main = [re.sub(r"\D", "", number) for number in table["item"]]
    assert sorted(set(map(int, main))) == list(range(1, 28))
    assert len(table) == len(ITEMS) == 52
    assert table["said"].str.len().min() > 10
    assert (table.loc[table["by"] == "authors", "said"] == AUTHORS).all()
    said = table.set_index("item").loc["23a", "said"]
    figures = told.figures.query("metric == 'auroc' and stratum == 'all' and model == @OURS")
    for row in figures.to_dict("records"):
        assert f"{row['value']:.3f} [{row['lower']:.3f}-{row['upper']:.3f}]" in said
    counts = table.set_index("item").loc["21", "said"]
    assert all(f"{row['n']} / {row['events']}" in counts for row in figures.to_dict("records"))
    assert len(as_markdown(told).splitlines()) == len(table) + 4


def test_cells_of_few_are_withheld_and_curves_end_where_few_are_followed(told: Told) -> None:
    assert (told.curves.incidence["at_risk"] >= 5).all()
    small = told.subgroups.query("kind == 'too few'")
    assert len(small)
    assert small["auroc"].isna().all()


def test_the_files_beside_the_page_say_the_same_and_equal_runs_are_equal(
    tiny_model: TinyModel, tmp_path: Path
) -> None:
    of = judgements(tiny_model)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_report(of, tmp_path / name)
    names = {path.name for path in (tmp_path / "one").iterdir()}
    tables = {f"{name}.tsv" for name in ("incidence", "ranking", "calibration", "tripod", "audit")}
    tables |= {f"moves_{name}.tsv" for name in ("answers", "circuits", "edges", "genes")}
    assert names == tables | {"report.html", "report.json", "tripod.md", "model_card.md"}
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    tree = json.loads((tmp_path / "one" / "report.json").read_text())
    assert tree["model"]["sha256"] == tiny_model.bundle.sha256
    assert len(tree["tables"]["figures"]) == len(of.judgement.figures)
    assert len(tree["tripod"]) == len(ITEMS)
    told = told_of(of).movers
    assert {name: len(tree["tables"][name]) for name in told.tables} == {
        name: len(table) for name, table in told.tables.items()
    }
    ids = [*of.samples.sample_ids[:5], *of.samples.patient_ids[:5]]
    for name in names:
        content = (tmp_path / "one" / name).read_text(encoding="utf-8")
        assert not any(each in content for each in ids), name


def test_every_link_of_the_page_leads_to_a_part_of_it(told: Told) -> None:
    judged = replace(told, training=False)
    for each in (told, judged, replace(judged, audit=None)):
        page = cohort_page(each)
        links = set(re.findall(r'href="#([^"]+)"', page))
        assert {"general", "moves"} < links <= set(re.findall(r' id="([^"]+)"', page))


def test_the_question_that_is_chosen_is_taken_apart_and_the_keyboard_chooses(
    browser: Any, file: Path
) -> None:
    browser.open(file)
    shown = "[...document.querySelectorAll('#moves .panel')].filter(e => e.checkVisibility())"
    heading = f"{shown}.map(e => e.querySelector('h3').textContent)"
    assert browser.run(heading) == ["Bone"]
    browser.run("document.querySelector('#moves input').focus()")
    browser.press("ArrowDown")
    assert browser.run(heading) == ["Liver"]
    browser.click("#moves label[for=moves-3]")
    assert browser.run(heading) == ["Metastasis by 1 y"]
    assert browser.run(f"{shown}[0].querySelectorAll('svg.network g.node').length") > 10
    browser.ask("Emulation.setEmulatedMedia", media="print")
    assert browser.run(f"{shown}.length") == browser.run("document.querySelectorAll('#moves .panel').length")
    browser.ask("Emulation.setEmulatedMedia", media="")


def test_names_of_genes_do_not_touch_in_the_browser(browser: Any, file: Path) -> None:
    browser.open(file)
    touching = """
    (() => {
      const boxes = [...document.querySelectorAll('#moves .panel')].filter(e => e.checkVisibility())[0]
        .querySelectorAll('.plot .node text, .plot .node circle, .plot .caption');
      const all = [...boxes].map(e => e.getBoundingClientRect());
      return all.some((a, i) => all.slice(i + 1).some((b) =>
        a.left < b.right && b.left < a.right && a.top + 2 < b.bottom && b.top + 2 < a.bottom));
    })()"""
    for place in range(5):
        browser.run(f"document.getElementById('moves-{place}').click()")
        assert not browser.run(touching)


def test_the_section_says_that_reasons_are_no_biology_and_what_rewired_edges_did(told: Told) -> None:
    page = cohort_page(told)
    assert "the model's reasons, not biology" in unescape(page)
    assert "with rewired ones" not in page
    ours = told.figures[told.figures["metric"] == "auroc"]
    both = replace(told, figures=pd.concat([told.figures, ours.assign(model="rewired")]))
    mean = ours[ours["stratum"] == "all"]["value"].mean()
    assert f"mean AUROC {mean:.3f} with these edges, {mean:.3f} with rewired ones" in cohort_page(both)


def test_where_circuits_hardly_move_an_answer_the_page_says_so(told: Told) -> None:
    circuits = told.movers.circuits.assign(mean_size=0.01, part=0.0001)
    answers = told.movers.answers.assign(direct_size=99.0)
    weak = cohort_page(replace(told, movers=told.movers._replace(circuits=circuits, answers=answers)))
    assert weak.count("all of them together are 1.0% of what does") == len(answers)
    assert "\u00d7 1.0101" in weak  # a factor has the digits that tell it from 1


def test_where_nothing_can_be_told_the_section_is_a_sentence(told: Told) -> None:
    page = cohort_page(replace(told, movers=nothing_told(40, NO_GRAPH)))
    assert NO_GRAPH in page
    assert 'class="plot network"' not in page
    nine = nothing_told(9, TOO_FEW)
    assert TOO_FEW in cohort_page(replace(told, movers=nine))


def test_a_cohort_without_a_name_that_is_safe_is_named_as_it_is(tiny_model: TinyModel) -> None:
    of = judgements(tiny_model)
    named = replace(of, samples=replace(of.samples, provenance=Provenance(EVIL, "CC0", "")))
    page = cohort_page(told_of(named))
    assert EVIL not in page
    assert "&lt;script&gt;" in page


def test_our_markdown_becomes_markup_and_nothing_else_does() -> None:
    made = markdown("# A\n\n## B\n\n- **x** `y`\n- <b>\n\n| a | b |\n|---|---|\n| 1\\|2 | <i> |\n", 3)
    assert "<h3>A</h3>" in made
    assert "<h4>B</h4>" in made
    assert "<strong>x</strong> <code>y</code>" in made
    assert "&lt;b&gt;" in made
    assert "1|2" in made
    assert "<i>" not in made


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ((0.0, 1.0), [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        ((0.0, 2303.0), [0, 500, 1000, 1500, 2000]),
        ((3.0, 3.0), [3.0]),
    ],
)
def test_ticks_are_round(ends: tuple[float, float], expected: list[float]) -> None:
    assert ticks(ends) == pytest.approx(expected)
