"""Which columns of an assay are read, and where each of them goes: to a node, to the flat table, or both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from metarisk.config.experiment import FeatureSection
from metarisk.data.cohort import AssayTable, FloatArray
from metarisk.features.standardise import CALLS, AssayScale, comparable, variability
from metarisk.pathways.topology import Topology
from metarisk.schema.assays import ASSAYS, Assay

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


def nodes_of(assay: Assay, topology: Topology) -> Mapping[str, int]:
    """Name -> node of all that an assay can enter the graph at: genes, pathways, or nothing.

    A pathway answers to its id, and to its title where no other pathway has it.
    """
    level = ASSAYS[assay].level
    if level == "gene":
        return topology.gene_index
    return {**_own_titles(topology), **topology.pathway_index} if level == "pathway" else {}


def _own_titles(topology: Topology) -> dict[str, int]:
    shared = Counter(topology.titles)
    return {title: index for index, title in enumerate(topology.titles) if shared[title] == 1}


def measured_nodes(table: AssayTable, topology: Topology) -> tuple[str, ...]:
    """The topology's nodes that some sample has a value at, in the table's order."""
    nodes = nodes_of(table.assay, topology)
    return tuple(name for name in _measured(table) if name in nodes)


def _measured(table: AssayTable) -> tuple[str, ...]:
    return tuple(table.genes[at] for at in np.flatnonzero(table.measured.any(axis=0)))


def direct_columns(
    table: AssayTable, nodes: tuple[str, ...], section: FeatureSection
) -> tuple[DirectColumn, ...]:
    """Columns worth having: altered often enough, or of the most variable levels.

    Parameters
    ----------
    table
        Training samples.
    nodes
        Its names that are nodes of the graph; their levels come first, others fill what room they leave.
    section
        How many, and how often altered.
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
        altered = table.values > 0
    else:
        altered = np.abs(comparable(table, table.genes))[..., None] >= ALTERED_LEVEL
    counts = altered.sum(axis=0).T  # (C, G)
    channels = ASSAYS[table.assay].channels
    return tuple(
        DirectColumn(table.genes[gene], channels[channel])
        for channel, gene in np.argwhere(counts >= min_alterations)
    )


def flat_values(values: FloatArray, scale: AssayScale, chosen: tuple[DirectColumn, ...]) -> FloatArray:
    """Columns of the flat table, (N, Ga, C) to (N, columns)."""
    position = {gene: index for index, gene in enumerate(scale.genes)}
    channels = ASSAYS[scale.assay].channels
    genes = np.array([position[column.gene] for column in chosen], dtype=np.intp)
    return values[:, genes, np.array([channels.index(column.channel) for column in chosen], dtype=np.intp)]


def column_name(assay: Assay, column: DirectColumn) -> str:
    """Name of a column in the flat table; the channel is said where the assay has several."""
    channel = f".{column.channel}" if len(ASSAYS[assay].channels) > 1 else ""
    return f"{assay.value}{channel}:{column.gene}"
