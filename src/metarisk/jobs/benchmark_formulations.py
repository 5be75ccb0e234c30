"""One layer of message passing, in the ways that it is written elsewhere and in ours.

All of them do the same work on the same graph: sum what the neighbours send, mix it with one D x D matrix,
squash it with tanh, add it to the state. Ours also knows relations, signs and both directions; the others
walk each edge once and know no types, except for torch-geometric's relational convolution.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from metarisk.nn.propagation import RelationalPropagation
from metarisk.nn.segments import Edges
from metarisk.nn.wired_sum import WiredSum
from metarisk.pathways.topology import RELATIONS, Topology

OURS, ONE_WIRE, DENSE_EDGE = "metarisk", "metarisk, one relation one way", "dense edges (N, E, D)"


def draw_topology(genes: int, edges: int, seed: int) -> Topology:
    """Random typed and signed edges, no two between the same genes, no loop; equal seeds, equal graphs."""
    rng = np.random.default_rng(seed)
    drawn = rng.choice(genes * genes, size=min(genes * genes, 2 * edges), replace=False)
    source, target = drawn // genes, drawn % genes
    kept = np.flatnonzero(source != target)[:edges]
    return Topology(
        name="random",
        genes=tuple(f"G{gene:06d}" for gene in range(genes)),
        source=source[kept].astype(np.int32),
        target=target[kept].astype(np.int32),
        relation=rng.integers(len(RELATIONS), size=len(kept)).astype(np.int8),
        sign=rng.choice([-1, 1], size=len(kept)).astype(np.int8),
        pathways=(),
        member_pathway=np.empty(0, dtype=np.int32),
        member_gene=np.empty(0, dtype=np.int32),
    )


class _Tail(nn.Module):
    """What every formulation does with what was heard."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Linear(width, width, bias=False)

    def forward(self, state: Tensor, heard: Tensor) -> Tensor:
        moved: Tensor = state + torch.tanh(self.mix(heard))
        return moved


class OneWire(nn.Module):
    """Our sum with one relation and one direction, (G, N, D) to (G, N, D)."""

    def __init__(self, topology: Topology, width: int, samples: int) -> None:
        super().__init__()
        del samples
        nothing = np.zeros(topology.n_edges, dtype=np.int64)
        edges = Edges(topology.target, topology.source, nothing, edge_values(topology))
        self.neighbours = WiredSum(edges, (topology.n_genes, topology.n_genes))
        self.weight = nn.Parameter(torch.ones(1, width))
        self.tail = _Tail(width)

    def forward(self, state: Tensor) -> Tensor:
        """One step."""
        moved: Tensor = self.tail(state, self.neighbours(state, self.weight))
        return moved


class TorchCsr(nn.Module):
    """torch's own sparse product and its own gradient, (G, N, D) to (G, N, D)."""

    matrix: Tensor

    def __init__(self, topology: Topology, width: int, samples: int) -> None:
        super().__init__()
        del samples
        index = torch.from_numpy(np.stack([topology.target, topology.source]).astype(np.int64))
        value = torch.from_numpy(edge_values(topology))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse")
            shape = (topology.n_genes, topology.n_genes)
            self.matrix = torch.sparse_coo_tensor(index, value, shape, check_invariants=False).to_sparse_csr()
        self.tail = _Tail(width)

    def forward(self, state: Tensor) -> Tensor:
        """One step."""
        heard = (self.matrix @ state.reshape(len(state), -1)).reshape(state.shape)
        moved: Tensor = self.tail(state, heard)
        return moved

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> TorchCsr:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.matrix = fn(self.matrix)
        return self


class EdgeMessages(nn.Module):
    """Every edge's message for every sample in memory: (E, N, D), or samples first (N, E, D).

    Genes first, (G, N, D) to (G, N, D), the messages are scattered; samples first, (N, G, D) to (N, G, D),
    they are added by index.
    """

    source: Tensor
    target: Tensor
    value: Tensor

    def __init__(self, topology: Topology, width: int, samples: int, *, samples_first: bool) -> None:
        super().__init__()
        del samples
        self.samples_first = samples_first
        for name, end in (("source", topology.source), ("target", topology.target)):
            self.register_buffer(name, torch.from_numpy(end.astype(np.int64)), persistent=False)
        self.register_buffer("value", torch.from_numpy(edge_values(topology)), persistent=False)
        self.tail = _Tail(width)

    def forward(self, state: Tensor) -> Tensor:
        """One step."""
        value = self.value.to(state.dtype)
        heard = torch.zeros_like(state)
        if self.samples_first:
            heard = heard.index_add(1, self.target, state[:, self.source] * value[:, None])
        else:
            message = state[self.source] * value[:, None, None]
            heard = heard.scatter_add(0, self.target[:, None, None].expand_as(message), message)
        moved: Tensor = self.tail(state, heard)
        return moved


class BatchOfCopies(nn.Module):
    """torch-geometric's way: N copies of the graph side by side, (N * G, D) to (N * G, D)."""

    source: Tensor
    target: Tensor
    relation: Tensor

    def __init__(self, topology: Topology, width: int, samples: int, *, relational: bool) -> None:
        super().__init__()
        conv = _convolutions()
        offsets = topology.n_genes * torch.arange(samples)[:, None]
        ends = [torch.from_numpy(end.astype(np.int64)) for end in (topology.source, topology.target)]
        copies = torch.stack([(end + offsets).flatten() for end in ends])
        self.register_buffer("edge_index", copies, persistent=False)
        self.register_buffer(
            "relation", torch.from_numpy(topology.relation.astype(np.int64)).repeat(samples), persistent=False
        )
        self.relational = relational
        self.conv = (
            conv["RGCNConv"](width, width, len(RELATIONS), root_weight=False, bias=False, aggr="add")
            if relational
            else conv["GCNConv"](width, width, add_self_loops=False, bias=False, cached=True)
        )

    def forward(self, state: Tensor) -> Tensor:
        """One step."""
        extra = (self.relation,) if self.relational else ()
        moved: Tensor = state + torch.tanh(self.conv(state, self.edge_index, *extra))
        return moved


def edge_values(topology: Topology) -> NDArray[np.float32]:
    """Sign of each edge over the root of both ends' degrees, shape (E,)."""
    leaving = np.bincount(topology.source, minlength=topology.n_genes)[topology.source]
    arriving = np.bincount(topology.target, minlength=topology.n_genes)[topology.target]
    value: NDArray[np.float32] = (topology.sign / np.sqrt(leaving * arriving)).astype(np.float32)
    return value


def _convolutions() -> Mapping[str, Callable[..., nn.Module]]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        from torch_geometric.nn import GCNConv, RGCNConv
    return {"GCNConv": GCNConv, "RGCNConv": RGCNConv}


Build = Callable[[Topology, int, int], nn.Module]

# Layer over a topology, for a width and a number of samples.
FORMULATIONS: Mapping[str, Build] = {
    OURS: lambda topology, width, samples: RelationalPropagation(topology, width),
    ONE_WIRE: OneWire,
    "torch CSR": TorchCsr,
    "scatter_add": lambda *of: EdgeMessages(*of, samples_first=False),
    DENSE_EDGE: lambda *of: EdgeMessages(*of, samples_first=True),
    "GCNConv, batch of copies": lambda *of: BatchOfCopies(*of, relational=False),
    "RGCNConv, batch of copies": lambda *of: BatchOfCopies(*of, relational=True),
}

# Floats a sample and channel that a training step holds at once for each edge; 0 where it holds none.
HELD_AN_EDGE = {
    OURS: 0, ONE_WIRE: 0, "torch CSR": 0, "scatter_add": 4, DENSE_EDGE: 4,
    "GCNConv, batch of copies": 4, "RGCNConv, batch of copies": 4,
}  # fmt: skip


def draw_state(name: str, topology: Topology, samples: int, width: int) -> Tensor:
    """Input in the layout that a formulation wants."""
    state = torch.randn(topology.n_genes, samples, width)
    if name == DENSE_EDGE:
        return state.permute(1, 0, 2).contiguous()
    return state.permute(1, 0, 2).reshape(-1, width) if "copies" in name else state


def expected_mib(name: str, edges: int, samples: int, width: int) -> float:
    """Memory that a formulation needs for its edges in a training step, MiB."""
    return HELD_AN_EDGE[name] * edges * samples * width * 4 / 2**20
