"""How far samples are from training patients: valid for patients like them, small for all others."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from metarisk.config import Experiment
from metarisk.data.cohort import Cohort
from metarisk.data.split import patient_folds
from metarisk.features.batch import Batch
from metarisk.features.transform import FeatureTransform
from metarisk.models.reference import FAR, Reference, Tail
from metarisk.models.reference_file import arrays_of_reference, reference_of, tree_of_reference
from metarisk.models.reference_fitting import fit_blocks, tail_of
from metarisk.models.scoring import score_cohort
from metarisk.pathways.topology import Topology
from metarisk.schema.assays import Assay
from metarisk.simulate import simulate

EXPERIMENT = Experiment.model_validate(
    {
        "name": "reference",
        "simulation": {"samples": 1000},
        "features": {"categorical": ["cancer_type", "panel"]},
        "tasks": {"sites": ["bone", "liver"]},
    }
)
TRAINED = 700


@dataclass(frozen=True)
class Fitted:
    """A reference of 700 simulated patients, and 300 of the same population."""

    reference: Reference
    transform: FeatureTransform
    new: Cohort

    def p(self, cohort: Cohort) -> np.ndarray:
        return self.reference.judge(self.transform.apply(cohort)).p

    def far(self, cohort: Cohort, block: str) -> float:
        """Share of samples that a block sets apart."""
        return float(self.reference.judge(self.transform.apply(cohort)).far[block].mean())


def fitted(topology: Topology, seed: int) -> Fitted:
    assert EXPERIMENT.simulation is not None
    cohort = simulate(EXPERIMENT.simulation, topology, EXPERIMENT.tasks, seed).cohort
    training, new = cohort.take(np.arange(TRAINED)), cohort.take(np.arange(TRAINED, len(cohort)))
    transform = FeatureTransform.fit(training, topology, EXPERIMENT.features)
    fold = patient_folds(training.patient_ids, 5, "test")
    return Fitted(Reference(*fit_blocks(transform, transform.apply(training), fold)), transform, new)


@pytest.fixture(scope="module")
def model(small_topology: Topology) -> Fitted:
    return fitted(small_topology, 0)


def changed(cohort: Cohort, assay: Assay, change: Callable[[np.ndarray], np.ndarray]) -> Cohort:
    table = cohort.assays[assay]
    values = change(table.values.copy()).astype(np.float32)
    return replace(cohort, assays={**cohort.assays, assay: replace(table, values=values)})


def with_assay(cohort: Cohort, assay: Assay) -> Cohort:
    return cohort.take(cohort.assays[assay].measured.any(axis=1))


def test_patients_of_the_same_population_are_far_no_more_often_than_the_p_value_says(
    small_topology: Topology,
) -> None:
    p = np.concatenate([model.p(model.new) for model in (fitted(small_topology, seed) for seed in range(6))])
    assert np.isfinite(p).all()
    for level in (0.01, 0.05, 0.1, 0.2, 0.5):
        share = (p <= level).mean()
        # Patients of one fit share its luck, so the error is taken as of a third as many.
        assert share <= level + 3 * np.sqrt(level * (1 - level) / (len(p) / 3)), level
        assert share >= level / 3, level


def test_a_missing_assay_does_not_make_a_sample_far(model: Fitted) -> None:
    for assay in model.new.assays:
        kept = {name: table for name, table in model.new.assays.items() if name is not assay}
        assert (model.p(replace(model.new, assays=kept)) <= 0.05).mean() < 0.12
    assert (model.p(replace(model.new, assays={})) <= 0.05).mean() < 0.12


@pytest.mark.parametrize(
    ("assay", "change"),
    [
        (Assay.EXPRESSION, lambda v: v[:, np.random.default_rng(0).permutation(v.shape[1])]),
        (Assay.EXPRESSION, lambda v: v + np.random.default_rng(0).normal(0, 4, v.shape)),
        (Assay.EXPRESSION, lambda v: np.broadcast_to(np.nanmean(v, axis=0, keepdims=True), v.shape)),
        (Assay.COPY_NUMBER, lambda v: np.clip(3 * v + (v == 0), -2, 2)),
    ],
    ids=["genes permuted", "noise", "imputed by the mean", "another calling"],
)
def test_values_that_are_not_what_training_saw_make_the_sample_far_and_name_the_assay(
    model: Fitted, assay: Assay, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    cohort = with_assay(model.new, assay)
    shifted = changed(cohort, assay, change)
    assert (model.p(shifted) < FAR).mean() > 0.9
    assert model.far(shifted, assay.value) > 0.9
    assert model.far(shifted, Assay.MUTATION.value) < 0.05


@pytest.mark.parametrize(("column", "factor"), [("age_years", 12.0), ("tmb_per_mb", 40.0)])
def test_a_clinical_number_in_another_unit_makes_the_sample_far(
    model: Fitted, column: str, factor: float
) -> None:
    wrong = replace(
        model.new, clinical=model.new.clinical.assign(**{column: factor * model.new.clinical[column]})
    )
    assert model.far(wrong, "clinical") > 0.7
    assert model.far(model.new, "clinical") < 0.05


def test_expression_of_another_population_is_far(model: Fitted, small_topology: Topology) -> None:
    """Ranks hide the unit of expression, not that other genes are the high ones."""
    other = with_assay(fitted(small_topology, 99).new, Assay.EXPRESSION)
    assert model.far(other, "expression") > 0.9
    rescaled = changed(with_assay(model.new, Assay.EXPRESSION), Assay.EXPRESSION, lambda v: 2**v - 1)
    assert model.far(rescaled, "expression") < 0.05


def test_a_samples_p_value_is_the_same_to_the_last_bit_in_any_company(model: Fitted) -> None:
    batch = model.transform.apply(model.new)
    whole = model.reference.judge(batch)
    rng = np.random.default_rng(0)
    for size in (1, 2, 5, 63, 299):
        rows = rng.permutation(len(batch))[:size]
        part = model.reference.judge(batch.take(rows))
        np.testing.assert_array_equal(part.p, whole.p[rows])
        for name, far in part.far.items():
            np.testing.assert_array_equal(far, whole.far[name][rows])


def test_a_sample_is_flagged_where_and_only_where_its_p_value_is_small(model: Fitted) -> None:
    cohort = changed(
        with_assay(model.new, Assay.EXPRESSION),
        Assay.EXPRESSION,
        lambda v: v + np.random.default_rng(0).normal(0, 0.7, v.shape),
    )
    judged = model.reference.judge(model.transform.apply(cohort))
    some = np.any(list(judged.far.values()), axis=0)
    assert 0 < some.sum() < len(some)
    np.testing.assert_array_equal(some, judged.p < FAR)


def test_a_tail_gives_the_share_of_patients_at_least_as_strange_and_never_less() -> None:
    strange = np.round(np.random.default_rng(0).gamma(2.0, size=700), 6)
    tail = tail_of(strange)
    asked = np.array([0.0, *np.quantile(strange, [0.1, 0.5, 0.9, 0.95, 0.99]), strange.max() + 1, np.nan])
    exact = np.array([(1 + (strange >= value).sum()) / 701 for value in asked])
    found = tail.p_values(asked)
    assert np.isnan(found[-1])
    assert (found[:-1] >= exact[:-1]).all()
    np.testing.assert_allclose(found[:-1], exact[:-1], rtol=0.15)
    assert found[-2] == 1 / 701
    assert len(tail.values) < 110


def test_blocks_that_few_training_patients_had_together_are_bounded(model: Fitted) -> None:
    names = tuple(model.reference.blocks)
    alone = replace(
        model.reference, tails={name: tail for name, tail in model.reference.tails.items() if name in names}
    )
    batch = model.transform.apply(model.new)
    bounded, joint = alone.judge(batch).p, model.reference.judge(batch).p
    assert (bounded <= 0.05).mean() <= 0.07
    assert np.corrcoef(bounded, joint)[0, 1] > 0.5


def test_without_training_patients_nothing_is_far(model: Fitted) -> None:
    batch = model.transform.apply(model.new)
    judged = Reference().judge(batch)
    assert np.isnan(judged.p).all()
    assert not judged.far


def test_a_sample_of_which_nothing_is_known_has_no_distance(model: Fitted) -> None:
    batch = model.transform.apply(model.new.take(np.arange(3)))
    blank = Batch(
        {
            assay: replace(entry, measured=np.zeros_like(entry.measured))
            for assay, entry in batch.assays.items()
        },
        np.full_like(batch.flat, np.nan),
    )
    judged = model.reference.judge(blank)
    assert np.isnan(judged.p).all()
    assert not any(far.any() for far in judged.far.values())


def test_a_reference_comes_back_from_its_files_to_the_last_bit(model: Fitted) -> None:
    tree = json.loads(json.dumps(tree_of_reference(model.reference), allow_nan=False))
    loaded = reference_of(tree, arrays_of_reference(model.reference))
    batch = model.transform.apply(model.new)
    np.testing.assert_array_equal(loaded.judge(batch).p, model.reference.judge(batch).p)
    assert loaded.tails == model.reference.tails


def test_no_file_of_the_reference_has_a_row_a_patient(model: Fitted) -> None:
    for name, array in arrays_of_reference(model.reference).items():
        assert TRAINED not in array.shape, name
    assert all(len(tail.values) < 120 for tail in model.reference.tails.values())


def test_every_row_of_the_scores_has_the_samples_p_value(small: Any) -> None:
    scores = score_cohort(small.bundle, small.new_samples)
    p = small.bundle.reference.judge(small.bundle.transform.apply(small.new_samples)).p
    assert scores.groupby("sample_id")["distance_p"].nunique().eq(1).all()
    first = scores.drop_duplicates("sample_id").set_index("sample_id")["distance_p"]
    np.testing.assert_array_equal(first.loc[small.new_samples.sample_ids], p)


def test_a_sample_under_the_configurations_level_is_flagged_and_not_answered(small: Any) -> None:
    old = small.new_samples.clinical["age_years"].to_numpy() + 30.0 * (np.arange(len(small.new_samples)) % 2)
    cohort = replace(small.new_samples, clinical=small.new_samples.clinical.assign(age_years=old))
    open_to_all = score_cohort(small.bundle, cohort)
    assert (open_to_all["distance_p"] < 0.05).sum() > 40
    assert not open_to_all["flags"].str.contains("out-of-distribution").any()
    calibration = small.bundle.experiment.calibration.model_copy(update={"out_of_distribution": 0.05})
    experiment = small.bundle.experiment.model_copy(update={"calibration": calibration})
    held = score_cohort(replace(small.bundle, experiment=experiment), cohort)
    far = held["distance_p"] < 0.05
    answered = open_to_all["probability"].notna()
    np.testing.assert_array_equal(held["flags"].str.contains("abstained:out-of-distribution"), far & answered)
    assert held.loc[far, "probability"].isna().all()
    assert held.loc[~far & answered, "probability"].notna().all()


def test_the_level_is_left_out_of_a_configuration_that_does_not_use_it() -> None:
    """So the hashes of experiments stay what they were."""
    assert "out_of_distribution" not in EXPERIMENT.model_dump_json()
    used = Experiment.model_validate(
        {**EXPERIMENT.model_dump(), "calibration": {"out_of_distribution": 0.005}}
    )
    assert used.sha256 != EXPERIMENT.sha256
    assert Experiment.model_validate(used.model_dump()).calibration.out_of_distribution == 0.005


def test_the_summary_has_no_cell_of_few_patients(small: Any) -> None:
    summary = small.bundle.reference.summary
    assert summary.patients == 180
    kinds = {told.kind for told in summary.distributions}
    assert kinds == {"number", "category", "known", "assay", "answer", "undecided"}
    for told in summary.distributions:
        assert all(count == 0 or count >= 10 for count in told.counts), told
        assert len(told.counts) == (len(told.levels) or len(told.cuts) + 1)


def test_a_tail_of_one_value_says_no_more_than_it_knows() -> None:
    np.testing.assert_array_equal(Tail(9, (0,), (2.0,)).p_values(np.array([1.0, 2.0, 2.1])), [1, 1, 0.1])


def test_a_block_with_a_long_tail_does_not_hide_the_others(model: Fitted) -> None:
    """A handful of patients with a fusion are hundreds of times as strange as the median one."""
    rng = np.random.default_rng(0)
    long, short = tail_of(np.exp(3 * rng.standard_normal(500))), tail_of(np.abs(rng.standard_normal(500)))
    ordinary_of_long = long.surprise(np.array([long.values[len(long.values) // 2]]))
    assert short.surprise(np.array([6.0]))[0] > ordinary_of_long[0]
    far = np.array([5.0, 6.0, 60.0])
    assert (np.diff(short.surprise(far)) > 0).all()
    assert (np.diff(short.p_values(far)) == 0).all()
    rising = np.sort(np.exp(3 * rng.standard_normal(200)))
    assert (np.diff(long.surprise(rising)) >= 0).all()
