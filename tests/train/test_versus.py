from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from metarisk.config.evaluation import EvaluationSection
from metarisk.metrics.delong import delong
from metarisk.metrics.intervals import holm
from metarisk.metrics.within import stratified_auroc
from metarisk.train.figures import EVER, OURS, Answers, Question, held_out_figures
from metarisk.train.held_out import HeldOut
from metarisk.train.versus import paired_figures

N = 300
BONE, LIVER, METASTASIS = (
    Question("site.bone", EVER),
    Question("site.liver", EVER),
    Question("metastasis", 365.0),
)


@pytest.fixture(scope="module")
def held_out() -> HeldOut:
    rng = np.random.default_rng(0)
    endpoints = pd.DataFrame(
        {
            "site.bone": (rng.random(N) < 0.4).astype(float),
            "site.liver": (rng.random(N) < 0.3).astype(float),
            "metastasis.time_days": rng.exponential(500, N),
            "metastasis.event": rng.choice([0.0, 1.0, 2.0], N),
        }
    )
    clinical = pd.DataFrame(
        {"patient_id": [f"P{n}" for n in range(N)], "cancer_type": rng.choice(["LUAD", "BRCA"], N)}
    )
    return HeldOut(endpoints, endpoints, clinical, EvaluationSection(bootstrap=100))


@pytest.fixture(scope="module")
def models(held_out: HeldOut) -> dict[str, Answers]:
    rng = np.random.default_rng(1)
    bone = held_out.endpoints["site.bone"].to_numpy()
    ours = {BONE: 0.3 * bone + 0.7 * rng.random(N), LIVER: rng.random(N), METASTASIS: rng.random(N)}
    tmb = np.where(np.arange(N) % 3 == 0, np.nan, rng.exponential(10, N))
    return {OURS: ours, "other": {asked: rng.random(N) for asked in ours}, "tmb": {BONE: tmb}}


@pytest.fixture(scope="module")
def table(models: dict[str, Answers], held_out: HeldOut) -> pd.DataFrame:
    return paired_figures(models, held_out)


def row(table: pd.DataFrame, versus: str, endpoint: str, metric: str, stratum: str = "all") -> pd.Series:
    chosen = table[
        (table["versus"] == versus)
        & (table["endpoint"] == endpoint)
        & (table["metric"] == metric)
        & (table["stratum"] == stratum)
    ]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_the_difference_is_ours_minus_the_other_with_delongs_p(
    table: pd.DataFrame, models: dict[str, Answers], held_out: HeldOut
) -> None:
    label = held_out.endpoints["site.bone"].to_numpy()
    first, second = models[OURS][BONE], models["other"][BONE]
    found = row(table, "other", "site.bone", "auroc")
    assert found["value"] == pytest.approx(roc_auc_score(label, first))
    assert found["other"] == pytest.approx(roc_auc_score(label, second))
    test = delong(first, second, label)
    assert (found["difference"], found["p"]) == pytest.approx((test.difference, test.p))
    assert found["test"] == "delong"
    precision = row(table, "other", "site.bone", "average_precision")
    assert precision["value"] == pytest.approx(average_precision_score(label, first))
    brier = row(table, "other", "site.bone", "brier")
    assert brier["difference"] == pytest.approx(((first - label) ** 2 - (second - label) ** 2).mean())
    inside = row(table, "other", "site.bone", "auroc", "within cancer_type")
    types = held_out.clinical["cancer_type"].to_numpy()
    assert inside["value"] == pytest.approx(stratified_auroc(first, label, types, 10))


def test_the_interval_is_that_of_the_held_out_figures(
    table: pd.DataFrame, models: dict[str, Answers], held_out: HeldOut
) -> None:
    both = {name: models[name] for name in (OURS, "other")}
    figures = held_out_figures(
        both, held_out.endpoints, held_out.training, held_out.clinical, held_out.section
    )
    gaps = figures[(figures["model"] == f"{OURS} - other") & (figures["stratum"] == "all")]
    for gap in gaps.to_dict("records"):
        mine = row(table, "other", gap["endpoint"], "auroc")
        assert (mine["lower"], mine["upper"]) == pytest.approx((gap["lower"], gap["upper"]))


def test_samples_of_one_patient_or_with_weights_are_tested_by_the_bootstrap(
    models: dict[str, Answers], held_out: HeldOut, table: pd.DataFrame
) -> None:
    assert row(table, "other", "metastasis", "auroc")["test"] == "bootstrap"
    clinical = held_out.clinical.assign(patient_id=[f"P{n // 2}" for n in range(N)])
    twice = paired_figures(models, replace(held_out, clinical=clinical))
    assert set(twice["test"]) == {"bootstrap"}


def test_a_score_that_some_samples_lack_is_compared_on_the_others(
    table: pd.DataFrame, models: dict[str, Answers], held_out: HeldOut
) -> None:
    known = np.isfinite(models["tmb"][BONE])
    label = held_out.endpoints["site.bone"].to_numpy()[known]
    found = row(table, "tmb", "site.bone", "auroc")
    assert found["n"] == known.sum()
    assert found["value"] == pytest.approx(roc_auc_score(label, models[OURS][BONE][known]))
    assert found["other"] == pytest.approx(roc_auc_score(label, models["tmb"][BONE][known]))
    assert "brier" not in set(table.loc[table["versus"] == "tmb", "metric"])  # mutations are no probability


def test_p_values_are_adjusted_over_the_questions_and_strata_of_a_model_and_metric(
    table: pd.DataFrame,
) -> None:
    for _, family in table.groupby(["versus", "metric"]):
        np.testing.assert_allclose(family["p_holm"], holm(family["p"].tolist()))


def test_a_model_is_no_better_than_itself(models: dict[str, Answers], held_out: HeldOut) -> None:
    same = paired_figures({OURS: models[OURS], "same": models[OURS]}, held_out)
    assert (same["difference"] == 0).all()
    assert (same["p_holm"] == 1).all()
