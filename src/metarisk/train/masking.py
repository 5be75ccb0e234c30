"""Samples without labels, and what is hidden of them: single genes, and whole assays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from metarisk.config.pretraining import PretrainingSection
from metarisk.data.cohort import Cohort
from metarisk.features.batch import Batch
from metarisk.features.standardise import columns_of
from metarisk.features.transform import FeatureTransform


@dataclass(frozen=True)
class Unlabelled:
    """What was measured at the genes of the graph.

    Attributes
    ----------
    values
        Assay -> standardised values, 0 where not known, shape (N, Ga, C).
    known
        Assay -> True where a channel was measured, shape (N, Ga, C).
    """

    values: Mapping[str, Tensor]
    known: Mapping[str, Tensor]

    def __len__(self) -> int:
        """Count the samples N."""
        return len(next(iter(self.values.values())))

    def pieces(self, size: int) -> Iterator[Tensor]:
        """Row numbers, some at a time, in order."""
        for start in range(0, len(self), size):
            yield torch.arange(start, min(start + size, len(self)))

    def take(self, rows: Tensor) -> Unlabelled:
        """Rows in the order asked for."""
        return Unlabelled(
            {name: values[rows] for name, values in self.values.items()},
            {name: known[rows] for name, known in self.known.items()},
        )

    def without(self, hidden: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Values as an encoder reads them with some genes hidden, assay -> (N, Ga) to (N, Ga, C)."""
        return {
            name: values.masked_fill(hidden[name][..., None], 0.0) for name, values in self.values.items()
        }

    def judged(self, hidden: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """True where a hidden value was measured, so that an answer can be judged, assay -> (N, Ga, C)."""
        return {name: known & hidden[name][..., None] for name, known in self.known.items()}


def unlabelled_of(
    cohort: Cohort, batch: Batch, transform: FeatureTransform, columns: Mapping[str, Tensor]
) -> Unlabelled:
    """Values of a cohort on the columns that an encoder places on genes.

    Parameters
    ----------
    cohort, batch
        Samples, and what the transform made of them.
    transform
        Fitted on them, or before.
    columns
        Assay -> its columns on the graph, in the encoder's order, shape (Ga,).
    """
    values, known = {}, {}
    for assay, scale in transform.scales.items():
        if assay.value in columns:
            at = columns[assay.value].numpy()
            entry = batch.assays[assay]
            genes = tuple(scale.genes[place] for place in at)
            told = ~np.isnan(columns_of(cohort.assays[assay], genes)) & entry.measured[:, at, None]
            values[assay.value] = torch.from_numpy(entry.values[:, at])
            known[assay.value] = torch.from_numpy(told)
    return Unlabelled(values, known)


def hide(data: Unlabelled, section: PretrainingSection, chance: torch.Generator) -> dict[str, Tensor]:
    """What is hidden in a step, assay -> True where a gene is, shape (N, Ga).

    Every gene with one chance; a whole assay with another, in samples where a further one stays.
    """
    has = torch.stack([known.flatten(1).any(dim=1) for known in data.known.values()], dim=1)  # (N, A)
    lost = has & (torch.rand(has.shape, generator=chance) < section.mask_assay)
    lost &= (has & ~lost).any(dim=1, keepdim=True)
    hidden = {}
    for place, (name, known) in enumerate(data.known.items()):
        single = torch.rand(known.shape[:2], generator=chance) < section.mask_genes
        hidden[name] = single | lost[:, place, None]
    return hidden


def hide_assay(data: Unlabelled, assay: str) -> dict[str, Tensor]:
    """All of one assay, in samples where another was measured; nothing of the others."""
    others = [known.flatten(1).any(dim=1) for name, known in data.known.items() if name != assay]
    lost = torch.stack(others).any(dim=0) if others else torch.zeros(len(data), dtype=torch.bool)
    return {
        name: torch.zeros(known.shape[:2], dtype=torch.bool) | (lost[:, None] & (name == assay))
        for name, known in data.known.items()
    }
