from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from metarisk.config.benchmark import SplitSection
from metarisk.config.experiment import TaskSection
from metarisk.data.cohort import Cohort
from metarisk.errors import ConfigError
from metarisk.train.crossvalidate import Round
from metarisk.train.figures import OURS
from metarisk.train.outer import UNTESTED, OuterSplit, cohorts_of, outer_split

TASKS = TaskSection(sites=("bone",), binary=(), timed=())
SETTINGS: dict[str, Any] = {
    "simulation": {"samples": 150},
    "training": {"epochs": 1},
    "tasks": {"sites": ["bone"], "timed": []},
}


@pytest.fixture(scope="module")
def pooled(make: Any) -> Cohort:
    """150 tumours of four centres; every third spreads to bone, but none of the five of the last centre."""
    cohort: Cohort = make.cohort(make.experiment(**SETTINGS))
    names = np.repeat(["amsterdam", "boston", "cairo"], [60, 50, 40]).astype(object)
    names[-5:] = "delhi"
    bone = (np.arange(150) % 3 == 0).astype(float)
    bone[-5:] = 0.0
    endpoints = cohort.endpoints.assign(**{"site.bone": bone})
    return replace(cohort, clinical=cohort.clinical.assign(centre=names), endpoints=endpoints)


def split_by(cohort: Cohort, **section: Any) -> OuterSplit:
    return outer_split(cohort, SplitSection(**section), TASKS, seed=0)


def test_each_cohort_is_tested_by_a_fit_on_all_the_others(pooled: Cohort) -> None:
    split = split_by(pooled, by="cohort")
    assert split.parts == ("amsterdam", "boston", "cairo")
    assert split.fits == 3
    centre = pooled.clinical["centre"].to_numpy()
    for number, part in enumerate(split.parts):
        sides = split.fit(number)
        assert set(centre[sides.test_rows]) == {part}
        assert set(centre[sides.train_rows]) == {"amsterdam", "boston", "cairo", "delhi"} - {part}
        np.testing.assert_array_equal(sides.test_rows, split.split(number).test_rows)


def test_a_cohort_that_cannot_be_judged_is_learned_from_and_never_tested(pooled: Cohort) -> None:
    split = split_by(pooled, by="cohort")
    delhi = (pooled.clinical["centre"] == "delhi").to_numpy()
    assert (split.part_of[delhi] == UNTESTED).all()
    assert "3 of 4 tested" in split.name


def test_one_fit_answers_for_every_cohort_that_is_not_learned_from(pooled: Cohort) -> None:
    split = split_by(pooled, by="cohort", learn_from=["amsterdam"])
    assert (split.parts, split.fits) == (("boston", "cairo"), 1)
    sides = split.fit(0)
    centre = pooled.clinical["centre"].to_numpy()
    assert set(centre[sides.train_rows]) == {"amsterdam"}
    assert set(centre[sides.test_rows]) == {"boston", "cairo"}
    for number, part in enumerate(split.parts):
        np.testing.assert_array_equal(split.split(number).train_rows, sides.train_rows)
        assert set(centre[split.split(number).test_rows]) == {part}


@pytest.mark.parametrize(
    "section", [{"by": "cohort"}, {"by": "cohort", "learn_from": ["amsterdam", "cairo"]}]
)
def test_a_patient_of_two_cohorts_is_not_learned_from_where_it_is_tested(
    pooled: Cohort, section: dict[str, Any]
) -> None:
    ids = pooled.clinical["patient_id"].to_numpy().copy()
    ids[0] = ids[60]  # an amsterdam sample of a boston patient
    split = split_by(replace(pooled, clinical=pooled.clinical.assign(patient_id=ids)), **section)
    boston = split.parts.index("boston")
    for sides in (split.split(boston), split.fit(boston if split.learned is None else 0)):
        assert 0 not in sides.train_rows
        assert not set(ids[sides.train_rows]) & set(ids[sides.test_rows])


def test_cancer_types_are_left_out_and_samples_of_no_known_type_only_learned_from(pooled: Cohort) -> None:
    types = pooled.clinical["cancer_type"].to_numpy(dtype=object).copy()
    types[:3] = None
    split = split_by(replace(pooled, clinical=pooled.clinical.assign(cancer_type=types)), by="cancer_type")
    assert split.kind == "cancer_type"
    assert (split.part_of[:3] == UNTESTED).all()
    for number, part in enumerate(split.parts):
        assert set(types[split.fit(number).test_rows]) == {part}
        assert set(split.fit(number).train_rows) >= {0, 1, 2}


def test_a_joined_cohort_that_pools_several_is_split_into_them(pooled: Cohort) -> None:
    joined = np.repeat(["trial", "registry"], [60, 90]).astype(object)
    centre = pooled.clinical["centre"].to_numpy(dtype=object).copy()
    centre[60:] = None
    both = replace(pooled, clinical=pooled.clinical.assign(cohort=joined, centre=centre))
    assert set(cohorts_of(both)) == {"trial/amsterdam", "registry"}


def test_a_name_that_is_no_cohort_is_refused_with_the_nearest(pooled: Cohort) -> None:
    with pytest.raises(ConfigError, match=r"learn_from names amsterdm.*Did you mean 'amsterdam'"):
        split_by(pooled, by="cohort", learn_from=["amsterdm"])
    with pytest.raises(ConfigError, match="samples name 0 of them"):
        split_by(replace(pooled, clinical=pooled.clinical.drop(columns="centre")), by="cohort")
    with pytest.raises(ConfigError, match="no cohort has 75 patients with and without"):
        split_by(pooled, by="cohort", min_events=75)
    with pytest.raises(ValueError, match=r"set split\.by"):
        SplitSection(learn_from=("amsterdam",))


def test_a_round_answers_for_a_whole_cohort_at_once(make: Any, pooled: Cohort) -> None:
    split = split_by(pooled, by="cohort", learn_from=["amsterdam"])
    round_ = Round.of(pooled, make.topology, make.experiment(**SETTINGS), split.fit(0))
    for model in (OURS, "linear"):
        answers = round_.answers(model, lambda epoch: None)
        assert all(len(answer) == 85 and np.isfinite(answer).all() for answer in answers.values())
