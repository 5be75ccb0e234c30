from __future__ import annotations

from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from metarisk.config.evaluation import EvaluationSection
from metarisk.report.plots import CAPTIONS, Drawn
from metarisk.report.plots.calibration import draw_calibration
from metarisk.report.plots.decision import draw_decisions
from metarisk.report.plots.evaluation import draw_evaluation
from metarisk.report.plots.subgroups import draw_subgroups
from metarisk.train.decisions import decision_figures
from metarisk.train.figures import EVER, OURS, Answers, Question, held_out_figures, joined
from metarisk.train.held_out import HeldOut
from metarisk.train.judgement import Judgement
from metarisk.train.probability_figures import probability_figures
from metarisk.train.subgroups import subgroup_figures

N = 300
QUESTIONS = (Question("site.bone", EVER), Question("site.liver", EVER), Question("metastasis", 730.0))


@pytest.fixture(scope="module")
def held_out() -> HeldOut:
    rng = np.random.default_rng(0)
    endpoints = pd.DataFrame(
        {
            "site.bone": (rng.random(N) < 0.4).astype(float),
            "site.liver": (rng.random(N) < 0.2).astype(float),
            "metastasis.time_days": rng.exponential(900, N),
            "metastasis.event": rng.choice([0.0, 1.0, 2.0], N, p=[0.3, 0.5, 0.2]),
        }
    )
    clinical = pd.DataFrame(
        {
            "patient_id": [f"P{n}" for n in range(N)],
            "sex": rng.choice(["Female", "Male"], N),
            "race": pd.Series(rng.choice(["White", "Asian"], N, p=[0.95, 0.05]), dtype=object),
            "cancer_type": rng.choice(["LUAD", "A very long name of a cancer type that goes on and on"], N),
        }
    )
    return HeldOut(endpoints, endpoints, clinical, EvaluationSection(bootstrap=50))


@pytest.fixture(scope="module")
def models() -> dict[str, Answers]:
    rng = np.random.default_rng(1)
    return {name: {question: rng.beta(2, 4, N) for question in QUESTIONS} for name in (OURS, "linear")}


@pytest.fixture(scope="module")
def judgement(models: dict[str, Answers], held_out: HeldOut) -> Judgement:
    figures = held_out_figures(
        models, held_out.endpoints, held_out.training, held_out.clinical, held_out.section
    )
    return Judgement(
        joined(figures, probability_figures(models, held_out)),
        subgroup_figures(models, held_out),
        decision_figures(models, held_out),
    )


@pytest.fixture(scope="module")
def drawn(
    models: dict[str, Answers],
    held_out: HeldOut,
    judgement: Judgement,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Drawn]:
    folder = tmp_path_factory.mktemp("drawn")
    made = draw_evaluation(folder, list(held_out.asked(models)), judgement)
    assert (folder / CAPTIONS).is_file()
    return {figure.file.name: figure for figure in made}


def test_there_is_a_figure_of_each_kind_and_one_a_question_for_the_groups(drawn: dict[str, Drawn]) -> None:
    assert list(drawn) == [
        "auroc.png",
        "calibration.png",
        "decisions.png",
        "subgroups_site.bone.png",
        "subgroups_site.liver.png",
        "subgroups_metastasis_730d.png",
    ]
    for figure in drawn.values():
        pixels = matplotlib.image.imread(figure.file)
        assert figure.file.stat().st_size < 200_000
        assert min(pixels.shape[:2]) > 250
        assert pixels[..., :3].std() > 0.02


def test_the_caption_of_decisions_names_the_thresholds_at_which_ours_is_surely_better(
    drawn: dict[str, Drawn], judgement: Judgement
) -> None:
    rows = judgement.decisions
    rows = rows[(rows["model"] == OURS) & (rows["over"] == "each") & (rows["endpoint"] == "site.bone")]
    ahead = rows.loc[rows["gain_lower"] > 0, "threshold"]
    told = f"site: bone {ahead.min():g} to {ahead.max():g}" if len(ahead) else "site: bone nowhere"
    assert told in drawn["decisions.png"].caption
    assert "all organs, mean " in drawn["decisions.png"].caption


def test_the_caption_of_groups_has_the_lowest_and_how_many_are_too_small(
    drawn: dict[str, Drawn], judgement: Judgement
) -> None:
    rows = judgement.subgroups
    rows = rows[(rows["model"] == OURS) & (rows["endpoint"] == "site.bone") & (rows["column"] != "all")]
    lowest = rows[rows["kind"] == "group"].sort_values("auroc").iloc[0]
    caption = drawn["subgroups_site.bone.png"].caption
    assert f"lowest {lowest['group']} {lowest['auroc']:.2f} [" in caption
    assert f"{(rows['kind'] == 'too few').sum()} groups have too few" in caption


def test_the_caption_of_calibration_has_slope_and_level(
    drawn: dict[str, Drawn], judgement: Judgement
) -> None:
    figures = judgement.figures
    dated = figures[(figures["model"] == OURS) & (figures["horizon_days"] == 730.0)].set_index("metric")
    slope, level = dated["value"]["calibration_slope"], dated["value"]["calibration_in_the_large"]
    caption = drawn["calibration.png"].caption
    assert f"metastasis by 730 d: slope {slope:.2f} [" in caption or f"by 2 y: slope {slope:.2f} [" in caption
    assert f"level {level:+.2f}" in caption


def test_equal_tables_are_drawn_with_equal_bytes(
    drawn: dict[str, Drawn],
    models: dict[str, Answers],
    held_out: HeldOut,
    judgement: Judgement,
    tmp_path: Path,
) -> None:
    for figure in draw_evaluation(tmp_path, list(held_out.asked(models)), judgement):
        assert figure.file.read_bytes() == drawn[figure.file.name].file.read_bytes()


def test_without_anything_to_draw_there_is_no_file(judgement: Judgement, tmp_path: Path) -> None:
    assert draw_calibration([], judgement.figures, tmp_path) is None
    assert draw_decisions(judgement.decisions.head(0), tmp_path) is None
    assert draw_subgroups(judgement.subgroups.head(0), tmp_path) == []
    assert not list(tmp_path.iterdir())
