"""The feature transform: what was learned about the tables at training, replayed on new ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.config.experiment import FeatureSection
from metarisk.data.cohort import AssayTable, Cohort, FloatArray
from metarisk.features.batch import AssayInput, Batch
from metarisk.features.standardise import (
    CALLS,
    AssayScale,
    absolute_rows,
    apply_scale,
    comparable,
    fit_scale,
    variability,
)
from metarisk.pathways.topology import Topology
from metarisk.schema.assays import ASSAYS, Assay

OTHER = "(other)"
# A level that is nearer to a gain or a loss than to none.
ALTERED_LEVEL = 0.5


class DirectColumn(NamedTuple):
    """One channel of a gene, pathway or feature that the flat table has."""

    gene: str
    channel: str


@dataclass(frozen=True)
class FlatColumn:
    """One column of the flat table.

    Attributes
    ----------
    name
        ``mutation.truncating:TP53``, ``signature:HALLMARK_HYPOXIA``, ``age_years`` or ``cancer_type=LUAD``.
    group
        The assay or clinical column it comes from; all columns of a group go missing together.
    kind
        ``call``, ``level``, ``number`` or ``category``.
    """

    name: str
    group: str
    kind: str


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
            nodes = _measured_nodes(table, topology)
            chosen = _direct_columns(table, nodes, section)
            read = {*nodes, *(column.gene for column in chosen)}
            if read:
                scales[assay] = fit_scale(table, tuple(gene for gene in table.genes if gene in read))
                direct[assay] = chosen
        numeric = tuple(name for name in section.numeric if _is_known(cohort, name))
        levels = {
            name: _levels(cohort.clinical[name], section.min_category_count)
            for name in section.categorical
            if _is_known(cohort, name)
        }
        return cls(scales, direct, numeric, levels)

    @property
    def columns(self) -> tuple[FlatColumn, ...]:
        """The flat table's columns, in order, length F."""
        columns: list[FlatColumn] = []
        for assay, chosen in self.direct.items():
            kind = "call" if assay in CALLS else "level"
            columns += [FlatColumn(_name(assay, column), assay.value, kind) for column in chosen]
        columns += [FlatColumn(name, name, "number") for name in self.numeric]
        columns += [
            FlatColumn(f"{name}={level}", name, "category")
            for name, known in self.levels.items()
            for level in known
        ]
        return tuple(columns)

    def apply(self, cohort: Cohort) -> Batch:
        """Features of a cohort, training or new; what it lacks is unknown, what is unknown adds nothing."""
        assays: dict[Assay, AssayInput] = {}
        flat: list[FloatArray] = []
        for assay, scale in self.scales.items():
            table = cohort.assays.get(assay) or _absent(assay, cohort)
            values = apply_scale(table, scale)
            measured = ~np.isnan(values[..., 0])
            assays[assay] = AssayInput(np.nan_to_num(values), measured)
            flat.append(_flat_values(values, scale, self.direct[assay]))
        flat.append(_numbers(cohort.clinical, self.numeric))
        flat += [_one_hot(cohort.clinical, name, levels) for name, levels in self.levels.items()]
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
            name: _codes(cohort.clinical, name, levels) == len(levels) - 1
            for name, levels in self.levels.items()
        }

    def unscaled(self, cohort: Cohort) -> Mapping[Assay, NDArray[np.bool_]]:
        """Assay -> True where a sample's values are in units that training could put on no scale, (N,)."""
        lost: dict[Assay, NDArray[np.bool_]] = {}
        for assay, scale in self.scales.items():
            if assay in cohort.assays and np.isnan(scale.centre).all():
                lost[assay] = absolute_rows(cohort.assays[assay])
        return lost


def nodes_of(assay: Assay, topology: Topology) -> Mapping[str, int]:
    """Name -> node of all that an assay can enter the graph at: genes, pathways, or nothing."""
    level = ASSAYS[assay].level
    if level == "gene":
        return topology.gene_index
    return topology.pathway_index if level == "pathway" else {}


def _measured_nodes(table: AssayTable, topology: Topology) -> tuple[str, ...]:
    """The topology's nodes that some sample has a value at, in the table's order."""
    nodes = nodes_of(table.assay, topology)
    return tuple(name for name in _measured(table) if name in nodes)


def _measured(table: AssayTable) -> tuple[str, ...]:
    return tuple(table.genes[at] for at in np.flatnonzero(table.measured.any(axis=0)))


def _direct_columns(
    table: AssayTable, nodes: tuple[str, ...], section: FeatureSection
) -> tuple[DirectColumn, ...]:
    """Columns worth having: altered often enough, or of the most variable levels.

    Levels on the graph's nodes come first; others fill what room they leave.
    """
    if table.assay in CALLS or (table.units == "discrete").any():
        return _altered_columns(table, section.min_alterations)
    genes = nodes if len(nodes) >= section.direct_genes else _measured(table)
    on_graph = np.isin(np.array(genes, dtype=np.str_), np.array(nodes, dtype=np.str_))
    order = np.lexsort((-variability(table, genes), ~on_graph))[: section.direct_genes]
    (channel,) = ASSAYS[table.assay].channels
    return tuple(DirectColumn(genes[index], channel) for index in sorted(order))


def _altered_columns(table: AssayTable, min_alterations: int) -> tuple[DirectColumn, ...]:
    """Channels of genes that are altered in enough samples, channel by channel."""
    if table.assay in CALLS:
        altered = np.nan_to_num(table.values) != 0
    else:
        altered = np.abs(np.nan_to_num(comparable(table, table.genes)))[..., None] >= ALTERED_LEVEL
    counts = altered.sum(axis=0).T  # (C, G)
    channels = ASSAYS[table.assay].channels
    return tuple(
        DirectColumn(table.genes[gene], channels[channel])
        for channel, gene in np.argwhere(counts >= min_alterations)
    )


def _flat_values(values: FloatArray, scale: AssayScale, chosen: tuple[DirectColumn, ...]) -> FloatArray:
    """Columns of the flat table, (N, Ga, C) to (N, columns)."""
    position = {gene: index for index, gene in enumerate(scale.genes)}
    channels = ASSAYS[scale.assay].channels
    genes = np.array([position[column.gene] for column in chosen], dtype=np.intp)
    return values[:, genes, np.array([channels.index(column.channel) for column in chosen], dtype=np.intp)]


def _name(assay: Assay, column: DirectColumn) -> str:
    channel = f".{column.channel}" if len(ASSAYS[assay].channels) > 1 else ""
    return f"{assay.value}{channel}:{column.gene}"


def _absent(assay: Assay, cohort: Cohort) -> AssayTable:
    shape = (len(cohort), 0, len(ASSAYS[assay].channels))
    units = np.full(len(cohort), "", dtype=np.str_)
    return AssayTable(assay, cohort.sample_ids, (), np.empty(shape, dtype=np.float32), units)


def _is_known(cohort: Cohort, column: str) -> bool:
    return column in cohort.clinical and bool(cohort.clinical[column].notna().any())


def _levels(column: pd.Series[str], min_count: int) -> tuple[str, ...]:
    counts = column.dropna().value_counts()
    return (*sorted(str(level) for level in counts.index[counts >= min_count]), OTHER)


def _numbers(clinical: pd.DataFrame, names: tuple[str, ...]) -> FloatArray:
    return clinical.reindex(columns=list(names)).to_numpy(np.float32, copy=True)


def _codes(clinical: pd.DataFrame, name: str, levels: tuple[str, ...]) -> NDArray[np.int64]:
    """Level index of each sample: the last for values that training did not keep, -1 for unknown, (N,)."""
    column = clinical[name] if name in clinical else pd.Series(index=clinical.index, dtype=object)
    position = {level: index for index, level in enumerate(levels[:-1])}
    codes = [-1 if pd.isna(value) else position.get(str(value), len(levels) - 1) for value in column]
    return np.array(codes, dtype=np.int64)


def _one_hot(clinical: pd.DataFrame, name: str, levels: tuple[str, ...]) -> FloatArray:
    codes = _codes(clinical, name, levels)
    hot = np.zeros((len(codes), len(levels)), dtype=np.float32)
    hot[np.arange(len(codes)), codes] = 1.0
    hot[codes < 0] = np.nan
    return hot
