from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from metarisk.config.benchmark import ChoiceSection
from metarisk.config.experiment import Experiment
from metarisk.data.cohort import Cohort
from metarisk.errors import ConfigError
from metarisk.train.choose import Judged, best_alternative, judge_alternatives

SETTINGS: dict[str, Any] = {
    "simulation": {"samples": 160},
    "training": {"epochs": 3},
    "tasks": {"sites": ["bone"], "timed": []},
}
NOTHING_LEARNED = {"training.learning_rate": 1e-9}


@pytest.fixture(scope="module")
def experiment(make: Any) -> Experiment:
    return make.experiment(**SETTINGS)


@pytest.fixture(scope="module")
def cohort(make: Any, experiment: Experiment) -> Cohort:
    """Tumours of four centres whose bone metastasis can be read off their age."""
    samples: Cohort = make.cohort(experiment)
    age = np.random.default_rng(0).uniform(20, 90, len(samples))
    clinical = samples.clinical.assign(age_years=age, centre=np.resize(list("abcd"), len(samples)))
    return replace(
        samples,
        clinical=clinical,
        endpoints=samples.endpoints.assign(**{"site.bone": (age > 60).astype(float)}),
    )


@pytest.mark.parametrize(("metric", "kind"), [("valid_loss", "patient"), ("auroc", "cohort")])
def test_the_alternative_that_learns_is_chosen(
    make: Any, cohort: Cohort, experiment: Experiment, metric: str, kind: Any
) -> None:
    section = ChoiceSection(among=(NOTHING_LEARNED, {}), folds=2, metric=metric)
    judged = judge_alternatives(cohort, make.topology, experiment, section, kind)
    assert [len(each.scores) for each in judged] == [2, 2]
    assert best_alternative(judged, metric) == 1


def test_an_inner_fold_of_cohorts_holds_whole_cohorts(make: Any, cohort: Cohort) -> None:
    from metarisk.train.choose import _inner_folds

    centre = cohort.clinical["centre"].to_numpy(dtype=str)
    fold = _inner_folds(cohort, centre, 3, seed=0)
    assert set(fold) == {0, 1, 2}
    assert all(len(set(fold[centre == name])) == 1 for name in "abcd")
    with pytest.raises(ConfigError, match="4 groups of training samples cannot fill 5 inner folds"):
        _inner_folds(cohort, centre, 5, seed=0)


def test_the_first_of_equal_alternatives_is_taken_and_one_that_diverged_never() -> None:
    nan = float("nan")
    assert (
        best_alternative([Judged(0, (0.6, nan)), Judged(1, (0.7, 0.7)), Judged(2, (0.7, 0.7))], "auroc") == 1
    )
    assert best_alternative([Judged(0, (0.9, 0.9)), Judged(1, (0.7, 0.8))], "valid_loss") == 1
    with pytest.raises(ConfigError, match="every alternative"):
        best_alternative([Judged(0, (nan,))], "valid_loss")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"network.widht": 4}, r"benchmark\.choose\.among: network\.widht is no setting"),
        ({"seed": 4}, "a lucky seed is no setting"),
        ({"network.dropout": 2.0}, r"benchmark\.choose\.among: network\.dropout cannot be 2\.0"),
    ],
)
def test_an_alternative_that_is_no_setting_is_refused(make: Any, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make.experiment(**SETTINGS, benchmark={"choose": {"among": [{}, settings]}})
