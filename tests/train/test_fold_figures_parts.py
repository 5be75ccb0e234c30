from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from metarisk.config.evaluation import EvaluationSection
from metarisk.data.cohort import Cohort
from metarisk.metrics.delong import delong
from metarisk.metrics.discrimination import auroc, average_precision
from metarisk.metrics.intervals import holm, resampled_weights
from metarisk.train.figures import EVER, OURS, Question
from metarisk.train.fold_figures import fold_figures, verdicts
from metarisk.train.outer import UNTESTED, OuterSplit

BONE, DATED = Question("site.bone", EVER), Question("metastasis", 365.0)
SECTION = EvaluationSection(bootstrap=100, within_min_events=4)
PARTS, SIZES = ("amsterdam", "boston", "cairo", "delhi"), (120, 90, 60, 20)  # ten more are never tested


class Pooled:
    """A simulated study of five centres; every fourth tumour spreads to bone, in delhi one."""

    def __init__(self, make: Any) -> None:
        cohort: Cohort = make.cohort(make.experiment(simulation={"samples": 300}))
        self.part_of = np.repeat([0, 1, 2, 3, UNTESTED], [*SIZES, 10])
        bone = (np.arange(300) % 4 == 0).astype(np.float64)
        bone[270:290] = np.arange(20) == 0
        self.bone = bone
        self.cohort = replace(cohort, endpoints=cohort.endpoints.assign(**{"site.bone": bone}))
        self.split = OuterSplit("each cohort", PARTS, self.part_of, cohort.patient_ids, "cohort")
        rng = np.random.default_rng(0)
        dated = cohort.endpoints["metastasis.event"].to_numpy(np.float64) == 1
        self.models: dict[str, Any] = {}
        for name, weight in ((OURS, 1.5), ("boosting", 0.7), ("formula", 1.0)):
            noisy = {asked: weight * y + rng.normal(0, 1, 300) for asked, y in ((BONE, bone), (DATED, dated))}
            squash = 0.0 if name == "formula" else 1.0
            self.models[name] = {
                asked: 1 / (1 + np.exp(-value)) if squash else 10 * value for asked, value in noisy.items()
            }
        self.figures = self.table()

    def table(self, **changed: Any) -> pd.DataFrame:
        given = {"models": self.models, "cohort": self.cohort, "split": self.split, "section": SECTION}
        return fold_figures(**{"ranks_only": frozenset({"formula"}), **given, **changed})

    def inside(self, part: int) -> np.ndarray:
        return np.flatnonzero(self.part_of == part)

    def aurocs(self, model: str) -> np.ndarray:
        score = self.models[model][BONE]
        return np.array([auroc(score[rows], self.bone[rows]) for rows in map(self.inside, range(3))])


@pytest.fixture(scope="module")
def pooled(make: Any) -> Pooled:
    return Pooled(make)


def row(figures: pd.DataFrame, model: str, stratum: str, metric: str = "auroc", **where: Any) -> pd.Series:
    for column, value in {"model": model, "stratum": stratum, "metric": metric, **where}.items():
        figures = figures[figures[column] == value]
    figures = figures if "endpoint" in where else figures[figures["endpoint"] == "site.bone"]
    return figures.iloc[0]


def test_each_part_has_its_own_row_and_the_untested_and_too_small_have_none(pooled: Pooled) -> None:
    found = pooled.figures[(pooled.figures["metric"] == "auroc") & (pooled.figures["endpoint"] == BONE[0])]
    assert set(found["stratum"]) == {*PARTS[:3], "pooled", "mean", "by size", "within"}
    for number, part in enumerate(PARTS[:3]):
        for model in pooled.models:
            told = row(pooled.figures, model, part)
            assert told["value"] == pytest.approx(pooled.aurocs(model)[number])
            assert told["n"] == SIZES[number]
            assert told["events"] == pooled.bone[pooled.inside(number)].sum()
            assert told["lower"] < told["value"] < told["upper"]


def test_parts_are_averaged_alike_by_size_and_by_cases(pooled: Pooled) -> None:
    cases = [pooled.bone[pooled.inside(part)].sum() for part in range(3)]
    for model in pooled.models:
        each = pooled.aurocs(model)
        expected = {
            "mean": each.mean(),
            "by size": np.average(each, weights=SIZES[:3]),
            "pooled": np.average(each, weights=cases),
        }
        for stratum, value in expected.items():
            told = row(pooled.figures, model, stratum)
            assert told["value"] == pytest.approx(value)
            assert (told["n"], told["events"]) == (sum(SIZES[:3]), sum(cases))


def test_a_mean_is_resampled_inside_its_parts(pooled: Pooled) -> None:
    tested = np.flatnonzero(pooled.part_of != UNTESTED)
    score, label, part = pooled.models[OURS][BONE][tested], pooled.bone[tested], pooled.part_of[tested]
    other = pooled.models["boosting"][BONE][tested]
    drawn = np.concatenate(list(resampled_weights(pooled.cohort.patient_ids[tested], 100, 0, part)))
    means = [
        [np.mean([auroc(s[part == k], label[part == k], w[part == k]) for k in range(3)]) for w in drawn]
        for s in (score, other)
    ]
    told = row(pooled.figures, OURS, "mean", versus="boosting")
    assert (told["lower"], told["upper"]) == pytest.approx(np.percentile(means[0], (2.5, 97.5)))
    gap = np.percentile(np.subtract(*means), (2.5, 97.5))
    assert (told["diff_lower"], told["diff_upper"]) == pytest.approx(gap)
    assert told["difference"] == pytest.approx(pooled.aurocs(OURS).mean() - pooled.aurocs("boosting").mean())


def test_a_part_and_a_mean_of_parts_are_tested_by_delong(pooled: Pooled) -> None:
    ours, other = (pooled.models[model][BONE] for model in (OURS, "boosting"))
    inside = [pooled.inside(part) for part in range(3)]
    each = [delong(ours[rows], other[rows], pooled.bone[rows]) for rows in inside]
    for part, expected in zip(PARTS, each, strict=False):
        told = row(pooled.figures, OURS, part, versus="boosting")
        assert told["test"] == "delong"
        assert told["p"] == pytest.approx(expected.p)
    error = np.sqrt(np.sum([found.error**2 for found in each])) / 3
    told = row(pooled.figures, OURS, "mean", versus="boosting")
    assert told["p"] == pytest.approx(2 * norm.sf(abs(told["difference"]) / error))


def test_parts_are_a_family_of_their_own(pooled: Pooled) -> None:
    found = pooled.figures[(pooled.figures["versus"] == "boosting") & (pooled.figures["metric"] == "auroc")]
    of_part = found["stratum"].isin(PARTS)
    assert set(found["endpoint"]) == {"site.bone", "metastasis"}
    for family in (found[of_part], found[~of_part]):
        np.testing.assert_allclose(family["p_holm"], holm(family["p"].tolist()))


def test_verdicts_count_parts_together(pooled: Pooled) -> None:
    told = verdicts(pooled.figures).set_index(["versus", "stratum"])["questions"]
    of_bone, dated = 3, pooled.figures[pooled.figures["endpoint"] == "metastasis"]
    parts = set(dated.loc[dated["metric"] == "auroc", "stratum"]) & set(PARTS)
    assert told[f"{OURS} - boosting", "each part"] == str(of_bone + len(parts))
    assert told[f"{OURS} - boosting", "mean"] == "2"


def test_inside_cancer_types_there_are_no_cancer_types_to_look_within(pooled: Pooled) -> None:
    types = pooled.cohort.clinical["cancer_type"].to_numpy(dtype=str)
    names, part_of = np.unique(types, return_inverse=True)
    split = OuterSplit("each type", tuple(names), part_of, pooled.cohort.patient_ids, "cancer_type")
    assert "within" not in set(pooled.table(split=split)["stratum"])


def test_a_score_that_is_no_probability_has_ranks_only(pooled: Pooled) -> None:
    of_formula = pooled.figures[pooled.figures["model"] == "formula"]
    assert set(of_formula["metric"]) == {"auroc", "average_precision", "harrell_c", "uno_c"}
    assert "formula" in set(pooled.figures["versus"])
    versus = pooled.figures[pooled.figures["versus"] == "formula"]
    assert set(versus["metric"]) == set(of_formula["metric"])
    told = row(pooled.figures, "formula", "pooled", "average_precision")
    tested = pooled.part_of != UNTESTED
    expected = average_precision(pooled.models["formula"][BONE][tested], pooled.bone[tested])
    assert told["value"] == pytest.approx(expected)


def test_a_formula_that_cannot_answer_a_cohort_takes_nobody_from_the_others(pooled: Pooled) -> None:
    """It was measured in boston and in half of amsterdam; ours is compared with it there, and only there."""
    gap = pooled.models["formula"][BONE].copy()
    gap[:60] = np.nan
    gap[210:] = np.nan
    partly = {**pooled.models, "formula": {BONE: gap}}
    figures = pooled.table(models=partly)
    alone = pooled.table(models={name: pooled.models[name] for name in (OURS, "boosting")})
    key = ["model", "endpoint", "horizon_days", "stratum", "metric", "versus"]
    others = figures[(figures["model"] != "formula") & (figures["versus"] != "formula")]
    pd.testing.assert_frame_equal(
        others.sort_values(key, ignore_index=True), alone.sort_values(key, ignore_index=True)
    )
    formula, ours = row(figures, "formula", "pooled"), row(figures, OURS, "pooled", versus="formula")
    assert formula["n"] == ours["n"] == 150
    assert ours["difference"] == pytest.approx(ours["value"] - formula["value"])
    rows = np.arange(60, 120)
    here = row(figures, OURS, "amsterdam", versus="formula")
    assert here["value"] == pytest.approx(auroc(pooled.models[OURS][BONE][rows], pooled.bone[rows]))
    compared = figures[figures["versus"] == "formula"]
    assert set(compared["stratum"]) & set(PARTS) == {"amsterdam", "boston"}
    assert set(compared["endpoint"]) == {"site.bone"}


def test_ours_stands_on_everybody_too_where_each_control_answers_only_some(pooled: Pooled) -> None:
    gap = np.where(np.arange(300) % 3, pooled.models["formula"][BONE], np.nan)
    figures = pooled.table(models={OURS: {BONE: pooled.models[OURS][BONE]}, "formula": {BONE: gap}})
    ours = figures[(figures["model"] == OURS) & (figures["metric"] == "auroc")]
    assert row(ours, OURS, "pooled", versus="")["n"] == 270
    assert row(ours, OURS, "pooled", versus="formula")["n"] < 270


def test_one_fit_may_answer_for_every_part(pooled: Pooled) -> None:
    learned = pooled.part_of == 0
    part_of = np.where(learned, UNTESTED, pooled.part_of - 1)
    part_of[pooled.part_of == UNTESTED] = UNTESTED
    ids = pooled.cohort.patient_ids
    split = OuterSplit("learned from amsterdam", PARTS[1:], part_of, ids, "cohort", learned)
    figures = pooled.table(split=split)
    told = row(figures, OURS, "mean")
    assert told["value"] == pytest.approx(pooled.aurocs(OURS)[1:].mean())
    assert "amsterdam" not in set(figures["stratum"])
