"""Limits from held-out folds: whose answers count, how often, and what is told of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.metrics.censoring import censoring_curve, status_at_horizon
from metarisk.models.conformal import EVER, UNKNOWN, Asked, ConformalSets, Known, fit_limits
from metarisk.models.risk import by_fold, output_of, risks
from metarisk.models.set_fitting import HeldOutSamples, fit_sets, group_columns, sets_in_words

BONE, BY_A_YEAR = Asked("site.bone", "", EVER), Asked("metastasis", "death", 365.0)


@pytest.fixture(scope="module")
def held_out(small: Any) -> HeldOutSamples:
    batch = small.bundle.transform.apply(small.training)
    outputs = small.bundle.ensemble.answers(batch)["outputs"][0]
    return HeldOutSamples(outputs, batch, small.training.endpoints, small.training.patient_ids)


def fitted(small: Any, held_out: HeldOutSamples, **calibration: Any) -> ConformalSets:
    bundle = small.bundle
    section = bundle.experiment.calibration.model_copy(update={"min_group": 10, **calibration})
    experiment = bundle.experiment.model_copy(update={"calibration": section})
    return fit_sets(bundle.ensemble, bundle.calibration, bundle.transform, held_out, experiment)


def test_every_question_and_group_has_limits(small: Any, held_out: HeldOutSamples) -> None:
    sets = fitted(small, held_out)
    layout = small.bundle.ensemble.plan.layout
    horizons = small.bundle.experiment.tasks.horizons_days
    dated = [Asked("metastasis", cause, by) for by in horizons for cause in ("metastasis", "death")]
    assert list(sets.limits) == [*(Asked(name, "", EVER) for name in layout.binary), *dated]
    assert set(sets.groups) == {*small.bundle.transform.levels["cancer_type"], UNKNOWN}
    assert all(tuple(by_group) == sets.groups for by_group in sets.limits.values())


def test_limits_of_a_yes_no_endpoint_rest_on_those_who_know_it(small: Any, held_out: HeldOutSamples) -> None:
    sets = fitted(small, held_out)
    label = held_out.endpoints["site.bone"].to_numpy(float)
    known = ~np.isnan(label)
    risk = small.bundle.calibration.apply(held_out.outputs)[:, 0]
    group = sets.group_of(held_out.batch)
    expected = fit_limits(
        Known(risk[known], label[known], np.ones(known.sum()), 1.0, group[known]), sets.groups, 0.9, 10
    )
    assert sets.limits[BONE] == expected


def test_limits_by_a_horizon_are_weighted_for_those_lost_and_allow_for_the_worst(
    small: Any, held_out: HeldOutSamples
) -> None:
    sets = fitted(small, held_out)
    time = held_out.endpoints["metastasis.time_days"].to_numpy(float)
    event = held_out.endpoints["metastasis.event"].to_numpy(float)
    censoring = censoring_curve(time, event)
    status = status_at_horizon(time, event, 365.0, censoring, cause=2)
    on = status.weight > 0
    assert 0 < (~on).sum() < len(on)
    risk = risks(small.bundle.ensemble, small.bundle.calibration, held_out.outputs[None], (365.0,)).asked[
        BY_A_YEAR
    ]
    known = Known(
        risk[0][on],
        status.label[on],
        status.weight[on],
        1.0 / float(censoring.before(365.0)),
        sets.group_of(held_out.batch)[on],
    )
    assert known.new_weight >= known.weight.max() - 1e-12
    assert sets.limits[BY_A_YEAR] == fit_limits(known, sets.groups, 0.9, 10)


def test_a_patient_counts_once_however_many_samples_there_are(small: Any, held_out: HeldOutSamples) -> None:
    rows = np.repeat(np.arange(len(held_out.batch)), 3)
    thrice = HeldOutSamples(
        held_out.outputs[rows],
        held_out.batch.take(rows),
        held_out.endpoints.iloc[rows],
        held_out.patient_ids[rows],
    )
    assert fitted(small, thrice) == fitted(small, held_out)


def test_a_category_that_the_model_does_not_read_leaves_one_group(
    small: Any, held_out: HeldOutSamples
) -> None:
    sets = fitted(small, held_out, within="therapy_class")
    assert group_columns(small.bundle.transform, "therapy_class") == {}
    assert sets.groups == ("(all)",)
    assert {
        pair[answer].source for by in sets.limits.values() for pair in by.values() for answer in (0, 1)
    } <= {
        "own",
        "none",
    }


def test_groups_are_the_columns_of_the_category(small: Any) -> None:
    columns = group_columns(small.bundle.transform, "cancer_type")
    named = [column.name for column in small.bundle.transform.columns]
    assert all(named[at] == f"cancer_type={level}" for level, at in columns.items())
    types = small.new_samples.clinical["cancer_type"]
    sets = ConformalSets(0.9, columns, {})
    group = sets.group_of(small.bundle.transform.apply(small.new_samples))
    assert [sets.groups[at] for at in group] == [
        kind if kind in columns else "(other)" if isinstance(kind, str) else UNKNOWN for kind in types
    ]


def test_what_cannot_have_its_own_limit_is_told(small: Any, held_out: HeldOutSamples) -> None:
    told = " ".join(sets_in_words(fitted(small, held_out), "cancer_type"))
    assert "rest on a group's own patients in so many of the 7 groups of cancer_type" in told
    assert "site.bone " in told
    never = list(sets_in_words(fitted(small, held_out, min_group=1000), "cancer_type"))
    assert never[-1].startswith(
        "Too few held-out patients had these answers for a set to rule them out: 'no'"
    )
    assert "'yes' to death by 365 days" in never[-1]


def test_the_risk_of_held_out_and_of_new_samples_is_the_same_number(small: Any) -> None:
    """With one fold the vote is that member's, so what limits rest on and what meets them must agree."""
    from metarisk.models.answers import probabilities

    bundle = small.bundle
    batch = bundle.transform.apply(small.new_samples)
    one = bundle.ensemble.answers(batch)["outputs"][:1]
    risk = risks(bundle.ensemble, bundle.calibration, one, (365.0,)).asked
    alone = replace_ensemble(bundle)
    for answer in probabilities(alone, bundle.calibration, batch, (365.0,)):
        if answer.asked.horizon_days == EVER:
            np.testing.assert_allclose(1 / (1 + np.exp(-risk[answer.asked][0])), answer.value, atol=1e-6)
    layout = bundle.ensemble.plan.layout
    assert [output_of(layout, asked) for asked in risk] == [0, 1, 2, 3, 4]


def replace_ensemble(bundle: Any) -> Any:
    from metarisk.models.ensemble import Ensemble

    return Ensemble(bundle.ensemble.plan, bundle.topology, [bundle.ensemble.networks[0]], 1)


def test_members_of_a_fold_are_averaged_over_their_seeds() -> None:
    outputs = np.arange(6, dtype=np.float32).reshape(6, 1, 1)  # folds 0, 1, 2 of seed 0, then of seed 1
    assert by_fold(outputs, 3).ravel().tolist() == [1.5, 2.5, 3.5]
    assert by_fold(outputs[:2], 3).ravel().tolist() == [0.0, 1.0]


def test_unknown_answers_of_everybody_rule_nothing_out(small: Any, held_out: HeldOutSamples) -> None:
    blank: pd.DataFrame = held_out.endpoints.assign(**{"site.bone": np.nan})
    limits = fitted(small, replace(held_out, endpoints=blank)).limits[BONE]
    assert {limit for pair in limits.values() for limit in pair} == {(np.inf, 0, "none")}
