"""The topology as a torch-geometric graph of genes and pathways, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metarisk.errors import TopologyError
from metarisk.pathways.edges import RELATIONS, EdgeColumns
from metarisk.pathways.hierarchy import GeneSets
from metarisk.pathways.topology import Topology, topology_from_columns

if TYPE_CHECKING:
    from torch import Tensor
    from torch_geometric.data import HeteroData

MEMBER = ("gene", "member_of", "pathway")
PARENT = ("pathway", "part_of", "pathway")


def to_hetero(topology: Topology) -> HeteroData:
    """Graph with node types gene and pathway and one edge type for each relation that occurs.

    Gene edges ``("gene", relation, "gene")`` have ``edge_index`` of shape (2, E_r) and ``sign`` of shape
    (E_r,); memberships are ``("gene", "member_of", "pathway")``, the hierarchy ``("pathway", "part_of",
    "pathway")``. Nodes carry their ``names``; the graph carries name, licences and titles.
    """
    import torch
    from torch_geometric.data import HeteroData

    data = HeteroData()
    data["gene"].num_nodes, data["gene"].names = topology.n_genes, list(topology.genes)
    data["pathway"].num_nodes, data["pathway"].names = topology.n_pathways, list(topology.pathways)
    data["pathway"].titles = list(topology.titles or topology.pathways)
    for index in np.unique(topology.relation).tolist():
        chosen = topology.relation == index
        store = data["gene", RELATIONS[index], "gene"]
        store.edge_index = _pair(topology.source[chosen], topology.target[chosen])
        store.sign = torch.tensor(topology.sign[chosen])
    data[MEMBER].edge_index = _pair(topology.member_gene, topology.member_pathway)
    data[PARENT].edge_index = _pair(topology.parents[:, 0], topology.parents[:, 1])
    data.name, data.licences = topology.name, list(topology.licences)
    return data


def from_hetero(data: HeteroData) -> Topology:
    """Topology of a graph that has the node and edge types of `to_hetero`.

    Raises
    ------
    TopologyError
        If nodes have no names, or an edge type between genes is not a relation.
    """
    genes, pathways = _names(data, "gene"), _names(data, "pathway")
    parts = [_gene_edges(data, kind) for kind in data.edge_types if kind[0] == kind[2] == "gene"]
    parts = parts or [np.empty((4, 0), dtype=np.int64)]
    source, target, relation, sign = np.concatenate(parts, axis=1)
    columns = EdgeColumns(
        genes,
        source.astype(np.int32),
        target.astype(np.int32),
        relation.astype(np.int8),
        sign.astype(np.int8),
    )
    sets = GeneSets(
        membership=[(pathways[p], genes[g]) for g, p in _links(data, MEMBER)],
        parents=[(pathways[child], pathways[parent]) for child, parent in _links(data, PARENT)],
        titles=dict(zip(pathways, data["pathway"].get("titles", pathways), strict=True)),
    )
    name, licences = getattr(data, "name", "hetero"), getattr(data, "licences", ())
    return topology_from_columns(str(name), columns, sets, licences)[0]


def _pair(rows: np.ndarray, columns: np.ndarray) -> Tensor:
    import torch

    return torch.tensor(np.stack([rows, columns]), dtype=torch.long)


def _names(data: HeteroData, node: str) -> tuple[str, ...]:
    names = data[node].get("names") if node in data.node_types else None
    if names is None:
        raise TopologyError(
            f"the graph's {node} nodes have no names",
            expected=f'data["{node}"].names, one a node',
            do="Set it before reading the graph back.",
        )
    return tuple(names)


def _gene_edges(data: HeteroData, kind: tuple[str, str, str]) -> np.ndarray:
    """Source, target, relation and sign of one edge type, shape (4, E_r)."""
    if kind[1] not in RELATIONS:
        raise TopologyError(
            f"the graph has gene edges of type {kind[1]!r}",
            expected=f"one of {', '.join(RELATIONS)}",
            do="Rename the edge type.",
        )
    ends = data[kind].edge_index.numpy()
    sign = data[kind].sign.numpy() if "sign" in data[kind] else np.zeros(ends.shape[1])
    relation = np.full(ends.shape[1], RELATIONS.index(kind[1]))
    return np.stack([ends[0], ends[1], relation, sign]).astype(np.int64)


def _links(data: HeteroData, kind: tuple[str, str, str]) -> list[tuple[int, int]]:
    if kind not in data.edge_types:
        return []
    return [(int(a), int(b)) for a, b in data[kind].edge_index.t().tolist()]
