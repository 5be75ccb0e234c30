"""A key for each sample: its id and everything raw that its scores depend on, and not where it stands."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.cohort import AssayTable, Cohort, FloatArray

KEY_BYTES = 16


def sample_keys(cohort: Cohort) -> list[bytes]:
    """Key of each sample, 16 bytes each, length N.

    It covers the sample's and the patient's id, the clinical values that are known, and of each assay the
    unit, the panel and every measured value under its gene's name. Neither the order of columns nor genes
    that other samples brought along play a part; -0 is 0.
    """
    digests = [hashlib.blake2b(_text(sample), digest_size=KEY_BYTES) for sample in cohort.sample_ids]
    _add_clinical(digests, cohort.clinical)
    for assay in sorted(cohort.assays):
        _add_assay(digests, cohort.assays[assay])
    return [digest.digest() for digest in digests]


def _add_clinical(digests: list[hashlib.blake2b], clinical: pd.DataFrame) -> None:
    for name in sorted(map(str, clinical.columns)):
        column = clinical[name]
        numeric = pd.api.types.is_numeric_dtype(column)
        for digest, value, known in zip(digests, column.tolist(), column.notna(), strict=True):
            if known:
                shown = repr(float(value) + 0.0) if numeric else f"'{value}"
                digest.update(_text(name) + _text(shown))


def _add_assay(digests: list[hashlib.blake2b], table: AssayTable) -> None:
    names = np.array([_name_digest(gene) for gene in table.genes], dtype="S16")
    order = np.argsort(np.array(table.genes, dtype=np.str_), kind="stable")
    for row, digest in enumerate(digests):
        values = table.values[row][order]
        measured = ~np.isnan(values).all(axis=1)
        if measured.any():
            unit, panel = str(table.units[row]), str(table.panels[row])
            digest.update(_text(table.assay.value) + _text(unit) + _text(panel))
            digest.update(names[order][measured].tobytes())
            digest.update(_plain(values[measured]).tobytes())


def _plain(values: FloatArray) -> NDArray[np.float32]:
    """One spelling of zero and one of NaN."""
    return np.where(np.isnan(values), np.float32(np.nan), values + np.float32(0.0)).astype("<f4")


def _text(value: str) -> bytes:
    raw = str(value).encode()
    return len(raw).to_bytes(4, "little") + raw


@lru_cache(maxsize=200_000)
def _name_digest(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=8).hexdigest().encode()
