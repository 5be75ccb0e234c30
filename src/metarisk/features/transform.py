"""The feature transform: what was learned about the tables at training, replayed on new ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from metarisk.config.experiment import FeatureSection
from metarisk.data.cohort import AssayTable, Cohort, FloatArray
from metarisk.features.batch import AssayInput, Batch
from metarisk.features.clinic import codes_of, is_known, levels_of, numbers_of, one_hot
from metarisk.features.columns import (
    DirectColumn,
    FlatColumn,
    column_name,
    direct_columns,
    flat_values,
    measured_nodes,
)
from metarisk.features.standardise import (
    CALLS,
    AssayScale,
    absolute_rows,
    apply_scale,
    fit_scale,
    measured_share,
)
from metarisk.pathways.topology import Topology
from metarisk.schema.assays import ASSAYS, Assay

# A sample with less than this share of an assay's columns has not been measured by it in any useful sense:
# ranks over a handful of genes, or a pathway with one known member, would be read as if they were the whole.
FEWEST_MEASURED = 0.05


@dataclass(frozen=True)
class FeatureTransform:
    """Everything that turns a cohort into a `Batch`, fitted on training samples only.

    Attributes
    ----------
    scales
        Assay -> scale of all that is read of it: the topology's nodes that training measured, and what the
        flat table has beside them.
    direct
        Assay -> columns of the flat table, in order.
    numeric
        Clinical numbers, in order.
    levels
        Clinical category -> levels in order, the last is `OTHER`.
    """

    scales: Mapping[Assay, AssayScale]
    direct: Mapping[Assay, tuple[DirectColumn, ...]]
    numeric: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]]

    @classmethod
    def fit(cls, cohort: Cohort, topology: Topology, section: FeatureSection) -> FeatureTransform:
        """Learn scales, columns and levels from a training cohort.

        Parameters
        ----------
        cohort
            Training samples only.
        topology
            Its genes and pathways are nodes that an assay can enter at.
        section
            What may be read.
        """
        scales: dict[Assay, AssayScale] = {}
        direct: dict[Assay, tuple[DirectColumn, ...]] = {}
        for assay in section.assays:
            table = cohort.assays.get(assay)
            if table is None:
                continue
            nodes = measured_nodes(table, topology)
            chosen = direct_columns(table, nodes, section)
            read = {*nodes, *(column.gene for column in chosen)}
            if read:
                scales[assay] = fit_scale(table, tuple(gene for gene in table.genes if gene in read))
                direct[assay] = chosen
        numeric = tuple(name for name in section.numeric if is_known(cohort, name))
        levels = {
            name: levels_of(cohort.clinical[name], section.min_category_count)
            for name in section.categorical
            if is_known(cohort, name)
        }
        return cls(scales, direct, numeric, levels)

    @cached_property
    def columns(self) -> tuple[FlatColumn, ...]:
        """The flat table's columns, in order, length F."""
        columns: list[FlatColumn] = []
        for assay, chosen in self.direct.items():
            kind = "call" if assay in CALLS else "level"
            columns += [FlatColumn(column_name(assay, column), assay.value, kind) for column in chosen]
        columns += [FlatColumn(name, name, "number") for name in self.numeric]
        columns += [
            FlatColumn(f"{name}={level}", name, "category")
            for name, known in self.levels.items()
            for level in known
        ]
        return tuple(columns)

    def apply(self, cohort: Cohort) -> Batch:
        """Features of a cohort, training or new; what it lacks is unknown, what is unknown adds nothing.

        An assay of which a sample has under `FEWEST_MEASURED` of the transform's columns is not read for it.
        """
        assays: dict[Assay, AssayInput] = {}
        flat: list[FloatArray] = []
        for assay, scale in self.scales.items():
            table = cohort.assays.get(assay) or _absent(assay, cohort)
            values = apply_scale(table, scale)
            values[_too_few(table, scale)] = np.nan
            known = ~np.isnan(values)
            assays[assay] = AssayInput(np.where(known, values, np.float32(0.0)), known[..., 0])
            flat.append(flat_values(values, scale, self.direct[assay]))
        flat.append(numbers_of(cohort.clinical, self.numeric))
        flat += [one_hot(cohort.clinical, name, levels) for name, levels in self.levels.items()]
        return Batch(assays, np.concatenate(flat, axis=1, dtype=np.float32))

    def first_columns(self) -> Mapping[str, int]:
        """Clinical column -> its first column in the flat table, NaN there where the sample's is unknown."""
        first: dict[str, int] = {}
        for index, column in enumerate(self.columns):
            if column.kind in {"number", "category"}:
                first.setdefault(column.group, index)
        return first

    def unknown_levels(self, cohort: Cohort) -> Mapping[str, NDArray[np.bool_]]:
        """Clinical category -> True where a sample's value was too rare or never seen in training, (N,)."""
        return {
            name: codes_of(cohort.clinical, name, levels) == len(levels) - 1
            for name, levels in self.levels.items()
        }

    def too_few(self, cohort: Cohort) -> Mapping[Assay, NDArray[np.bool_]]:
        """Assay -> True where a sample has some of its columns, and too few of them to be read, (N,)."""
        return {
            assay: _too_few(cohort.assays[assay], scale)
            for assay, scale in self.scales.items()
            if assay in cohort.assays
        }

    def unscaled(self, cohort: Cohort) -> Mapping[Assay, NDArray[np.bool_]]:
        """Assay -> True where a sample's values are in units that training could put on no scale, (N,)."""
        lost: dict[Assay, NDArray[np.bool_]] = {}
        for assay, scale in self.scales.items():
            if assay in cohort.assays and np.isnan(scale.centre).all():
                lost[assay] = absolute_rows(cohort.assays[assay])
        return lost


def _too_few(table: AssayTable, scale: AssayScale) -> NDArray[np.bool_]:
    share = measured_share(table, scale.genes)
    return np.asarray((share > 0.0) & (share < FEWEST_MEASURED))


def _absent(assay: Assay, cohort: Cohort) -> AssayTable:
    shape = (len(cohort), 0, len(ASSAYS[assay].channels))
    units = np.full(len(cohort), "", dtype=np.str_)
    return AssayTable(assay, cohort.sample_ids, (), np.empty(shape, dtype=np.float32), units)
