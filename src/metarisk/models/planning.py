"""From a fitted transform and a topology to the plan of a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from metarisk.config.network import NetworkSection
from metarisk.features.columns import FlatColumn, nodes_of
from metarisk.features.standardise import AssayScale
from metarisk.features.transform import FeatureTransform
from metarisk.models.network import NetworkPlan
from metarisk.nn.direct import centre_and_scale, quantile_edges
from metarisk.nn.encoders import OFF_GRAPH
from metarisk.nn.heads import TaskLayout
from metarisk.pathways.topology import Topology


def fit_flat(
    flat: NDArray[np.float32], transform: FeatureTransform, bins: int, assay_weight: float = 1.0
) -> dict[str, NDArray[np.float32]]:
    """Numbers that the direct path needs of the training table: ``centre``, ``scale`` (F,) and ``edges``.

    Parameters
    ----------
    flat
        Training rows, shape (N, F), NaN where unknown.
    transform
        Whose columns they are.
    bins
        Bins of a clinical number.
    assay_weight
        Factor of the columns of assays.
    """
    columns = transform.columns
    centre, scale = centre_and_scale(flat, [column.group for column in columns])
    scale[[column.kind in {"call", "level"} for column in columns]] *= assay_weight
    numbers = [index for index, column in enumerate(columns) if column.kind == "number"]
    edges = np.empty((len(numbers), bins + 1), dtype=np.float32)
    for row, index in enumerate(numbers):
        edges[row] = quantile_edges(flat[:, index], bins)
    return {"centre": centre, "scale": scale, "edges": edges}


def plan_network(
    section: NetworkSection,
    layout: TaskLayout,
    transform: FeatureTransform,
    topology: Topology,
    flat: Mapping[str, NDArray[np.float32]],
) -> NetworkPlan:
    """Plan of a network that reads the transform's features over the topology's genes and pathways.

    Parameters
    ----------
    flat
        What `fit_flat` returned.
    """
    columns = transform.columns
    return NetworkPlan(
        section=section,
        layout=layout,
        assay_nodes={assay: _nodes(scale, topology) for assay, scale in transform.scales.items()},
        groups=tuple(column.group for column in columns),
        centre=flat["centre"],
        scale=flat["scale"],
        number_columns=tuple(index for index, column in enumerate(columns) if column.kind == "number"),
        edges=flat["edges"],
        categories=_categories(columns),
    )


def _categories(columns: Sequence[FlatColumn]) -> dict[str, tuple[int, ...]]:
    """Clinical category -> the flat columns of its levels."""
    levels: dict[str, list[int]] = {}
    for index, column in enumerate(columns):
        if column.kind == "category":
            levels.setdefault(column.group, []).append(index)
    return {name: tuple(at) for name, at in levels.items()}


def _nodes(scale: AssayScale, topology: Topology) -> NDArray[np.int64]:
    """Node of each column of an assay, `OFF_GRAPH` where it is on none or another came first, shape (Ga,)."""
    nodes = nodes_of(scale.assay, topology)
    node = np.array([nodes.get(name, OFF_GRAPH) for name in scale.genes], dtype=np.int64)
    first = np.unique(node, return_index=True)[1]
    return np.where(np.isin(np.arange(len(node)), first), node, OFF_GRAPH)
