from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from metarisk.config.evaluation import EvaluationSection
from metarisk.errors import OutputError
from metarisk.report.plots import CAPTIONS, Drawn, draw_training
from metarisk.report.plots.discrimination import wilson
from metarisk.report.plots.incidence import GROUPS, Incidence, draw_incidence, incidence_groups
from metarisk.report.plots.learning import draw_learning, kept_epoch
from metarisk.train.figures import EVER, OURS, Question
from metarisk.train.fit import Epoch
from metarisk.train.held_out import HeldOut
from metarisk.train.judgement import Judgement, judge

N = 240
BONE, METASTASIS = Question("site.bone", EVER), Question("metastasis", 365.0)


@pytest.fixture(scope="module")
def endpoints() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    bone = (rng.random(N) < 0.3).astype(float)
    bone[::10] = np.nan
    return pd.DataFrame(
        {
            "site.bone": bone,
            "site.brain": np.where(np.arange(N) == 1, 1.0, 0.0),  # one patient: nothing to draw
            "metastasis.time_days": rng.exponential(500, N),
            "metastasis.event": rng.choice([0.0, 1.0, 2.0], N, p=[0.3, 0.5, 0.2]),
        }
    )


@pytest.fixture(scope="module")
def told(endpoints: pd.DataFrame) -> dict[str, Any]:
    """What a finished training has to tell."""
    rng = np.random.default_rng(1)
    ours = {question: rng.uniform(0.1, 0.9, N) for question in (BONE, METASTASIS)}
    ours[Question("site.brain", EVER)] = np.full(N, 0.1)
    answers = {OURS: ours, "linear": {BONE: rng.random(N)}}
    groups = pd.DataFrame(
        {"patient_id": [f"P{n}" for n in range(N)], "cancer_type": np.where(np.arange(N) % 2, "A", "B")}
    )
    held_out = HeldOut(endpoints, endpoints, groups, EvaluationSection(bootstrap=50))
    judgement = judge(answers, [], held_out)
    return {"curves": {OURS: CURVE}, "answers": answers, "endpoints": endpoints, "judgement": judgement}


CURVE = [
    Epoch(member, number, 1.0 - number / 10, loss, best)
    for member in range(2)
    for number, (loss, best) in enumerate([(0.9, True), (0.8 + member / 50, True), (0.85, False)])
]


@pytest.fixture(scope="module")
def drawn(told: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> list[Drawn]:
    return draw_training(tmp_path_factory.mktemp("drawn") / "figures", **told)


def test_there_is_a_figure_for_the_curves_the_models_and_each_question_that_can_be_judged(drawn: Any) -> None:
    assert [figure.file.name for figure in drawn] == [
        "learning_curves.png",
        "auroc.png",
        "held_out_site.bone.png",
        "incidence_metastasis.png",
        "decisions.png",
    ]


def test_every_figure_is_small_and_has_something_on_it(drawn: Any) -> None:
    for figure in drawn:
        pixels = matplotlib.image.imread(figure.file)
        assert figure.file.stat().st_size < 200_000
        assert min(pixels.shape[:2]) > 250
        assert pixels[..., :3].std() > 0.02


def test_every_figure_says_in_words_what_it_shows_inside_and_beside(drawn: Any) -> None:
    beside = (drawn[0].file.parent / CAPTIONS).read_text()
    for figure in drawn:
        assert f"## {figure.file.name}\n\n{figure.caption}\n" in beside
        assert figure.caption.encode("latin-1") in figure.file.read_bytes()


def test_the_captions_carry_the_numbers(drawn: Any, told: dict[str, Any]) -> None:
    captions = {figure.file.stem: figure.caption for figure in drawn}
    figures = told["judgement"].figures
    row = figures[(figures["model"] == OURS) & (figures["endpoint"] == "site.bone")].iloc[0]
    interval = f"{row['value']:.2f} [{row['lower']:.2f}-{row['upper']:.2f}]"
    assert f"{OURS} {interval}" in captions["held_out_site.bone"]
    assert f"site: bone {interval}" in captions["auroc"]
    assert "2 members, epochs 2 to 2 kept, held-out loss 0.800 to 0.820" in captions["learning_curves"]


def test_equal_results_are_drawn_with_equal_bytes(drawn: Any, told: dict[str, Any], tmp_path: Path) -> None:
    again = draw_training(tmp_path / "figures", **told)
    for one, other in zip(drawn, again, strict=True):
        assert one.file.read_bytes() == other.file.read_bytes()


def test_earlier_figures_are_replaced_and_other_things_are_not(told: dict[str, Any], tmp_path: Path) -> None:
    nothing = Judgement(*(table.head(0) for table in told["judgement"]))
    bare = {**told, "answers": {OURS: {}}, "judgement": nothing}
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / CAPTIONS).write_text("earlier")
    assert [figure.file.name for figure in draw_training(tmp_path / "figures", **bare)] == [
        "learning_curves.png"
    ]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo.png").write_text("kept")
    with pytest.raises(OutputError, match="mine exists and has no captions"):
        draw_training(tmp_path / "mine", **bare)
    assert (tmp_path / "mine" / "photo.png").read_text() == "kept"


def test_the_epoch_kept_is_the_last_that_was_better_than_all_before() -> None:
    assert kept_epoch(CURVE[:3]).epoch == 1
    assert kept_epoch([Epoch(0, 0, 1.0, float("nan"), False)]).epoch == 0


def test_without_epochs_there_is_no_learning_curve(tmp_path: Path) -> None:
    assert draw_learning({"boosting": []}, tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_the_interval_of_a_share_is_that_of_scipy() -> None:
    events, n = np.array([0.0, 3.0, 20.0]), np.array([11.0, 17.0, 20.0])
    lower, upper = wilson(events, n)
    for at in range(3):
        expected = binomtest(int(events[at]), int(n[at])).proportion_ci(method="wilson")
        assert (lower[at], upper[at]) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_without_censoring_the_observed_incidence_is_the_share_with_the_event_by_then() -> None:
    rng = np.random.default_rng(2)
    time, event, predicted = rng.exponential(400, N), rng.choice([1.0, 2.0], N), rng.random(N)
    time[np.argsort(predicted)[::10]] = 5000.0  # somebody of each group is followed past the horizon
    groups = incidence_groups(Incidence("metastasis", time, event, {365.0: predicted}), 365.0)
    assert len(groups) == GROUPS
    for group, rows in zip(groups, np.array_split(np.argsort(predicted), GROUPS), strict=True):
        share = ((event[rows] == 1) & (time[rows] <= 365)).mean()
        assert group.observed == pytest.approx(share)
        assert group.predicted == pytest.approx(predicted[rows].mean())
        assert group.lower <= group.observed <= group.upper


def test_groups_that_nobody_followed_to_the_horizon_are_not_drawn(tmp_path: Path) -> None:
    short = Incidence("os", np.full(N, 100.0), np.ones(N), {365.0: np.linspace(0, 1, N)})
    assert incidence_groups(short, 365.0) == []
    assert draw_incidence(short, tmp_path) is None


@pytest.mark.slow
def test_matplotlib_is_loaded_when_something_is_drawn_and_without_a_window_system() -> None:
    code = (
        "import sys; import metarisk.report.plots as plots; from pathlib import Path; import tempfile;"
        "from metarisk.report.plots.learning import draw_learning; from metarisk.train.fit import Epoch;"
        "early = 'matplotlib' in sys.modules;"
        "draw_learning({'metarisk': [Epoch(0, 0, 1.0, 1.0, True)]}, Path(tempfile.mkdtemp()));"
        "print(early, 'matplotlib.pyplot' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["False", "False"]
