"""Patients to parts of a study, by a hash of the patient id: a patient is in one part on every machine."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.cohort import Cohort
from metarisk.data.union import own_patient_ids
from metarisk.errors import InputError

SHARE_SALT = "metarisk-share"
_BITS = 53  # as many as a float64 holds exactly


@dataclass(frozen=True)
class Split:
    """Rows of a cohort by what they are for; no patient has rows in both.

    Attributes
    ----------
    train_rows, test_rows
        Ascending row numbers.
    """

    train_rows: NDArray[np.intp]
    test_rows: NDArray[np.intp]

    def learning_from(self, share: float, patient_ids: NDArray[np.str_], seed: int) -> Split:
        """The same with a share of the training patients, by a hash: a smaller share is part of a larger.

        Parameters
        ----------
        share
            Above 0; 1 leaves all.
        patient_ids
            Patient of each sample of the cohort, shape (N,).
        seed
            Another seed draws other patients.
        """
        if share >= 1.0:
            return self
        place = patient_fraction(patient_ids[self.train_rows], f"{SHARE_SALT}-{seed}")
        return Split(self.train_rows[place < share], self.test_rows)


def patient_fraction(patient_ids: NDArray[np.str_], salt: str) -> NDArray[np.float64]:
    """Place of each row's patient in [0, 1), shape (N,): uniform over patients, the same on every machine.

    Parameters
    ----------
    patient_ids
        Shape (N,).
    salt
        Another salt deals the patients anew.
    """
    unique, inverse = np.unique(np.asarray(patient_ids, dtype=str), return_inverse=True)
    places = np.array([_place(patient, salt) for patient in unique], dtype=np.float64)
    return places[inverse]


def holdout(cohort: Cohort, fraction: float, salt: str) -> Split:
    """Keep a fraction of the patients apart.

    A patient is known by the id that the study has, so that joining cohorts moves nobody to the other side.

    Parameters
    ----------
    fraction
        Share of the patients for the test rows, between 0 and 1.
    salt
        Studies that share patients share the salt: a patient is then on the same side in each.

    Raises
    ------
    InputError
        If one of the two sides has no patient.
    """
    tested = patient_fraction(own_patient_ids(cohort), salt) < fraction
    if tested.all() or not tested.any():
        raise InputError(
            f"{len(cohort)} samples with a test fraction of {fraction:g} leave one side of the split empty",
            do="Use more samples or another fraction.",
        )
    return Split(np.flatnonzero(~tested), np.flatnonzero(tested))


def patient_folds(patient_ids: NDArray[np.str_], k: int, salt: str) -> NDArray[np.intp]:
    """Fold 0 .. k - 1 of each row, shape (N,): no patient in two folds, folds of equal size to one patient.

    Raises
    ------
    InputError
        If there are fewer patients than folds.
    """
    patients = pd.unique(pd.Series(np.asarray(patient_ids, dtype=str)))
    if len(patients) < k:
        raise InputError(
            f"{len(patients)} patients cannot fill {k} folds", do="Ask for fewer folds or add patients."
        )
    ordered = sorted(patients, key=lambda patient: (_place(patient, salt), patient))
    fold = {patient: position % k for position, patient in enumerate(ordered)}
    return np.array([fold[patient] for patient in patient_ids], dtype=np.intp)


def _place(patient: str, salt: str) -> float:
    digest = hashlib.sha256(f"{salt}\0{patient}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> (64 - _BITS)) / 2.0**_BITS
