from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from metarisk.config import Experiment
from metarisk.config.search import with_settings
from metarisk.data.cohort import Cohort
from metarisk.data.split import holdout
from metarisk.errors import ConfigError
from metarisk.train.fit import Epoch
from metarisk.train.run import HOLDOUT_SALT
from metarisk.train.search import Ground, ground_of, judge

SPACE = {"training.learning_rate": {"low": 1e-3, "high": 1e-1, "log": True}}


def ground_for(make: Any, cohort: Cohort | None = None, **search: Any) -> Ground:
    experiment: Experiment = make.experiment(search={"folds": 2, "space": SPACE, **search})
    assert experiment.search is not None
    return ground_of(experiment, experiment.search, cohort or make.cohort(experiment), make.topology)


def poisoned(cohort: Cohort, rows: np.ndarray) -> Cohort:
    """Other endpoints, assays and clinical facts at these rows."""
    assays = {}
    for name, table in cohort.assays.items():
        values = table.values.copy()
        values[rows] = 3.0
        assays[name] = replace(table, values=values)
    endpoints, clinical = cohort.endpoints.copy(), cohort.clinical.copy()
    binary = [name for name in endpoints if name.startswith("site.") or name == "response"]
    endpoints.loc[endpoints.index[rows], binary] = 1.0
    clinical.loc[clinical.index[rows], "age_years"] = 119.0
    clinical.loc[clinical.index[rows], "cancer_type"] = "Poison"
    return replace(cohort, assays=assays, endpoints=endpoints, clinical=clinical)


@pytest.mark.parametrize("features", [False, True])
def test_nothing_of_the_held_out_patients_reaches_a_trial(make: Any, features: bool) -> None:
    space = {**SPACE, "features.direct_genes": {"low": 5, "high": 20}} if features else SPACE
    plain = make.experiment(search={"folds": 2, "space": space})
    cohort = make.cohort(plain)
    held_out = holdout(cohort, plain.evaluation.test_fraction, HOLDOUT_SALT).test_rows
    assert len(held_out) > 20
    told: list[list[Epoch]] = []
    values = []
    for samples in (cohort, poisoned(cohort, held_out)):
        epochs: list[Epoch] = []
        ground = ground_of(plain, plain.search, samples, make.topology)
        values.append(judge(ground, plain, epochs.append))
        told.append([epoch._replace(seconds=0.0) for epoch in epochs])
    assert values[0] == values[1]
    assert told[0] == told[1]
    training = holdout(cohort, plain.evaluation.test_fraction, HOLDOUT_SALT).train_rows
    ground = ground_of(plain, plain.search, poisoned(cohort, training[:5]), make.topology)
    assert judge(ground, plain, lambda _: None) != values[0]  # the poison would be seen


def test_a_trial_is_judged_by_its_best_epoch_on_patients_it_did_not_learn_from(make: Any) -> None:
    told: list[Epoch] = []
    ground = ground_for(make)
    values = judge(ground, ground.experiment, told.append)
    for rows, value in zip(ground.folds, values, strict=True):
        assert value == min(epoch.valid_loss for epoch in told if epoch.member == rows.member)
        patients = ground.cohort.patient_ids
        assert not set(patients[rows.train]) & set(patients[rows.valid])
        assert len(rows.train) + len(rows.valid) == len(ground.cohort)


def test_the_inner_folds_are_not_those_of_the_final_fit(make: Any) -> None:
    from metarisk.data.split import patient_folds

    ground = ground_for(make)
    final = patient_folds(ground.cohort.patient_ids, 2, f"folds-{ground.experiment.seed}")
    assert not any(
        np.array_equal(rows.valid, np.flatnonzero(final == fold)) for rows in ground.folds for fold in (0, 1)
    )


def test_the_auroc_is_that_of_scikit_learn_averaged_over_targets(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from metarisk.train import search

    seen: list[tuple[np.ndarray, np.ndarray]] = []
    mean_auroc = search._mean_auroc

    def watched(answers: np.ndarray, labels: np.ndarray, strata: None) -> float:
        seen.append((answers, labels))
        return mean_auroc(answers, labels, strata)

    monkeypatch.setattr(search, "_mean_auroc", watched)
    ground = ground_for(make, metric="auroc")
    values = judge(ground, ground.experiment, lambda _: None)
    for value, (answers, labels) in zip(values, seen, strict=True):
        known = [~np.isnan(column) for column in labels.T]
        expected = [
            roc_auc_score(labels[rows, column], answers[rows, column]) for column, rows in enumerate(known)
        ]
        assert value == pytest.approx(np.mean(expected))


def test_settings_of_the_features_are_fitted_again_for_each_trial(make: Any) -> None:
    space = {"features.direct_genes": {"low": 1, "high": 20}}
    ground = ground_for(make, space=space)
    assert ground.ready is None
    few, many = (
        judge(ground, with_settings(ground.experiment, {"features.direct_genes": number}), lambda _: None)
        for number in (1, 20)
    )
    assert few != many
    usual = ground_for(make)
    assert usual.ready is not None
    assert judge(usual, ground.experiment, lambda _: None) == many


def test_a_metric_without_targets_is_refused(make: Any) -> None:
    experiment = make.experiment(
        search={"folds": 2, "space": SPACE, "metric": "auroc"}, tasks={"sites": [], "binary": []}
    )
    with pytest.raises(ConfigError, match=r"search\.metric is auroc, and no yes / no target"):
        ground_of(experiment, experiment.search, make.cohort(experiment), make.topology)
