from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from metarisk.data.split import patient_folds
from metarisk.schema.assays import Assay
from metarisk.train.fit import Epoch
from metarisk.train.members import Learned, choose_device, learn, without_graph


@pytest.fixture(scope="module")
def learned(ready: Any) -> Learned:
    return learn(ready.training_set, ready.topology, ready.experiment, lambda _: None)


def test_there_is_a_member_for_each_fold_and_seed(ready: Any, make: Any) -> None:
    told: list[Epoch] = []
    training = {"folds": 3, "seeds": 2, "epochs": 1}
    experiment = make.experiment(training=training)
    found = learn(ready.training_set, ready.topology, experiment, told.append)
    assert len(found.ensemble.networks) == 6
    assert [epoch.member for epoch in told] == list(range(6))


def test_calibration_is_fitted_on_the_fold_that_a_member_did_not_see(ready: Any, learned: Learned) -> None:
    from metarisk.models.calibration import fit_calibration

    fold = patient_folds(ready.cohort.patient_ids, 2, f"folds-{ready.experiment.seed}")
    answers = learned.ensemble.answers(ready.training_set.batch)["outputs"]
    held_out = np.where((fold == 0)[:, None], answers[0], answers[1])
    expected = fit_calibration(
        held_out, ready.training_set.targets, ready.training_set.layout, learned.ensemble.networks[0]
    )
    np.testing.assert_allclose(learned.calibration.slope, expected.slope, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(learned.calibration.offset, expected.offset, rtol=1e-3, atol=1e-3)


def test_the_cost_of_a_missing_assay_is_what_taking_it_away_changed(ready: Any, learned: Learned) -> None:
    fold = patient_folds(ready.cohort.patient_ids, 2, f"folds-{ready.experiment.seed}")
    batch = ready.training_set.batch
    whole = learned.ensemble.answers(batch)["outputs"]
    for assay in (Assay.MUTATION, Assay.EXPRESSION):
        bare = learned.ensemble.answers(batch, frozenset({assay}))["outputs"]
        change = np.where((fold == 0)[:, None], (whole - bare)[0], (whole - bare)[1])
        has = batch.assays[assay].measured.any(axis=1)
        expected = np.sqrt(((change[has] * learned.calibration.slope) ** 2).mean(axis=0))
        np.testing.assert_allclose(learned.calibration.missing_spread[assay], expected, rtol=1e-3, atol=1e-5)


def test_the_no_graph_control_differs_in_nothing_else(ready: Any) -> None:
    control = without_graph(ready.experiment)
    assert not control.network.graph
    assert control.model_copy(update={"network": ready.experiment.network}) == ready.experiment


def test_a_device_is_taken_by_its_name() -> None:
    import torch

    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
