"""Splits are by patient, balanced, and the same on every machine."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metarisk.data import holdout, patient_folds, patient_fraction, read_study
from metarisk.errors import InputError

PATIENTS = np.array([f"P-{n:07d}" for n in range(4000)])


def test_the_fraction_is_the_hash_of_salt_and_patient():
    digest = hashlib.sha256(b"salt\0P-0000001").digest()
    by_hand = (int.from_bytes(digest[:8], "big") >> 11) / 2**53
    assert patient_fraction(np.array(["P-0000001"]), "salt")[0] == by_hand


def test_fractions_are_uniform_and_change_with_the_salt():
    first, second = patient_fraction(PATIENTS, "a"), patient_fraction(PATIENTS, "b")
    assert 0 <= first.min() < first.max() < 1
    assert np.histogram(first, bins=10, range=(0, 1))[0] == pytest.approx(400, abs=80)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.06


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 30), min_size=12, max_size=80), st.integers(2, 5), st.sampled_from(["", "a", "b"])
)
def test_no_patient_is_in_two_folds_and_folds_are_balanced(numbers, k, salt):
    patients = np.array([f"P{number}" for number in numbers])
    if len(set(numbers)) < k:
        return
    folds = patient_folds(patients, k, salt)
    of_patient = {patient: set(folds[patients == patient]) for patient in set(patients)}
    assert all(len(fold) == 1 for fold in of_patient.values())
    sizes = np.bincount([fold.pop() for fold in of_patient.values()], minlength=k)
    assert sizes.max() - sizes.min() <= 1


def test_folds_do_not_depend_on_the_order_of_rows():
    shuffled = np.random.default_rng(0).permutation(len(PATIENTS))
    np.testing.assert_array_equal(
        patient_folds(PATIENTS, 5, "s")[shuffled], patient_folds(PATIENTS[shuffled], 5, "s")
    )


def test_more_folds_than_patients_are_refused():
    with pytest.raises(InputError, match="2 patients cannot fill 5 folds"):
        patient_folds(np.array(["a", "b", "a"]), 5, "s")


def test_holdout_keeps_the_samples_of_a_patient_together(tiny):
    cohort = read_study(tiny.write())
    split = holdout(cohort, 0.5, next(salt for salt in "abcdefgh" if 0 < _tested(cohort, salt) < 4))
    ours, theirs = set(cohort.patient_ids[split.train_rows]), set(cohort.patient_ids[split.test_rows])
    assert not ours & theirs
    assert sorted([*split.train_rows, *split.test_rows]) == [0, 1, 2, 3]


def _tested(cohort, salt):
    return int((patient_fraction(cohort.patient_ids, salt) < 0.5).sum())


def test_a_holdout_without_a_side_is_refused(tiny):
    with pytest.raises(InputError, match="leave one side of the split empty"):
        holdout(read_study(tiny.write()), 1e-9, "salt")
