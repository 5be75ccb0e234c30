from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.config.evaluation import EvaluationSection
from metarisk.data.cohort import Cohort
from metarisk.metrics.censoring import censoring_curve, integrated_brier
from metarisk.metrics.concordance import cause_specific_c, uno_c
from metarisk.metrics.courses import course_d_calibration
from metarisk.metrics.survival import aalen_johansen
from metarisk.train.figures import OURS, Question
from metarisk.train.fold_figures import fold_figures
from metarisk.train.outer import OuterSplit, folds_by_patient

SECTION = EvaluationSection(bootstrap=60, within_min_events=4)
DAYS = (200.0, 400.0, 600.0, 800.0, 1000.0)
N = 400


class Dated:
    """400 patients followed at most five years; metastasis competes with death, and os with nothing."""

    def __init__(self, make: Any) -> None:
        cohort: Cohort = make.cohort(make.experiment(simulation={"samples": N}))
        rng = np.random.default_rng(3)
        rate = np.exp(rng.normal(-6.5, 0.8, N))
        onset, death = rng.exponential(1 / rate), rng.exponential(1500.0, N)
        leaving = np.minimum(rng.exponential(1500.0, N), 1826.0)
        self.time = np.ceil(np.minimum(np.minimum(onset, death), leaving))
        first = np.where(onset < death, 1, 2)
        self.code = np.where(leaving < np.minimum(onset, death), 0, first).astype(float)
        self.time[:5] = np.nan  # nobody followed them
        self.code[:5] = np.nan
        columns = {"metastasis.time_days": self.time, "metastasis.event": self.code}
        columns |= {"os.time_days": self.time, "os.event": np.minimum(self.code, 1.0)}
        self.cohort = replace(cohort, endpoints=cohort.endpoints.assign(**columns))
        self.split: OuterSplit = folds_by_patient(self.cohort, 3, seed=0)
        self.course = {
            name: np.column_stack([1 - np.exp(-rate * np.exp(rng.normal(0, sd, N)) * day) for day in DAYS])
            for name, sd in ((OURS, 0.2), ("boosting", 1.5))
        }
        self.course = {name: np.maximum.accumulate(table, axis=1) for name, table in self.course.items()}
        self.models = {
            name: {
                Question(endpoint, day): table[:, number]
                for endpoint in ("metastasis", "os")
                for number, day in enumerate(DAYS)
            }
            for name, table in self.course.items()
        }
        self.figures = fold_figures(self.models, self.cohort, self.split, SECTION)

    def row(self, metric: str, day: float | None, endpoint: str = "metastasis", **where: str) -> pd.Series:
        table = self.figures[(self.figures["metric"] == metric) & (self.figures["endpoint"] == endpoint)]
        table = table[table["horizon_days"].isna() if day is None else table["horizon_days"] == day]
        for column, value in {"model": OURS, "stratum": "pooled", **where}.items():
            table = table[table[column] == value]
        return table.iloc[0]

    def parts(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Followed rows of each part, and of the others."""
        sides = [self.split.split(number) for number in range(3)]
        return [tuple(rows[rows >= 5] for rows in (side.test_rows, side.train_rows)) for side in sides]


@pytest.fixture(scope="module")
def dated(make: Any) -> Dated:
    return Dated(make)


@pytest.mark.parametrize("day", [200.0, 800.0])
def test_concordance_is_counted_inside_parts_with_competing_events_and_averaged_by_cases(
    dated: Dated, day: float
) -> None:
    for model in (OURS, "boosting"):
        harrell, uno, cases, weighted = [], [], [], []
        for test, train in dated.parts():
            risk, time, code = dated.models[model][Question("metastasis", day)], dated.time, dated.code
            censoring = censoring_curve(time[train], code[train])
            uno.append(uno_c(risk[test], time[test], code[test], censoring, day))
            # Cut at the horizon: nobody has an event later, and all who came so far are still there.
            open_ended = time[test] >= day
            cut = np.where(open_ended, day, time[test]), np.where(open_ended, 0, code[test])
            harrell.append(cause_specific_c(risk[test], *cut))
            case = test[(code[test] == 1) & (time[test] < day)]
            cases.append(len(case))
            weighted.append((1 / censoring.before(time[case])).sum())
        found = dated.row("harrell_c", day, model=model)
        assert found["value"] == pytest.approx(np.average(harrell, weights=cases))
        assert dated.row("uno_c", day, model=model)["value"] == pytest.approx(
            np.average(uno, weights=weighted)
        )
        assert (found["n"], found["events"]) == (N - 5, sum(cases))
        assert found["lower"] < found["value"] < found["upper"]


def test_concordance_is_compared_and_adjusted_like_the_auroc(dated: Dated) -> None:
    ours, other = dated.row("uno_c", 800.0), dated.row("uno_c", 800.0, model="boosting")
    assert ours["versus"] == "boosting"
    assert ours["difference"] == pytest.approx(ours["value"] - other["value"])
    assert ours["diff_lower"] > 0
    assert ours["test"] == "bootstrap"
    assert ours["p"] <= ours["p_holm"]


def test_within_types_concordance_is_of_one_type_and_part(dated: Dated) -> None:
    risk, time, code = dated.models[OURS][Question("metastasis", 400.0)], dated.time, dated.code
    types = dated.cohort.clinical["cancer_type"].to_numpy(dtype=str)
    case = (code == 1) & (time < 400.0)
    figures, cases = [], []
    for name in np.unique(types):
        of_type = (types == name) & ~np.isnan(time)
        if min(case[of_type].sum(), (~case[of_type]).sum()) < SECTION.within_min_events:
            continue
        for test, train in dated.parts():
            rows = test[of_type[test]]
            if min(case[rows].sum(), (~case[rows]).sum()) >= 2:
                censoring = censoring_curve(time[train], code[train])
                figures.append(uno_c(risk[rows], time[rows], code[rows], censoring, 400.0))
                cases.append((1 / censoring.before(time[rows[case[rows]]])).sum())
    found = dated.row("uno_c", 400.0, stratum="within")
    assert found["value"] == pytest.approx(np.average(figures, weights=cases))


def test_the_integrated_brier_score_has_each_parts_own_censoring(dated: Dated) -> None:
    total = 0.0
    for test, train in dated.parts():
        censoring = censoring_curve(dated.time[train], dated.code[train])
        course, followed = dated.course[OURS][test], (dated.time[test], dated.code[test])
        total += integrated_brier(course, *followed, np.array(DAYS), censoring) * len(test)
    found = dated.row("integrated_brier", None)
    assert found["value"] == pytest.approx(total / (N - 5))
    assert found["n"] == N - 5
    assert found["events"] == ((dated.code == 1) & (dated.time < DAYS[-1])).sum()
    assert found["difference"] < 0  # lower is better


def test_observed_is_the_incidence_beside_death(dated: Dated) -> None:
    followed = np.arange(5, N)
    curve = aalen_johansen(dated.time[followed], dated.code[followed], 2)[0]
    told = dated.models["boosting"][Question("metastasis", 600.0)][followed].mean()
    found = dated.row("observed_expected", 600.0, model="boosting")
    assert found["value"] == pytest.approx(float(curve.at(600.0)) / told)


def test_d_calibration_is_of_curves_of_one_cause(dated: Dated) -> None:
    found = dated.figures[dated.figures["metric"] == "d_calibration_p"]
    assert set(found["endpoint"]) == {"os"}
    assert found["lower"].isna().all()
    rows = np.arange(5, N)
    event = dated.code[rows] > 0
    expected = course_d_calibration(dated.course[OURS][rows], dated.time[rows], event, np.array(DAYS))
    assert dated.row("d_calibration_p", None, "os")["value"] == pytest.approx(expected)


def test_four_horizons_are_no_curve_and_one_has_no_integral(dated: Dated) -> None:
    for kept, metrics in ((4, {"integrated_brier"}), (1, set())):
        few = {
            name: {asked: told for asked, told in answers.items() if asked.horizon_days in DAYS[:kept]}
            for name, answers in dated.models.items()
        }
        figures = fold_figures(few, dated.cohort, dated.split, SECTION)
        assert set(figures["metric"]) & {"integrated_brier", "d_calibration_p"} == metrics


def test_parts_have_concordance_of_their_own(dated: Dated) -> None:
    asked = Question("metastasis", 800.0)
    split = replace(dated.split, kind="cohort")
    only = {name: {asked: answers[asked]} for name, answers in dated.models.items()}
    figures = fold_figures(only, dated.cohort, split, SECTION)
    each = figures[(figures["metric"] == "uno_c") & (figures["model"] == "boosting")].set_index("stratum")
    (test, train), *_ = dated.parts()
    censoring = censoring_curve(dated.time[train], dated.code[train])
    risk = only["boosting"][asked][test]
    expected = uno_c(risk, dated.time[test], dated.code[test], censoring, 800.0)
    assert each.loc["fold 1", "value"] == pytest.approx(expected)
    parts = each.loc[list(split.parts)]
    assert each.loc["mean", "value"] == pytest.approx(parts["value"].mean())
    assert each.loc["by size", "value"] == pytest.approx(np.average(parts["value"], weights=parts["n"]))


def test_a_part_that_nobody_answers_needs_nobody_followed_to_learn_from(dated: Dated) -> None:
    """Of two cohorts only one was followed: nothing can be learned for it, nor judged in the other."""
    half = np.arange(N) < N // 2
    endpoints = dated.cohort.endpoints.copy()
    endpoints.loc[half, ["metastasis.time_days", "metastasis.event"]] = np.nan
    cohort = replace(dated.cohort, endpoints=endpoints)
    split = OuterSplit("each", ("a", "b"), np.where(half, 0, 1), cohort.patient_ids, "cohort")
    asked = Question("metastasis", 800.0)
    only = {OURS: {asked: np.where(half, dated.models[OURS][asked], np.nan)}}
    assert fold_figures(only, cohort, split, SECTION).empty
