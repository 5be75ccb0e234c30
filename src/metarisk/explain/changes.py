"""Perturbations as changes of a batch: the cells and the flat columns that an intervention moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from metarisk.explain.answers_read import FloatArray
from metarisk.explain.interventions import HOTSPOT, STATES, Effect, after
from metarisk.explain.local_walk import CellChange, TableChange
from metarisk.explain.perturbations import Perturbation
from metarisk.features.batch import Batch
from metarisk.features.transform import FeatureTransform
from metarisk.schema.assays import ASSAYS, Assay

BoolArray = NDArray[np.bool_]


class Change(NamedTuple):
    """A perturbation of some samples, as the network reads it.

    Attributes
    ----------
    cells
        Assays with the columns that change.
    table
        Columns of the flat table that change.
    measured
        Targets that were measured of each sample by any assay, shape (N,).
    moves
        Whether any value differs from what was measured.
    """

    cells: list[CellChange]
    table: TableChange
    measured: NDArray[np.int32]
    moves: bool


class Changer:
    """Turns perturbations into changes of a batch.

    Parameters
    ----------
    transform
        What made the batch.
    batch
        Features of N samples.
    """

    def __init__(self, transform: FeatureTransform, batch: Batch) -> None:
        self.transform, self.batch = transform, batch
        self.assays = [assay for assay in batch.assays if assay in STATES]
        self.position = {assay: _positions(transform.scales[assay].genes) for assay in self.assays}
        self.flat: dict[Assay, dict[int, list[tuple[int, int]]]] = {assay: {} for assay in self.assays}
        self.hotspots: set[str] = set()
        first = 0
        for assay, chosen in transform.direct.items():
            if assay in self.flat:
                self._enter(assay, first)
            first += len(chosen)

    def _enter(self, assay: Assay, first: int) -> None:
        """Note which flat columns are copies of which gene and channel."""
        channels = ASSAYS[assay].channels
        for at, column in enumerate(self.transform.direct[assay], start=first):
            gene = self.position[assay][column.gene]
            self.flat[assay].setdefault(gene, []).append((at, channels.index(column.channel)))
            if column.channel == HOTSPOT:
                self.hotspots.add(column.gene)

    def change(self, perturbation: Perturbation) -> Change:
        """What a perturbation changes of each sample; what was not measured stays so."""
        measured = np.zeros((len(perturbation.targets), len(self.batch)), dtype=np.bool_)
        cells: list[CellChange] = []
        columns: list[int] = []
        parts: list[FloatArray] = []
        for assay in self.assays:
            found = [
                (self.position[assay][gene], place)
                for place, (gene, _) in enumerate(perturbation.targets)
                if gene in self.position[assay]
            ]
            if not found:
                continue
            genes = np.array([gene for gene, _ in found])
            difference = self._differences(assay, genes, [perturbation.targets[place] for _, place in found])
            for at, (gene, place) in enumerate(found):
                measured[place] |= self.batch.assays[assay].measured[:, gene]
                for column, channel in self.flat[assay].get(gene, ()):
                    columns.append(column)
                    parts.append(difference[:, at, channel])
            cells.append(CellChange(assay.value, genes, torch.from_numpy(difference)))
        return _change(self.batch, cells, (columns, parts), measured)

    def _differences(
        self, assay: Assay, genes: NDArray[np.intp], targets: Sequence[tuple[str, Effect]]
    ) -> FloatArray:
        """New minus old values of some genes, 0 where not measured, shape (N, k, C)."""
        entry = self.batch.assays[assay]
        old = entry.values[:, genes]
        new = np.stack(
            [
                after(assay, effect, old[:, at], hotspot=gene in self.hotspots)
                for at, (gene, effect) in enumerate(targets)
            ],
            axis=1,
        )
        return np.asarray(np.where(entry.measured[:, genes, None], new - old, np.float32(0.0)))


def _change(
    batch: Batch, cells: list[CellChange], table: tuple[list[int], list[FloatArray]], measured: BoolArray
) -> Change:
    columns = np.array(table[0], dtype=np.int64)
    difference = np.stack(table[1], axis=1) if table[1] else np.zeros((len(batch), 0), np.float32)
    difference = np.where(np.isnan(batch.flat[:, columns]), np.float32(0.0), difference)
    moves = any(bool(cell.difference.any()) for cell in cells)
    table_change = TableChange(columns, torch.from_numpy(difference))
    return Change(cells, table_change, measured.sum(axis=0, dtype=np.int32), moves)


def _positions(names: Sequence[str]) -> dict[str, int]:
    return {name: at for at, name in enumerate(names)}
