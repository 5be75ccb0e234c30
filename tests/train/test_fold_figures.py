from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.config.evaluation import EvaluationSection
from metarisk.data.cohort import Cohort
from metarisk.metrics.calibration import brier, expected_calibration_error
from metarisk.metrics.censoring import censoring_curve, status_at_horizon
from metarisk.metrics.discrimination import auroc, average_precision
from metarisk.metrics.intervals import bootstrap, holm, paired_difference
from metarisk.metrics.recalibration import recalibrate
from metarisk.metrics.within import choose_strata, stratified_auroc, within_strata
from metarisk.train.figures import EVER, OURS, Question
from metarisk.train.fold_figures import FOLD_COLUMNS, fold_figures, verdicts
from metarisk.train.fold_questions import HeldOut, ask
from metarisk.train.outer import OuterSplit, folds_by_patient

BONE, DATED = Question("site.bone", EVER), Question("metastasis", 365.0)
SECTION = EvaluationSection(bootstrap=200, within_min_events=4)


class Made:
    """A simulated cohort with three models' answers: one knows, one knows half, one guesses."""

    def __init__(self, make: Any) -> None:
        self.cohort: Cohort = make.cohort(make.experiment(simulation={"samples": 300}))
        self.split: OuterSplit = folds_by_patient(self.cohort, 4, seed=0)
        rng = np.random.default_rng(0)
        truth = {
            BONE: np.nan_to_num(self.cohort.endpoints["site.bone"].to_numpy(np.float64)),
            DATED: self.cohort.endpoints["metastasis.event"].to_numpy(np.float64) == 1,
        }
        self.models: dict[str, Any] = {}
        for name, weight in ((OURS, 1.5), ("boosting", 0.7), ("linear", 0.0)):
            noisy = {asked: weight * y + rng.normal(0, 1, len(y)) - 1 for asked, y in truth.items()}
            self.models[name] = {asked: 1 / (1 + np.exp(-logit)) for asked, logit in noisy.items()}
        self.figures = fold_figures(self.models, self.cohort, self.split, SECTION)

    def row(self, model: str, metric: str, *, asked: Question = BONE, **where: str) -> pd.Series:
        table = self.figures[(self.figures["model"] == model) & (self.figures["metric"] == metric)]
        table = table[table["endpoint"] == asked.endpoint]
        for column, value in {"stratum": "pooled", **where}.items():
            table = table[table[column] == value]
        return table.iloc[0]


@pytest.fixture(scope="module")
def made(make: Any) -> Made:
    return Made(make)


def known(made: Made) -> tuple[np.ndarray, np.ndarray]:
    label = made.cohort.endpoints["site.bone"].to_numpy(np.float64)
    rows = np.flatnonzero(~np.isnan(label))
    return rows, label[rows]


def test_figures_are_those_of_the_metrics_on_all_held_out_patients(made: Made) -> None:
    rows, label = known(made)
    for model in made.models:
        score = made.models[model][BONE][rows]
        expected = {
            "auroc": stratified_auroc(score, label, made.split.part_of[rows], 2),
            "average_precision": average_precision(score, label),
            "brier": brier(score, label),
            "calibration_slope": recalibrate(score, label).slope,
            "calibration_intercept": recalibrate(score, label).intercept,
            "calibration_in_the_large": recalibrate(score, label).in_the_large,
            "observed_expected": label.mean() / score.mean(),
            "calibration_error": expected_calibration_error(score, label),
        }
        for metric, value in expected.items():
            assert made.row(model, metric)["value"] == pytest.approx(value), metric


def test_within_types_patients_are_ranked_against_those_of_their_type_and_fold(made: Made) -> None:
    rows, label = known(made)
    score, part = made.models[OURS][BONE][rows], made.split.part_of[rows]
    types = made.cohort.clinical["cancer_type"].to_numpy(dtype=str)[rows]
    total, cases = 0.0, 0
    for name in np.unique(types):
        if min((label[types == name] == 1).sum(), (label[types == name] == 0).sum()) < 4:
            continue
        for number in range(4):
            inside = (types == name) & (part == number)
            if min((label[inside] == 1).sum(), (label[inside] == 0).sum()) >= 2:
                total += auroc(score[inside], label[inside]) * label[inside].sum()
                cases += int(label[inside].sum())
    found = made.row(OURS, "auroc", stratum="within")
    assert found["value"] == pytest.approx(total / cases)
    assert found["events"] == cases


def test_a_model_that_knows_only_how_many_others_had_the_event_is_at_chance(made: Made) -> None:
    """It answers least where a fold has most events: ranked across folds it would be worse than chance."""
    label = np.nan_to_num(made.cohort.endpoints["site.bone"].to_numpy(np.float64))
    shares = [label[made.split.split(number).train_rows].mean() for number in range(4)]
    prior = {BONE: np.array(shares)[made.split.part_of]}
    figures = fold_figures({OURS: prior}, made.cohort, made.split, SECTION)
    ranked = figures[figures["metric"] == "auroc"]
    assert ranked["value"].tolist() == [0.5, 0.5]
    assert auroc(prior[BONE], label) < 0.5


def test_intervals_and_differences_are_those_of_one_figure_at_a_time(made: Made) -> None:
    rows, label = known(made)
    patients = made.cohort.patient_ids[rows]
    strata = choose_strata(label, made.split.part_of[rows], 2)
    ours, other = (within_strata(made.models[m][BONE][rows], label, strata) for m in (OURS, "boosting"))
    alone = bootstrap(ours, patients, events=0, resamples=200)
    row = made.row(OURS, "auroc", versus="boosting")
    assert (row["lower"], row["upper"]) == pytest.approx((alone.lower, alone.upper))
    gap = paired_difference(ours, other, patients, resamples=200)
    found = (row["difference"], row["diff_lower"], row["diff_upper"])
    assert found == pytest.approx((gap.value, gap.lower, gap.upper))
    assert row["n"] == len(rows)
    assert row["events"] == label.sum()


def test_a_dated_question_is_weighted_by_the_patients_its_models_learned_from(made: Made) -> None:
    endpoints = made.cohort.endpoints
    time, event = (endpoints[f"metastasis.{end}"].to_numpy(np.float64) for end in ("time_days", "event"))
    known = ask(DATED, made.models, HeldOut(made.cohort, made.split, SECTION)).known
    expected = np.zeros(len(time))
    for number in range(4):
        sides = made.split.split(number)
        seen = sides.train_rows[~np.isnan(time[sides.train_rows])]
        held = sides.test_rows[~np.isnan(time[sides.test_rows])]
        curve = censoring_curve(time[seen], event[seen])
        expected[held] = status_at_horizon(time[held], event[held], 365.0, curve).weight
    np.testing.assert_allclose(known.weight, expected[known.rows])
    np.testing.assert_array_equal(known.rows, np.flatnonzero(expected))
    row = made.row(OURS, "auroc", asked=DATED, versus="linear")
    score, label, weight = made.models[OURS][DATED], known.label, known.weight
    parts = [made.split.part_of[known.rows] == number for number in range(4)]
    each = [auroc(score[known.rows][rows], label[rows], weight[rows]) for rows in parts]
    assert row["value"] == pytest.approx(
        np.average(each, weights=[(weight * label)[rows].sum() for rows in parts])
    )
    assert row["test"] == "bootstrap"  # censored rows stand for others: DeLong does not hold


def test_models_are_compared_on_patients_whom_each_of_them_answered(made: Made) -> None:
    rows, _ = known(made)
    gap = made.models["linear"][BONE].copy()
    gap[rows[:7]] = np.nan
    partly = {**made.models, "linear": {**made.models["linear"], BONE: gap}}
    asked = ask(BONE, partly, HeldOut(made.cohort, made.split, SECTION))
    assert np.array_equal(asked.known.rows, rows[7:])


def test_p_values_are_adjusted_over_questions_and_strata_of_a_control(made: Made) -> None:
    assert tuple(made.figures.columns) == FOLD_COLUMNS
    family = made.figures[(made.figures["versus"] == "boosting") & (made.figures["metric"] == "auroc")]
    assert len(family) == 4  # two questions, pooled and within
    np.testing.assert_allclose(family["p_holm"], holm(family["p"].tolist()))
    assert made.figures.loc[made.figures["model"] != OURS, "versus"].eq("").all()
    assert set(made.figures["stratum"]) == {"pooled", "within"}  # folds of patients mean nothing


def test_several_samples_of_a_patient_are_not_tested_as_if_independent(made: Made) -> None:
    clinical = made.cohort.clinical.copy()
    clinical["patient_id"] = [f"p{index // 2}" for index in range(len(clinical))]
    assert made.row(OURS, "auroc", versus="linear")["test"] == "delong"
    paired = replace(made.cohort, clinical=clinical)
    split = folds_by_patient(paired, 4, seed=0)
    figures = fold_figures(made.models, paired, split, SECTION)
    assert set(figures.loc[figures["versus"] != "", "test"]) == {"bootstrap"}


def test_verdicts_count_intervals_that_leave_zero_out(made: Made) -> None:
    told = verdicts(made.figures).set_index(["versus", "stratum"])
    pooled = told.loc[(f"{OURS} - linear", "pooled")]
    assert pooled["questions"] == "2"
    assert pooled["wins"].startswith("2 (")
    assert pooled["losses"] == "0 (0 after Holm)"
    assert float(pooled["mean"]) > 0.1
