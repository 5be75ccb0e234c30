"""The feature transform: what was learned about the tables at training, replayed on new ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.config.experiment import FeatureSection
from metarisk.data.cohort import AssayTable, Cohort, FloatArray
from metarisk.features.batch import AssayInput, Batch
from metarisk.features.standardise import CALLS, AssayScale, apply_scale, columns_of, fit_scale
from metarisk.schema.assays import ASSAYS, Assay

OTHER = "(other)"


@dataclass(frozen=True)
class FlatColumn:
    """One column of the flat table.

    Attributes
    ----------
    name
        ``mutation.truncating:TP53``, ``age_years`` or ``cancer_type=LUAD``.
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
    graph_scales
        Assay -> scale on the topology's genes that training measured.
    direct_genes
        Assay -> genes of that scale that the flat table also has.
    numeric
        Clinical numbers, in order.
    levels
        Clinical category -> levels in order, the last is `OTHER`.
    """

    graph_scales: Mapping[Assay, AssayScale]
    direct_genes: Mapping[Assay, tuple[str, ...]]
    numeric: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]]

    @classmethod
    def fit(cls, cohort: Cohort, genes: tuple[str, ...], section: FeatureSection) -> FeatureTransform:
        """Learn scales, genes and levels from a training cohort.

        Parameters
        ----------
        cohort
            Training samples only.
        genes
            Genes of the topology.
        section
            What may be read.
        """
        tables = {assay: cohort.assays[assay] for assay in section.assays if assay in cohort.assays}
        on_graph = set(genes)
        scales = {assay: fit_scale(table, _graph_genes(table, on_graph)) for assay, table in tables.items()}
        direct = {assay: _direct_genes(table, on_graph, section) for assay, table in tables.items()}
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
        for assay, genes in self.direct_genes.items():
            kind = "call" if assay in CALLS else "level"
            columns += [
                FlatColumn(f"{assay}.{channel}:{gene}", assay.value, kind)
                for channel in ASSAYS[assay].channels
                for gene in genes
            ]
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
        for assay, scale in self.graph_scales.items():
            table = cohort.assays.get(assay) or _absent(assay, cohort)
            values = apply_scale(table, scale)
            measured = ~np.isnan(values[..., 0])
            assays[assay] = AssayInput(np.nan_to_num(values), measured)
            flat.append(_direct_columns(table, values, scale, self.direct_genes[assay]))
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


def _graph_genes(table: AssayTable, on_graph: set[str]) -> tuple[str, ...]:
    measured = np.flatnonzero(table.measured.any(axis=0))
    return tuple(table.genes[at] for at in measured if table.genes[at] in on_graph)


def _direct_genes(table: AssayTable, on_graph: set[str], section: FeatureSection) -> tuple[str, ...]:
    """Genes worth a column: altered often enough, or among the most variable of the topology's genes."""
    if table.assay in CALLS or (table.units == "discrete").any():
        altered = (np.nan_to_num(table.values) != 0).any(axis=2).sum(axis=0) >= section.min_alterations
        return tuple(gene for gene, enough in zip(table.genes, altered, strict=True) if enough)
    genes = _graph_genes(table, on_graph)
    scale = fit_scale(table, genes)
    order = np.argsort(-scale.spread, kind="stable")[: section.direct_genes]
    return tuple(genes[index] for index in sorted(order))


def _direct_columns(
    table: AssayTable, on_graph: FloatArray, scale: AssayScale, genes: tuple[str, ...]
) -> FloatArray:
    """Columns of the flat table, channel by channel, shape (N, C * genes)."""
    if table.assay in CALLS or not set(genes) <= set(scale.genes):
        values = columns_of(table, genes)
    else:
        position = {gene: index for index, gene in enumerate(scale.genes)}
        values = on_graph[:, [position[gene] for gene in genes]]
    return values.transpose(0, 2, 1).reshape(len(values), -1)


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
