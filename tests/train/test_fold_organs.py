from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.config.evaluation import EvaluationSection
from metarisk.data.cohort import Cohort
from metarisk.metrics.intervals import holm
from metarisk.metrics.strata_names import BY_SIZE, MEAN, POOLED, WITHIN
from metarisk.metrics.within import choose_strata, within_strata
from metarisk.train.figures import EVER, OURS, Question
from metarisk.train.fold_figures import fold_figures
from metarisk.train.fold_organs import ORGAN_COLUMNS, organ_figures
from metarisk.train.outer import OuterSplit, folds_by_patient

ORGANS = [Question(f"site.{organ}", EVER) for organ in ("bone", "brain", "liver")]
SECTION = EvaluationSection(bootstrap=80, within_min_events=4)


class Made:
    """A simulated cohort, three organs, each known of four in five, and models that know more or less."""

    def __init__(self, make: Any) -> None:
        rng = np.random.default_rng(0)
        cohort: Cohort = make.cohort(make.experiment(simulation={"samples": 300}))
        told = {asked.endpoint: rng.choice([0.0, 1.0, np.nan], 300, p=[0.5, 0.3, 0.2]) for asked in ORGANS}
        self.cohort = replace(cohort, endpoints=cohort.endpoints.assign(**told))
        self.split: OuterSplit = folds_by_patient(self.cohort, 3, seed=0)
        self.models: dict[str, Any] = {
            name: {asked: self._answer(asked, weight, rng) for asked in ORGANS}
            for name, weight in ((OURS, 1.2), ("boosting", 0.8), ("linear", 0.0), ("tmb", 0.3))
        }
        self.table = self.figures()

    def _answer(self, asked: Question, weight: float, rng: np.random.Generator) -> np.ndarray:
        truth = np.nan_to_num(self.cohort.endpoints[asked.endpoint].to_numpy(np.float64))
        return 1 / (1 + np.exp(1 - weight * truth - rng.normal(size=len(truth))))

    def figures(self, **models: Any) -> pd.DataFrame:
        told = {**self.models, **models}
        return organ_figures(told, self.cohort, self.split, SECTION, frozenset({"tmb"}))

    def row(self, model: str, stratum: str = POOLED, versus: str = "") -> pd.Series:
        rows = self.table[(self.table["model"] == model) & (self.table["stratum"] == stratum)]
        return rows[rows["versus"] == versus].iloc[0]


@pytest.fixture(scope="module")
def made(make: Any) -> Made:
    return Made(make)


def test_a_value_is_the_mean_of_the_organs_own_figures(made: Made) -> None:
    each = fold_figures(made.models, made.cohort, made.split, SECTION, ranks_only=frozenset({"tmb"}))
    each = each[(each["metric"] == "auroc") & (each["versus"].isin(["", "boosting"]))]
    each = each.drop_duplicates(["model", "endpoint", "stratum"])
    assert list(made.table.columns) == list(ORGAN_COLUMNS)
    assert set(made.table["stratum"]) == {POOLED, WITHIN}
    for model in (OURS, "boosting", "linear"):
        for stratum in (POOLED, WITHIN):
            organs = each[(each["model"] == model) & (each["stratum"] == stratum)]
            row = made.row(model, stratum, "boosting" if model == OURS else "")
            assert row["value"] == pytest.approx(organs["value"].mean())
            assert (row["organs"], row["n"], row["events"]) == (3, organs["n"].sum(), organs["events"].sum())


def test_patients_are_drawn_once_for_all_organs(made: Made) -> None:
    """Interval and difference by drawing here, from the AUROC of one organ at a time."""
    labels = [made.cohort.endpoints[asked.endpoint].to_numpy(np.float64) for asked in ORGANS]
    union = np.flatnonzero(~np.isnan(labels).all(axis=0))
    patients, of = np.unique(made.cohort.patient_ids[union], return_inverse=True)
    draws = np.random.default_rng(0).integers(0, len(patients), size=(80, len(patients)))
    weights = np.stack([np.bincount(draw, minlength=len(patients)) for draw in draws])[:, of].astype(float)

    def mean(model: str) -> np.ndarray:
        found = []
        for asked, label in zip(ORGANS, labels, strict=True):
            known = ~np.isnan(label[union])
            rows = union[known]
            strata = choose_strata(label[rows], made.split.part_of[rows], 2)
            found.append(
                within_strata(made.models[model][asked][rows], label[rows], strata)(weights[:, known])
            )
        return np.mean(found, axis=0)

    row, gap = made.row(OURS, POOLED, "boosting"), mean(OURS) - mean("boosting")
    assert (row["lower"], row["upper"]) == pytest.approx(tuple(np.percentile(mean(OURS), [2.5, 97.5])))
    assert (row["diff_lower"], row["diff_upper"]) == pytest.approx(tuple(np.percentile(gap, [2.5, 97.5])))
    assert row["p"] == pytest.approx(2 * (min((gap <= 0).sum(), (gap >= 0).sum()) + 1) / 81)


def test_p_values_are_adjusted_over_the_strata_of_a_control(made: Made) -> None:
    compared = made.table[made.table["versus"] != ""]
    assert set(compared["versus"]) == {"boosting", "linear"}  # a published score is not compared
    for _, family in compared.groupby("versus"):
        assert family["p_holm"].tolist() == holm(family["p"].tolist()).tolist()
    assert set(made.table["model"]) == {OURS, "boosting", "linear"}


def test_a_model_that_lacks_an_organ_is_not_compared(made: Made) -> None:
    partly = {asked: made.models["linear"][asked] for asked in ORGANS[:2]}
    assert set(made.figures(linear=partly)["model"]) == {OURS, "boosting"}


def test_one_organ_is_no_whole(made: Made) -> None:
    alone = {ORGANS[0]: made.models[OURS][ORGANS[0]]}
    table = organ_figures({OURS: alone}, made.cohort, made.split, SECTION)
    assert table.empty
    assert list(table.columns) == list(ORGAN_COLUMNS)


def test_where_parts_are_cohorts_each_average_over_them_has_a_row(made: Made) -> None:
    by_cohort = replace(made.split, kind="cohort")
    table = organ_figures(made.models, made.cohort, by_cohort, SECTION, frozenset({"tmb"}))
    assert {POOLED, MEAN, BY_SIZE} <= set(table["stratum"])
    pooled = table[(table["stratum"] == POOLED) & (table["model"] == OURS)]
    assert pooled["value"].tolist() == pytest.approx([made.row(OURS, POOLED, "boosting")["value"]] * 2)
