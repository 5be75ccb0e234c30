from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.data.cohort import Cohort
from metarisk.models.answers import missing_variance, probabilities
from metarisk.models.calibration import Calibration
from metarisk.models.conformal import NO_SETS
from metarisk.models.ensemble import Ensemble
from metarisk.models.fingerprint import TrainingIds
from metarisk.models.network import Network
from metarisk.models.scoring import content_hashes, score_cohort
from metarisk.nn.heads import TaskLayout
from metarisk.schema.assays import Assay
from metarisk.schema.scores import COLUMNS, DECIDED_SETS, UNDECIDED_SETS

ONE = np.arange(6)


def without(cohort: Cohort, *assays: Assay) -> Cohort:
    return replace(
        cohort, assays={name: table for name, table in cohort.assays.items() if name not in assays}
    )


def flags_of(scores: pd.DataFrame) -> list[set[str]]:
    first = scores.drop_duplicates("sample_id")
    return [set(filter(None, flags.split(";"))) for flags in first["flags"]]


def test_one_row_a_sample_and_question_in_the_cohorts_order(small: Any) -> None:
    scores = score_cohort(small.bundle, small.new_samples)
    assert tuple(scores.columns) == COLUMNS
    assert scores["sample_id"].unique().tolist() == small.new_samples.sample_ids.tolist()
    asked = scores.groupby("sample_id", sort=False).apply(
        lambda rows: tuple(zip(rows["task"], rows["target"], rows["horizon_days"].fillna(0), strict=True)),
        include_groups=False,
    )
    assert set(asked) == {
        (
            ("site", "bone", 0.0),
            ("site", "liver", 0.0),
            ("response", "response", 0.0),
            ("metastasis", "metastasis", 365.0),
            ("metastasis", "metastasis", 730.0),
            ("metastasis", "death", 365.0),
            ("metastasis", "death", 730.0),
        )
    }


def test_a_probability_lies_in_its_interval(small: Any) -> None:
    scores = score_cohort(small.bundle, small.new_samples)
    assert (scores["lower"] <= scores["probability"]).all()
    assert (scores["probability"] <= scores["upper"]).all()
    assert scores["lower"].between(0, 1).all()
    assert scores["upper"].between(0, 1).all()
    assert (scores["lower"] < scores["upper"]).mean() > 0.99


def test_risk_rises_with_the_horizon_and_causes_leave_room_for_each_other(small: Any) -> None:
    batch = small.bundle.transform.apply(small.new_samples)
    horizons = (100.0, 365.0, 730.0, 5000.0)
    answers = probabilities(small.bundle.ensemble, small.bundle.calibration, batch, horizons)
    by_cause = {
        cause: np.stack([answer.value for answer in answers if answer.cause == cause])
        for cause in ("metastasis", "death")
    }
    for values in by_cause.values():
        assert (np.diff(values, axis=0) >= 0).all()
    assert (sum(by_cause.values()) <= 1.0 + 1e-6).all()


def test_samples_are_scored_by_themselves(small: Any) -> None:
    together = score_cohort(small.bundle, small.new_samples)
    alone = score_cohort(small.bundle, small.new_samples.take(np.array([33])))
    same = together[together["sample_id"] == alone["sample_id"][0]].reset_index(drop=True)
    np.testing.assert_array_equal(alone["probability"], same["probability"])
    assert alone["input_sha256"].tolist() == same["input_sha256"].tolist()


def test_every_subset_of_assays_scores(small: Any) -> None:
    assays = list(small.new_samples.assays)
    for mask in range(2 ** len(assays)):
        lost = [assay for bit, assay in enumerate(assays) if mask >> bit & 1]
        scores = score_cohort(small.bundle, without(small.new_samples.take(ONE), *lost))
        assert scores["probability"].notna().all()
        for flags in flags_of(scores):
            assert {f"missing:{assay}" for assay in lost} <= flags


def test_a_missing_assay_widens_the_interval(small: Any) -> None:
    measured = small.new_samples.assays[Assay.MUTATION].measured.any(axis=1)
    cohort = small.new_samples.take(measured)
    calibration = small.bundle.calibration
    full, bare = (small.bundle.transform.apply(part) for part in (cohort, without(cohort, Assay.MUTATION)))
    extra = missing_variance(calibration, bare) - missing_variance(calibration, full)
    expected = np.broadcast_to(calibration.missing_spread[Assay.MUTATION] ** 2, extra.shape)
    np.testing.assert_allclose(extra, expected, atol=1e-12)
    assert (extra[:, : len(small.bundle.ensemble.plan.layout.binary)] > 0).all()
    narrow, wide = (
        probabilities(small.bundle.ensemble, replace(calibration, missing_spread=spread), bare, (365.0,))
        for spread in ({}, calibration.missing_spread)
    )
    for one, other in zip(narrow, wide, strict=True):
        np.testing.assert_array_equal(one.value, other.value)
        assert (other.upper - other.lower > one.upper - one.lower).all()


def test_a_question_that_was_not_trained_is_answered_with_an_abstention(small: Any) -> None:
    plan = small.bundle.ensemble.plan
    plan = replace(plan, layout=TaskLayout(("site.bone",), {}, {}))
    ensemble = Ensemble(plan, small.bundle.topology, [Network(plan, small.bundle.topology)])
    calibration = Calibration(np.ones(1), np.zeros(1), {})
    bone_only = replace(small.bundle, ensemble=ensemble, calibration=calibration)
    scores = score_cohort(bone_only, small.new_samples.take(ONE))
    assert scores["task"].tolist() == ["site", "metastasis", "response"] * len(ONE)
    unasked = scores["task"] != "site"
    assert scores.loc[unasked, ["probability", "lower", "upper"]].isna().all(axis=None)
    assert scores.loc[unasked, "flags"].str.startswith("abstained:not-trained").all()
    assert not scores.loc[~unasked, "flags"].str.contains("abstained").any()


def test_a_sample_of_which_nothing_is_known_is_abstained_and_its_neighbours_are_not(small: Any) -> None:
    cohort = small.new_samples.take(ONE)
    clinical = cohort.clinical.astype(object)
    clinical.iloc[2, 1:] = None
    clinical = clinical.astype({"age_years": float, "tmb_per_mb": float, "fga": float})
    assays = {}
    for assay, table in cohort.assays.items():
        values = table.values.copy()
        values[2] = np.nan
        assays[assay] = replace(table, values=values)
    scores = score_cohort(small.bundle, replace(cohort, clinical=clinical, assays=assays))
    blank = scores["sample_id"] == cohort.sample_ids[2]
    assert scores.loc[blank, ["probability", "lower", "upper", "graph_share"]].isna().all(axis=None)
    assert (scores.loc[blank, "conformal_set"] == "").all()
    assert scores.loc[blank, "flags"].str.startswith("abstained:nothing-measured").all()
    assert scores.loc[~blank, "probability"].notna().all()


def test_training_patients_are_flagged_and_others_are_not(small: Any) -> None:
    seen = flags_of(score_cohort(small.bundle, small.training.take(ONE)))
    new = flags_of(score_cohort(small.bundle, small.new_samples))
    assert all("training-patient" in flags for flags in seen)
    assert not any("training-patient" in flags for flags in new)


def test_the_fingerprint_names_nobody_and_its_salt_is_its_own(small: Any) -> None:
    patients = small.training.patient_ids
    one, other = TrainingIds.of(patients, "one"), TrainingIds.of(patients, "other")
    assert not set(one.digests) & set(other.digests)
    assert not any(patient in digest for patient in patients for digest in one.digests)
    assert one.contains(np.array([patients[0], "nobody"])).tolist() == [True, False]
    assert TrainingIds.of(patients[::-1], "one") == one


def test_half_a_panel_unknown_values_and_unseen_levels_are_flagged(small: Any) -> None:
    cohort = small.new_samples.take(ONE)
    table = cohort.assays[Assay.MUTATION]
    values = np.nan_to_num(table.values)
    values[0, : int(0.8 * values.shape[1])] = np.nan
    clinical = cohort.clinical.copy()
    clinical.loc[clinical.index[1], "cancer_type"] = "MARS"
    clinical.loc[clinical.index[2], "cancer_type"] = None
    clinical.loc[clinical.index[3], "age_years"] = np.nan
    assays = {**cohort.assays, Assay.MUTATION: replace(table, values=values)}
    flags = flags_of(score_cohort(small.bundle, replace(cohort, assays=assays, clinical=clinical)))
    assert "partial:mutation" in flags[0]
    assert "partial:mutation" not in flags[1]
    assert "other:cancer_type" in flags[1]
    assert {"unknown:cancer_type"} <= flags[2]
    assert "other:cancer_type" not in flags[2]
    assert "unknown:age_years" in flags[3]


def test_the_content_hash_changes_with_what_the_model_reads_and_with_nothing_else(small: Any) -> None:
    cohort = small.new_samples.take(ONE)
    hashes = content_hashes(small.bundle.transform.apply(cohort))
    assert len(set(hashes)) == len(ONE)
    older = replace(cohort, clinical=cohort.clinical.assign(age_years=cohort.clinical["age_years"] + 1))
    assert not set(hashes) & set(content_hashes(small.bundle.transform.apply(older)))
    elsewhere = replace(cohort, clinical=cohort.clinical.assign(therapy_class="other"))
    assert content_hashes(small.bundle.transform.apply(elsewhere)) == hashes
    table = cohort.assays[Assay.MUTATION]
    unmeasured = table.values.copy()
    unmeasured[0, np.flatnonzero(table.measured[0])[0]] = np.nan  # wild type became unmeasured
    changed = replace(cohort, assays={**cohort.assays, Assay.MUTATION: replace(table, values=unmeasured)})
    after = content_hashes(small.bundle.transform.apply(changed))
    assert after[0] != hashes[0]
    assert after[1:] == hashes[1:]


@pytest.mark.parametrize("samples", [1, 5])
def test_chunks_of_samples_give_the_same_answers(
    small: Any, samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = score_cohort(small.bundle, small.new_samples)
    monkeypatch.setattr("metarisk.models.ensemble.ROWS_AT_A_TIME", samples)
    np.testing.assert_allclose(
        score_cohort(small.bundle, small.new_samples)["probability"], whole["probability"], atol=1e-6
    )


def test_the_set_of_each_answer_is_told_and_an_open_one_is_flagged_in_its_own_row(small: Any) -> None:
    scores = score_cohort(small.bundle, small.new_samples)
    assert set(scores["conformal_set"]) <= {*DECIDED_SETS, *UNDECIDED_SETS}
    assert set(scores["conformal_set"]) & set(DECIDED_SETS)
    is_open = scores["conformal_set"].isin(UNDECIDED_SETS)
    assert 0 < is_open.sum() < len(scores)
    flagged = scores["flags"].str.split(";").map(lambda flags: "undecided" in flags)
    pd.testing.assert_series_equal(flagged, is_open, check_names=False)
    assert scores["probability"].notna().all()
    assert scores["graph_share"].between(0, 1).all()


def test_an_open_answer_is_held_back_where_the_configuration_asks_for_it(small: Any) -> None:
    told = score_cohort(small.bundle, small.new_samples)
    section = small.bundle.experiment.calibration.model_copy(update={"abstain": "undecided"})
    experiment = small.bundle.experiment.model_copy(update={"calibration": section})
    scores = score_cohort(replace(small.bundle, experiment=experiment), small.new_samples)
    is_open = told["conformal_set"].isin(UNDECIDED_SETS)
    assert scores.loc[is_open, ["probability", "lower", "upper", "graph_share"]].isna().all(axis=None)
    assert (scores.loc[is_open, "conformal_set"] == "").all()
    assert scores.loc[is_open, "flags"].str.split(";").map(lambda flags: "abstained:undecided" in flags).all()
    pd.testing.assert_frame_equal(scores[~is_open], told[~is_open])


def test_a_sample_without_an_assay_is_left_open_more_often(small: Any) -> None:
    bundle = small.bundle
    wide = {Assay.MUTATION: np.full(bundle.ensemble.plan.layout.outputs, 2.0)}
    bundle = replace(bundle, calibration=replace(bundle.calibration, missing_spread=wide))
    full = score_cohort(bundle, small.new_samples)
    bare = score_cohort(bundle, without(small.new_samples, Assay.MUTATION))
    shares = [scores["conformal_set"].isin(UNDECIDED_SETS).mean() for scores in (full, bare)]
    assert shares[1] > shares[0]


def test_a_model_without_limits_gives_no_sets_and_holds_nothing_back(small: Any) -> None:
    calibration = replace(small.bundle.calibration, sets=NO_SETS)
    scores = score_cohort(replace(small.bundle, calibration=calibration), small.new_samples.take(ONE))
    assert (scores["conformal_set"] == "").all()
    assert not scores["flags"].str.contains("undecided").any()


def test_a_sample_known_only_on_the_graph_is_answered() -> None:
    from metarisk.features.batch import AssayInput, Batch
    from metarisk.models.limits import nothing_measured
    from metarisk.schema.assays import Assay

    measured = np.array([[True, False], [False, False]])
    batch = Batch(
        {Assay.EXPRESSION: AssayInput(np.zeros((2, 2, 1), np.float32), measured)},
        np.full((2, 3), np.nan, dtype=np.float32),
    )
    assert nothing_measured(batch).tolist() == [False, True]
