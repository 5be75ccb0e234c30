"""Which patients a model was trained on, without saying who they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DIGEST_LETTERS = 24


@dataclass(frozen=True)
class TrainingIds:
    """Salted hashes of the training patients' ids.

    Attributes
    ----------
    salt
        Text that makes the hashes this model's own.
    digests
        Hash of each training patient's id, sorted.
    """

    salt: str
    digests: tuple[str, ...]

    @classmethod
    def of(cls, patient_ids: Iterable[str], salt: str) -> TrainingIds:
        """Fingerprint the patients of a training set."""
        return cls(salt, tuple(sorted({_digest(patient, salt) for patient in patient_ids})))

    def contains(self, patient_ids: NDArray[np.str_]) -> NDArray[np.bool_]:
        """True where a patient was trained on, shape (N,)."""
        known = set(self.digests)
        return np.array([_digest(patient, self.salt) in known for patient in patient_ids], dtype=bool)


def _digest(patient: str, salt: str) -> str:
    return hashlib.sha256(f"{salt}\0{patient}".encode()).hexdigest()[:DIGEST_LETTERS]
