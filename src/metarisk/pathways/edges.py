"""Edge columns: many edges as arrays, and the one rule by which they settle into a graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metarisk.errors import TopologyError

RELATIONS: tuple[str, ...] = (
    "ligand_receptor",
    "phosphorylation",
    "modification",
    "tf_target",
    "binding",
    "via_metabolite",
    "association",
)

IntArray = NDArray[np.int32]
SmallArray = NDArray[np.int8]

NAMED_CONFLICTS = 1000  # a report names this many and counts them all


@dataclass(frozen=True, eq=False)
class EdgeColumns:
    """Edges as columns over a list of genes, in any order, repeats allowed.

    Attributes
    ----------
    genes
        Symbols that the indices point to, unique, length G.
    source, target
        Gene index of each edge's ends, shape (E,).
    relation
        Index into `RELATIONS`, shape (E,).
    sign
        +1 the source raises the target, -1 lowers it, 0 not known, shape (E,).
    """

    genes: tuple[str, ...]
    source: IntArray
    target: IntArray
    relation: SmallArray
    sign: SmallArray

    def __post_init__(self) -> None:
        shapes = {array.shape for array in (self.source, self.target, self.relation, self.sign)}
        if len(shapes) != 1:
            raise TopologyError(
                f"edge columns have the shapes {sorted(shapes)}",
                expected="source, target, relation and sign of one length",
                do="Build the columns with one entry an edge.",
            )
        check_range("edge source", self.source, 0, len(self.genes))
        check_range("edge target", self.target, 0, len(self.genes))
        check_range("edge relation", self.relation, 0, len(RELATIONS))
        check_range("edge sign", self.sign, -1, 2)

    @classmethod
    def empty(cls) -> EdgeColumns:
        """No genes and no edges."""
        index, small = np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int8)
        return cls((), index, index, small, small)


@dataclass(frozen=True)
class EdgeTally:
    """What settling did to the edges that came in.

    Attributes
    ----------
    read, kept
        Edges before and after.
    self_loops
        Edges from a gene to itself, dropped.
    duplicates
        Repeats of the same (source, target, relation), collapsed into one.
    conflicts
        Edges whose repeats had both signs; they are kept with sign 0.
    conflicting
        The first of them, as ``A -> B (relation)``.
    """

    read: int
    kept: int
    self_loops: int
    duplicates: int
    conflicts: int
    conflicting: tuple[str, ...] = ()


def settle(edges: EdgeColumns) -> tuple[EdgeColumns, EdgeTally]:
    """Edges sorted by (source, target, relation), each once, with a sign that every repeat allows.

    Self-loops are dropped. Repeats of a (source, target, relation) collapse: an unknown sign gives way to
    a known one, and +1 with -1 cancels to 0, since two sources that disagree tell us only that there is
    an edge. One int64 key an edge is sorted in place, so the peak is about 40 bytes an edge beside the input.
    """
    G, R = max(len(edges.genes), 1), len(RELATIONS)
    key = _pack(edges, G, R)
    self_loops = len(edges.source) - len(key)
    key.sort()
    sign = (key % 3 - 1).astype(np.int8)
    key //= 3
    first, last = _group_ends(key)
    low, high = sign[first], sign[last]
    key = key[first]
    relation = (key % R).astype(np.int8)
    key //= R
    settled = EdgeColumns(
        genes=edges.genes,
        source=(key // G).astype(np.int32),
        target=(key % G).astype(np.int32),
        relation=relation,
        sign=np.clip(low + high, -1, 1).astype(np.int8),
    )
    cancelled = np.flatnonzero((low == -1) & (high == 1))
    tally = EdgeTally(
        read=len(edges.source),
        kept=len(key),
        self_loops=self_loops,
        duplicates=len(edges.source) - self_loops - len(key),
        conflicts=len(cancelled),
        conflicting=tuple(name_edge(settled, int(edge)) for edge in cancelled[:NAMED_CONFLICTS]),
    )
    return settled, tally


def name_edge(edges: EdgeColumns, edge: int) -> str:
    """Name one edge as ``A -> B (relation)``."""
    source, target = edges.genes[edges.source[edge]], edges.genes[edges.target[edge]]
    return f"{source} -> {target} ({RELATIONS[edges.relation[edge]]})"


def check_range(what: str, index: NDArray[np.integer], low: int, high: int) -> None:
    """Refuse an index outside low .. high - 1.

    Raises
    ------
    TopologyError
        If one is outside.
    """
    if index.size and (index.min() < low or index.max() >= high):
        raise TopologyError(
            f"{what} runs from {int(index.min())} to {int(index.max())}",
            expected=f"{low} .. {high - 1}",
            do="The topology names something that does not exist in it; build it again from its sources.",
        )


def _pack(edges: EdgeColumns, G: int, R: int) -> NDArray[np.int64]:
    """One key an edge that sorts by source, target, relation, sign; self-loops left out."""
    proper = edges.source != edges.target
    every = bool(proper.all())
    key = edges.source.astype(np.int64) if every else edges.source[proper].astype(np.int64)
    for factor, column in ((G, edges.target), (R, edges.relation), (3, edges.sign)):
        key *= factor
        key += column if every else column[proper]
    key += 1
    return key


def _group_ends(key: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First and last position of each run of equal keys."""
    change = np.flatnonzero(key[1:] != key[:-1])
    first = np.concatenate([[0], change + 1]) if len(key) else change
    last = np.concatenate([change, [len(key) - 1]]) if len(key) else change
    return first.astype(np.intp), last.astype(np.intp)
