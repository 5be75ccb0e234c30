"""The hierarchy of pathways: a child below its parents, without cycles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from metarisk.errors import TopologyError


@dataclass(frozen=True)
class GeneSets:
    """Pathways by name: who belongs to them and which stands above which.

    Attributes
    ----------
    membership
        Pairs (pathway, gene).
    parents
        Pairs (child, parent) of pathways; acyclic.
    titles
        Human name of a pathway; its id where there is none.
    """

    membership: Iterable[tuple[str, str]] = ()
    parents: Iterable[tuple[str, str]] = ()
    titles: Mapping[str, str] = field(default_factory=dict)


def check_acyclic(name: str, parents: Iterable[tuple[str, str]]) -> None:
    """Refuse a hierarchy in which a pathway is above itself.

    Parameters
    ----------
    name
        What the hierarchy belongs to, for the sentence.
    parents
        Pairs (child, parent).

    Raises
    ------
    TopologyError
        If there is a cycle; the sentence walks it.
    """
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for child, parent in parents:
        sorter.add(child, parent)
    try:
        sorter.prepare()
    except CycleError as error:
        raise TopologyError(
            f"{name}: the pathway hierarchy has a cycle {' -> '.join(error.args[1])}",
            expected="a pathway below its parents only",
            do="Remove one of these relations.",
        ) from error


def above(start: Iterable[str], parents: Iterable[tuple[str, str]]) -> set[str]:
    """Pathways given and every one above them."""
    over: dict[str, list[str]] = {}
    for child, parent in parents:
        over.setdefault(child, []).append(parent)
    found: set[str] = set()
    frontier = list(start)
    while frontier:
        pathway = frontier.pop()
        if pathway not in found:
            found.add(pathway)
            frontier.extend(over.get(pathway, ()))
    return found
