from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from metarisk.config.evaluation import EvaluationSection
from metarisk.metrics.censoring import censoring_curve, status_at_horizon
from metarisk.metrics.decision import decision_curve
from metarisk.metrics.intervals import bootstrap, over_rows
from metarisk.train.decisions import DECISION_COLUMNS, THRESHOLDS, decision_figures
from metarisk.train.figures import EVER, OURS, Answers, Question
from metarisk.train.held_out import HeldOut

N = 300
SITES = ("site.bone", "site.brain", "site.liver")
METASTASIS = Question("metastasis", 365.0)
STEPS = np.array(THRESHOLDS)


@pytest.fixture(scope="module")
def held_out() -> HeldOut:
    rng = np.random.default_rng(0)
    risk = rng.normal(size=N)
    organs = {site: (risk + rng.normal(size=N) > place).astype(float) for place, site in enumerate(SITES)}
    organs["site.brain"][::4] = np.nan  # not every organ is known of every sample
    endpoints = pd.DataFrame(
        {
            **organs,
            "site.skin": np.where(np.arange(N) < 3, 1.0, 0.0),  # too few for the whole
            "metastasis.time_days": rng.exponential(500 * np.exp(-risk / 2)),
            "metastasis.event": rng.choice([0.0, 1.0, 2.0], N, p=[0.3, 0.5, 0.2]),
        }
    )
    clinical = pd.DataFrame({"patient_id": [f"P{n // 2}" for n in range(N)]})
    return HeldOut(endpoints, endpoints, clinical, EvaluationSection(bootstrap=100))


@pytest.fixture(scope="module")
def models(held_out: HeldOut) -> dict[str, Answers]:
    rng = np.random.default_rng(1)
    asked = [*(Question(site, EVER) for site in (*SITES, "site.skin")), METASTASIS]
    ours = {question: rng.beta(2, 3, N) for question in asked}
    return {OURS: ours, "linear": {question: rng.beta(2, 3, N) for question in asked[:2]}}


@pytest.fixture(scope="module")
def table(models: dict[str, Answers], held_out: HeldOut) -> pd.DataFrame:
    return decision_figures(models, held_out)


def part(
    table: pd.DataFrame, metric: str, endpoint: str, over: str = "each", model: str = OURS
) -> pd.DataFrame:
    return table[
        (table["metric"] == metric)
        & (table["endpoint"] == endpoint)
        & (table["over"] == over)
        & (table["model"] == model)
    ].reset_index(drop=True)


def known(held_out: HeldOut, site: str) -> tuple[np.ndarray, np.ndarray]:
    label = held_out.endpoints[site].to_numpy()
    return np.flatnonzero(~np.isnan(label)), label[~np.isnan(label)]


@pytest.mark.parametrize("model", [OURS, "linear"])
def test_the_net_benefit_of_a_question_is_its_decision_curve(
    table: pd.DataFrame, models: dict[str, Answers], held_out: HeldOut, model: str
) -> None:
    rows, label = known(held_out, "site.brain")
    score = models[model][Question("site.brain", EVER)][rows]
    curve = decision_curve(score, label, STEPS)
    found = part(table, "net_benefit", "site.brain", model=model)
    np.testing.assert_allclose(found["threshold"], STEPS)
    np.testing.assert_allclose(found["value"], curve.model)
    np.testing.assert_allclose(found["everybody"], curve.everybody, atol=1e-12)
    np.testing.assert_allclose(found["gain"], curve.model - np.maximum(curve.everybody, 0.0), atol=1e-12)
    np.testing.assert_allclose(found["acted"], (score[:, None] >= STEPS).mean(axis=0))
    assert (found["nobody"] == 0).all()
    assert set(found["n"]) == {len(label)}


def test_the_interval_of_a_net_benefit_is_that_of_resampled_patients(
    table: pd.DataFrame, models: dict[str, Answers], held_out: HeldOut
) -> None:
    label = held_out.endpoints["site.brain"].to_numpy()
    score = models[OURS][Question("site.brain", EVER)]

    def at_a_fifth(rows: np.ndarray) -> float:
        chosen = rows[~np.isnan(label[rows])]
        return float(decision_curve(score[chosen], label[chosen], np.array([0.2])).model[0])

    slow = bootstrap(over_rows(at_a_fifth), held_out.patients, events=0, resamples=100)
    found = part(table, "net_benefit", "site.brain").set_index("threshold").loc[0.2]
    assert (found["lower"], found["upper"]) == pytest.approx((slow.lower, slow.upper))


def test_a_dated_question_has_censoring_weights_and_competing_events_are_known_no(
    table: pd.DataFrame, models: dict[str, Answers], held_out: HeldOut
) -> None:
    time, event = (held_out.endpoints[f"metastasis.{name}"].to_numpy() for name in ("time_days", "event"))
    status = status_at_horizon(time, event, 365.0, censoring_curve(time, event))
    curve = decision_curve(models[OURS][METASTASIS], status.label, STEPS, status.weight)
    found = part(table, "net_benefit", "metastasis")
    np.testing.assert_allclose(found["value"], curve.model)
    np.testing.assert_allclose(found["everybody"], curve.everybody)
    died = (event == 2) & (time <= 365)
    assert died.any()
    assert (status.label[died] == 0).all()


def test_over_the_organs_macro_is_their_mean_and_micro_is_of_all_pairs(
    table: pd.DataFrame, models: dict[str, Answers], held_out: HeldOut
) -> None:
    organs = [(known(held_out, site), models[OURS][Question(site, EVER)]) for site in SITES]
    labels = [label for (_, label), _ in organs]
    scores = [score[rows] for (rows, _), score in organs]
    curves = [decision_curve(score, label, STEPS).model for score, label in zip(scores, labels, strict=True)]
    macro, micro = (part(table, "net_benefit", "site", over) for over in ("macro", "micro"))
    np.testing.assert_allclose(macro["value"], np.mean(curves, axis=0))
    pooled = decision_curve(np.concatenate(scores), np.concatenate(labels), STEPS)
    np.testing.assert_allclose(micro["value"], pooled.model)
    np.testing.assert_allclose(micro["everybody"], pooled.everybody, atol=1e-12)
    assert set(micro["n"]) == {sum(map(len, labels))}
    for metric, figure in (("auroc", roc_auc_score), ("average_precision", average_precision_score)):
        each = [figure(label, score) for label, score in zip(labels, scores, strict=True)]
        assert part(table, metric, "site", "macro")["value"][0] == pytest.approx(np.mean(each))
        whole = figure(np.concatenate(labels), np.concatenate(scores))
        assert part(table, metric, "site", "micro")["value"][0] == pytest.approx(whole)
        assert part(table, metric, SITES[0])["value"][0] == pytest.approx(each[0])


def test_a_patients_organs_are_drawn_together(held_out: HeldOut) -> None:
    """Two organs that are one another's copy are no more than one: macro and micro have its interval."""
    copies = held_out.endpoints.assign(**{"site.liver": held_out.endpoints["site.bone"]})[
        ["site.bone", "site.liver"]
    ]
    score = np.random.default_rng(3).random(N)
    said = {OURS: {Question(site, EVER): score for site in ("site.bone", "site.liver")}}
    table = decision_figures(said, replace(held_out, endpoints=copies))
    for metric in ("net_benefit", "auroc"):
        one = part(table, metric, "site.bone")[["value", "lower", "upper"]]
        for over in ("macro", "micro"):
            whole = part(table, metric, "site", over)[["value", "lower", "upper"]]
            pd.testing.assert_frame_equal(whole, one)


def test_a_model_that_does_not_answer_every_organ_is_not_in_the_whole(table: pd.DataFrame) -> None:
    assert set(table.loc[table["over"] != "each", "model"]) == {OURS}
    assert set(table.loc[table["model"] == "linear", "endpoint"]) == set(SITES[:2])


def test_nothing_to_judge_is_an_empty_table(held_out: HeldOut) -> None:
    unknown = held_out.endpoints.assign(**{"site.bone": np.nan})
    said = {OURS: {Question("site.bone", EVER): np.full(N, 0.5)}}
    table = decision_figures(said, replace(held_out, endpoints=unknown))
    assert table.empty
    assert list(table.columns) == list(DECISION_COLUMNS)
