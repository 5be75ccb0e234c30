from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from metarisk.config.evaluation import EvaluationSection
from metarisk.models.answers import Probability
from metarisk.train.figures import (
    EVER,
    FIGURE_COLUMNS,
    OURS,
    Answers,
    Question,
    answers_of,
    held_out_figures,
    judged_by,
)

BONE, METASTASIS = Question("site.bone", EVER), Question("metastasis", 365.0)
SECTION = EvaluationSection(bootstrap=200, within_min_events=5)
N = 300


@pytest.fixture(scope="module")
def endpoints() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    bone = (rng.random(N) < 0.3).astype(float)
    bone[::10] = np.nan
    time = rng.exponential(500, N)
    return pd.DataFrame(
        {
            "site.bone": bone,
            "metastasis.time_days": time,
            "metastasis.event": rng.choice([0.0, 1.0, 2.0], N, p=[0.3, 0.5, 0.2]),
        }
    )


@pytest.fixture(scope="module")
def groups() -> pd.DataFrame:
    number = np.arange(N)
    return pd.DataFrame(
        {"patient_id": [f"P{n}" for n in number], "cancer_type": np.where(number % 2, "A", "B")}
    )


def noisy(endpoints: pd.DataFrame, noise: float, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 1 / (1 + np.exp(-(endpoints["site.bone"].fillna(0.5).to_numpy() + rng.normal(0, noise, N))))


def figures_of(models: dict[str, Answers], endpoints: pd.DataFrame, groups: pd.DataFrame) -> pd.DataFrame:
    return held_out_figures(models, endpoints, endpoints, groups, SECTION)


def test_a_perfect_answer_has_an_auroc_of_one_everywhere_and_no_calibration_error(
    endpoints: pd.DataFrame, groups: pd.DataFrame
) -> None:
    perfect = {OURS: {BONE: endpoints["site.bone"].fillna(0.5).to_numpy()}}
    figures = figures_of(perfect, endpoints, groups)
    assert tuple(figures.columns) == FIGURE_COLUMNS
    auroc = figures[figures["metric"] == "auroc"]
    assert auroc["stratum"].tolist() == ["all", "within cancer_type"]
    assert (auroc[["value", "lower", "upper"]] == 1.0).all(axis=None)
    assert figures.loc[figures["metric"] == "calibration_error", "value"].item() == 0.0


def test_the_auroc_is_that_of_scikit_learn_on_those_who_are_known(
    endpoints: pd.DataFrame, groups: pd.DataFrame
) -> None:
    answer = noisy(endpoints, 2.0)
    row = figures_of({OURS: {BONE: answer}}, endpoints, groups).iloc[0]
    known = endpoints["site.bone"].notna()
    assert row["value"] == pytest.approx(roc_auc_score(endpoints.loc[known, "site.bone"], answer[known]))
    assert row["lower"] < row["value"] < row["upper"]
    assert (row["n"], row["events"]) == (known.sum(), endpoints["site.bone"].sum())


def test_the_paired_difference_is_ours_minus_the_control(
    endpoints: pd.DataFrame, groups: pd.DataFrame
) -> None:
    ours, control = noisy(endpoints, 0.8), noisy(endpoints, 4.0, seed=2)
    figures = figures_of({OURS: {BONE: ours}, "linear": {BONE: control}}, endpoints, groups)
    everybody = figures[figures["stratum"] == "all"].set_index(["model", "metric"])["value"]
    gap = figures[(figures["metric"] == "auroc_difference") & (figures["stratum"] == "all")].iloc[0]
    assert gap["model"] == "metarisk - linear"
    assert gap["value"] == pytest.approx(everybody[OURS, "auroc"] - everybody["linear", "auroc"])
    assert gap["lower"] > 0
    assert gap["p"] < 0.05
    swapped = figures_of({OURS: {BONE: control}, "linear": {BONE: ours}}, endpoints, groups)
    other = swapped[(swapped["metric"] == "auroc_difference") & (swapped["stratum"] == "all")].iloc[0]
    assert other["value"] == pytest.approx(-gap["value"])


def test_a_control_that_cannot_answer_a_question_is_not_compared_on_it(
    endpoints: pd.DataFrame, groups: pd.DataFrame
) -> None:
    answer = noisy(endpoints, 1.0)
    models: dict[str, Answers] = {OURS: {BONE: answer, METASTASIS: answer}, "linear": {BONE: answer}}
    figures = figures_of(models, endpoints, groups)
    assert set(figures.loc[figures["endpoint"] == "metastasis", "model"]) == {OURS}
    assert figures.loc[figures["endpoint"] == "site.bone", "horizon_days"].isna().all()
    assert set(figures.loc[figures["endpoint"] == "metastasis", "horizon_days"]) == {365.0}


def test_those_censored_before_the_horizon_are_not_judged_and_the_others_weigh_more(
    endpoints: pd.DataFrame,
) -> None:
    judged = judged_by(endpoints, METASTASIS, endpoints)
    time, event = endpoints["metastasis.time_days"], endpoints["metastasis.event"]
    lost = (event == 0) & (time < 365)
    assert set(judged.rows) == set(np.flatnonzero(~lost))
    np.testing.assert_array_equal(judged.label, ((event == 1) & (time <= 365))[judged.rows])
    assert (judged.weight >= 1).all()
    assert judged.weight.sum() == pytest.approx(N, rel=0.05)


def test_a_question_that_nobody_can_answer_has_no_figure(
    endpoints: pd.DataFrame, groups: pd.DataFrame
) -> None:
    figures = figures_of({OURS: {Question("response", EVER): np.full(N, 0.5)}}, endpoints, groups)
    assert figures.empty
    assert tuple(figures.columns) == FIGURE_COLUMNS


def test_the_first_cause_of_a_dated_endpoint_is_the_one_that_is_judged() -> None:
    zero, one = np.zeros(2), np.ones(2)
    answers = answers_of(
        [
            Probability("site.bone", "", np.nan, one, one, one),
            Probability("metastasis", "metastasis", 365.0, one, one, one),
            Probability("metastasis", "death", 365.0, zero, zero, zero),
        ]
    )
    assert {question: values.tolist() for question, values in answers.items()} == {
        BONE: [1.0, 1.0],
        METASTASIS: [1.0, 1.0],
    }
