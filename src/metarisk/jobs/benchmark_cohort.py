"""A cohort for benchmarks that is drawn part by part, and drawn again to compare what came back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.cohort import AssayTable, Cohort, Provenance
from metarisk.schema.assays import ASSAYS, Assay

SAMPLES_AT_A_TIME = 512
ALTERED, ABSENT, ON_PANEL = 0.01, 0.1, 0.1
UNITS = {Assay.MUTATION: "calls", Assay.COPY_NUMBER: "log2_ratio", Assay.EXPRESSION: "log2_tpm"}


@dataclass(frozen=True)
class MadeCohort:
    """A cohort that can be drawn again, part by part.

    Attributes
    ----------
    samples, genes
        N and G.
    seed
        Equal seeds draw equal values.
    """

    samples: int
    genes: int
    seed: int

    @property
    def n_parts(self) -> int:
        """Parts of `SAMPLES_AT_A_TIME` samples; the last may be smaller."""
        return -(-self.samples // SAMPLES_AT_A_TIME)

    @property
    def values_bytes(self) -> int:
        """Bytes of every value as float32."""
        return self.samples * self.genes * sum(len(ASSAYS[assay].channels) for assay in UNITS) * 4

    def part(self, number: int) -> Cohort:
        """Draw the samples of one part; the same number always gives the same ones."""
        rng = np.random.default_rng([self.seed, number])
        start = number * SAMPLES_AT_A_TIME
        count = min(SAMPLES_AT_A_TIME, self.samples - start)
        ids = np.array([f"S{start + n:08d}" for n in range(count)])
        index = pd.Index(ids, name="sample_id")
        clinical = pd.DataFrame(
            {"patient_id": np.char.replace(ids, "S", "P"), "age_years": rng.normal(62, 11, count).round(1)},
            index=index,
        )
        endpoints = pd.DataFrame({"site.bone": rng.choice([0.0, 1.0, np.nan], count)}, index=index)
        tables = [_draw(assay, ids, self.genes, rng) for assay in UNITS]
        return Cohort.join(clinical, tables, endpoints, Provenance("made", "CC0", f"seed {self.seed}"))


def _draw(assay: Assay, ids: NDArray[np.str_], n_genes: int, rng: np.random.Generator) -> AssayTable:
    """A table of an assay; a tenth of the samples lacks it, half of the mutations come from a small panel."""
    shape = (len(ids), n_genes, len(ASSAYS[assay].channels))
    panels = np.full(len(ids), "")
    if assay is Assay.MUTATION:
        values = (rng.random(shape, dtype=np.float32) < ALTERED).astype(np.float32)
        panels = rng.choice(["WES", "SMALL"], len(ids))
        values[panels == "SMALL", int(n_genes * ON_PANEL) :] = np.nan
    elif assay is Assay.COPY_NUMBER:
        values = np.round(rng.standard_normal(shape, dtype=np.float32) * np.float32(0.4), 3)
    else:
        values = np.maximum(rng.standard_normal(shape, dtype=np.float32) * 2 + 4, np.float32(0))
    absent = rng.random(len(ids)) < ABSENT
    values[absent] = np.nan
    units = np.where(absent, "", UNITS[assay])
    genes = tuple(f"G{n:05d}" for n in range(n_genes))
    return AssayTable(assay, ids, genes, values, units, np.where(absent, "", panels))
