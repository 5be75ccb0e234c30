"""The checker: do the signs of one set of edges agree with those of another source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from metarisk.pathways.edges import RELATIONS
from metarisk.pathways.topology import Edge, Topology

Pair = tuple[str, str]


@dataclass(frozen=True)
class Disagreement:
    """A pair of genes whose sign two sources see differently; signs are -1 or +1."""

    source: str
    target: str
    ours: int
    theirs: int
    votes: tuple[int, int]  # their edges that lower, that raise


@dataclass(frozen=True)
class Agreement:
    """How often two sources that both know a sign give the same.

    Attributes
    ----------
    compared
        Pairs (source, target) that both have with one clear sign.
    agree
        Those with the same sign.
    undecided
        Pairs that both have, where one side's own edges cancel out.
    disagreements
        The others, sorted.
    """

    compared: int
    agree: int
    undecided: int
    disagreements: tuple[Disagreement, ...]

    @property
    def share(self) -> float:
        """Fraction that agree, 0 .. 1; 1 where nothing could be compared."""
        return self.agree / self.compared if self.compared else 1.0


def sign_agreement(ours: Iterable[Edge], reference: Iterable[Edge]) -> Agreement:
    """Compare signs pair by pair: the majority of the signed edges of a pair on each side.

    Edges with sign 0 do not vote. Relations play no part, since two sources seldom file an edge alike.
    """
    mine, theirs = _votes(ours), _votes(reference)
    shared = sorted(mine.keys() & theirs.keys())
    decided = [pair for pair in shared if _majority(mine[pair]) and _majority(theirs[pair])]
    unlike = [pair for pair in decided if _majority(mine[pair]) != _majority(theirs[pair])]
    return Agreement(
        compared=len(decided),
        agree=len(decided) - len(unlike),
        undecided=len(shared) - len(decided),
        disagreements=tuple(
            Disagreement(
                *pair,
                ours=_majority(mine[pair]),
                theirs=_majority(theirs[pair]),
                votes=(theirs[pair][-1], theirs[pair][1]),
            )
            for pair in unlike
        ),
    )


def named_edges(topology: Topology) -> list[Edge]:
    """Edges of a topology by name."""
    genes = topology.genes
    columns = zip(topology.source, topology.target, topology.relation, topology.sign, strict=True)
    return [Edge(genes[s], genes[t], RELATIONS[relation], int(sign)) for s, t, relation, sign in columns]


def _votes(edges: Iterable[Edge]) -> dict[Pair, Counter[int]]:
    votes: dict[Pair, Counter[int]] = {}
    for edge in edges:
        if edge.sign:
            votes.setdefault((edge.source, edge.target), Counter())[edge.sign] += 1
    return votes


def _majority(votes: Counter[int]) -> int:
    return (votes[1] > votes[-1]) - (votes[1] < votes[-1])
