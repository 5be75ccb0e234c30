from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from metarisk.config.evaluation import EvaluationSection
from metarisk.data.cohort import Cohort
from metarisk.metrics.delong import averaged_delong, delong
from metarisk.metrics.discrimination import auroc
from metarisk.metrics.intervals import holm
from metarisk.train.figures import EVER, OURS, Question
from metarisk.train.fold_figures import fold_figures, verdicts
from metarisk.train.outer import folds_by_patient

BONE = Question("site.bone", EVER)
FOLDS = 3


class EachType:
    """A simulated cohort; two of its cancer types count as one, `BOTH`, and each type is told."""

    def __init__(self, make: Any) -> None:
        self.cohort: Cohort = make.cohort(make.experiment(simulation={"samples": 400}))
        self.split = folds_by_patient(self.cohort, FOLDS, seed=0)
        self.label = self.cohort.endpoints["site.bone"].to_numpy(np.float64)
        types = self.cohort.clinical["cancer_type"].to_numpy(dtype=str)
        first, second = np.unique(types)[:2]
        self.types = np.where(np.isin(types, [first, second]), "BOTH", types)
        rng = np.random.default_rng(0)
        logits = {OURS: 1.5, "boosting": 0.5}
        self.models = {
            name: {BONE: weight * np.nan_to_num(self.label) + rng.normal(size=len(self.label))}
            for name, weight in logits.items()
        }
        self.models = {n: {BONE: 1 / (1 + np.exp(-a[BONE]))} for n, a in self.models.items()}
        self.section = EvaluationSection(
            bootstrap=60, within_min_events=4, within_each=True, within_as={"BOTH": (first, second)}
        )
        self.figures = fold_figures(self.models, self.cohort, self.split, self.section)

    def rows(self) -> dict[str, list[np.ndarray]]:
        """Type -> rows of each of its parts that count."""
        found: dict[str, list[np.ndarray]] = {}
        for name in np.unique(self.types):
            of_type = (self.types == name) & ~np.isnan(self.label)
            if min((self.label[of_type] == 1).sum(), (self.label[of_type] == 0).sum()) < 4:
                continue
            for part in range(FOLDS):
                rows = np.flatnonzero(of_type & (self.split.part_of == part))
                if min((self.label[rows] == 1).sum(), (self.label[rows] == 0).sum()) >= 2:
                    found.setdefault(str(name), []).append(rows)
        return found

    def row(self, model: str, stratum: str) -> pd.Series:
        table = self.figures[(self.figures["model"] == model) & (self.figures["stratum"] == stratum)]
        return table[table["metric"] == "auroc"].iloc[0]


@pytest.fixture(scope="module")
def each(make: Any) -> EachType:
    return EachType(make)


def test_each_type_has_a_row_whose_parts_count_by_cases(each: EachType) -> None:
    strata = set(each.figures.loc[each.figures["metric"] == "auroc", "stratum"])
    assert strata == {"pooled", "within", "mean within", *each.rows()}
    assert "BOTH" in strata
    for model, answers in each.models.items():
        for name, parts in each.rows().items():
            inside = [auroc(answers[BONE][rows], each.label[rows]) for rows in parts]
            cases = [each.label[rows].sum() for rows in parts]
            told = each.row(model, name)
            assert told["value"] == pytest.approx(np.average(inside, weights=cases))
            assert (told["n"], told["events"]) == (sum(map(len, parts)), sum(cases))
            assert told["lower"] <= told["value"] <= told["upper"]


def test_the_mean_over_types_counts_each_alike(each: EachType) -> None:
    for model in each.models:
        values = [each.row(model, name)["value"] for name in each.rows()]
        told = each.row(model, "mean within")
        assert told["value"] == pytest.approx(np.mean(values))
        assert told["n"] == each.row(model, "within")["n"]
        assert told["value"] != pytest.approx(each.row(model, "within")["value"])


def test_a_type_and_the_mean_over_types_are_tested_by_delong(each: EachType) -> None:
    ours, other = (each.models[model][BONE] for model in (OURS, "boosting"))
    by_type = {
        name: averaged_delong(
            [delong(ours[rows], other[rows], each.label[rows]) for rows in parts],
            np.array([each.label[rows].sum() for rows in parts]),
        )
        for name, parts in each.rows().items()
    }
    for name, expected in by_type.items():
        assert each.row(OURS, name)["p"] == pytest.approx(expected.p)
    told, error = each.row(OURS, "mean within"), np.sqrt(np.sum([one.error**2 for one in by_type.values()]))
    assert told["test"] == "delong"
    assert told["p"] == pytest.approx(2 * norm.sf(abs(told["difference"]) / error * len(by_type)))


def test_types_are_a_family_of_their_own_and_counted_together(each: EachType) -> None:
    compared = each.figures[(each.figures["versus"] == "boosting") & (each.figures["metric"] == "auroc")]
    single = compared["stratum"].isin(list(each.rows()))
    for family in (compared[single], compared[~single]):
        np.testing.assert_allclose(family["p_holm"], holm(family["p"].tolist()))
    told = verdicts(each.figures).set_index("stratum")["questions"]
    assert told["each part"] == str(len(each.rows()))


def test_types_that_nobody_asked_for_are_not_told_and_leave_no_trace_in_a_configuration(
    each: EachType,
) -> None:
    plain = EvaluationSection(bootstrap=60, within_min_events=4)
    strata = set(fold_figures(each.models, each.cohort, each.split, plain)["stratum"])
    assert strata == {"pooled", "within"}
    assert not {"within_each", "within_as"} & set(plain.model_dump())
