"""A layered layout of a directed graph: rows, orders and curves with few crossings (Sugiyama 1981)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Link = tuple[int, int]
Route = tuple[tuple[float, int], ...]

SWEEPS = 24
SETTLINGS = 40
APART = 0.3  # between parts, in the unit of x
SPREAD = 2.2  # width against height of a page of many parts
BEND_ROOM = 0.22  # width that a passing line needs, in the unit of x


@dataclass(frozen=True)
class Layout:
    """Where nodes stand and where links pass.

    Attributes
    ----------
    x, row
        Position of each node: x in the unit of its room, row 0 at the top, shape (N,).
    routes
        For each link the points (x, row) it passes, from its source to its target.
    """

    x: NDArray[np.float64]
    row: NDArray[np.int64]
    routes: tuple[Route, ...]


@dataclass
class _Rows:
    """Nodes and bends by row, in order, and what each is tied to in the rows next to it."""

    rows: list[list[int]]
    ups: list[list[int]]
    downs: list[list[int]]

    def crossings(self) -> int:
        """Pairs of segments that cross."""
        place = self.places()
        total = 0
        for row in self.rows:
            ends = [(place[node], place[below]) for node in row for below in self.downs[node]]
            order = np.array([end for _, end in sorted(ends)])
            total += int(np.triu(order[:, None] > order[None, :], 1).sum())
        return total

    def places(self) -> list[float]:
        """Position of each in its row."""
        place = [0.0] * len(self.ups)
        for row in self.rows:
            for index, node in enumerate(row):
                place[node] = float(index)
        return place


def layered(room: Sequence[float], links: Sequence[Link], widest: int) -> Layout:
    """Layout with sources above targets as far as cycles allow, part by part where the graph falls apart.

    Parts stand on shelves, the largest first, each shelf about as wide as the widest part.

    Parameters
    ----------
    room
        Width that each node needs, in the unit that x will have, length N.
    links
        Pairs (source, target), both 0 .. N - 1.
    widest
        Nodes that a row may hold before it is broken into two.
    """
    parts = connected_parts(len(room), links)
    laid: list[tuple[Layout, float]] = []
    for nodes, inside in parts:
        place = {node: index for index, node in enumerate(nodes)}
        ends = [(place[links[index][0]], place[links[index][1]]) for index in inside]
        laid.append(_layered_part([room[node] for node in nodes], ends, widest))
    x, row = np.zeros(len(room)), np.zeros(len(room), dtype=np.int64)
    routes: list[Route] = [()] * len(links)
    for (nodes, inside), (part, _), (left, top) in zip(parts, laid, _shelves(laid), strict=True):
        x[nodes], row[nodes] = part.x + left, part.row + top
        for index, route in zip(inside, part.routes, strict=True):
            routes[index] = tuple((at + left, level + top) for at, level in route)
    return Layout(x, row, tuple(routes))


def _shelves(parts: Sequence[tuple[Layout, float]]) -> list[tuple[float, int]]:
    """Left edge and top row of each part, side by side until a shelf is full."""
    sizes = [(width + APART, int(part.row.max(initial=0)) + 1) for part, width in parts]
    area = sum(width * rows for width, rows in sizes)
    shelf = max([width for width, _ in sizes] + [(SPREAD * area) ** 0.5])
    corners, left, top, lowest = [], 0.0, 0, 0
    for width, rows in sizes:
        if left and left + width > shelf:
            left, top = 0.0, lowest
        corners.append((left, top))
        left += width
        lowest = max(lowest, top + rows)
    return corners


def _layered_part(room: Sequence[float], links: Sequence[Link], widest: int) -> tuple[Layout, float]:
    """Layout of a connected graph, its left edge at 0, and its width."""
    n = len(room)
    forward = _without_cycles(n, links)
    row = _broken(_pulled(_depth(n, forward), forward), forward, widest)
    rows, chains = _with_bends(n, row, forward)
    _uncross(rows)
    every = np.array([*room, *[BEND_ROOM] * (len(rows.ups) - n)])
    x = _settle(rows, every.tolist())
    x -= (x - every / 2).min()
    level = _levels(rows)
    routes: list[Route] = []
    for (source, target), chain in zip(links, chains, strict=True):
        points = tuple((float(x[node]), int(level[node])) for node in chain)
        routes.append(points if chain[0] == source and chain[-1] == target else points[::-1])
    return Layout(x[:n], level[:n], tuple(routes)), float((x + every / 2).max())


def connected_parts(n: int, links: Sequence[Link]) -> list[tuple[list[int], list[int]]]:
    """Nodes and links of each connected part, the largest first."""
    part = list(range(n))

    def root(node: int) -> int:
        while part[node] != node:
            node = part[node]
        return node

    for source, target in links:
        part[root(source)] = root(target)
    found: dict[int, tuple[list[int], list[int]]] = {}
    for node in range(n):
        found.setdefault(root(node), ([], []))[0].append(node)
    for index, (source, _) in enumerate(links):
        found[root(source)][1].append(index)
    return sorted(found.values(), key=lambda each: (-len(each[0]), each[0]))


def _without_cycles(n: int, links: Sequence[Link]) -> list[Link]:
    """Links turned so that all follow one order of the nodes (Eades, Lin and Smyth 1993)."""
    outs, ins = [set[int]() for _ in range(n)], [set[int]() for _ in range(n)]
    for source, target in links:
        outs[source].add(target)
        ins[target].add(source)
    left, right, todo = list[int](), list[int](), set(range(n))
    while todo:
        sinks = [node for node in sorted(todo) if not outs[node] & todo]
        sources = [node for node in sorted(todo) if not ins[node] & todo]
        if sinks:
            right = sinks + right
            todo -= set(sinks)
        elif sources:
            left += sources
            todo -= set(sources)
        else:
            best = max(sorted(todo), key=lambda node: len(outs[node] & todo) - len(ins[node] & todo))
            left.append(best)
            todo.remove(best)
    rank = {node: index for index, node in enumerate(left + right)}
    return [(a, b) if rank[a] < rank[b] else (b, a) for a, b in links]


def _depth(n: int, links: Sequence[Link]) -> NDArray[np.int64]:
    """Row of each node: one below the lowest node above it."""
    depth = np.zeros(n, dtype=np.int64)
    for _ in range(n):
        before = depth.copy()
        for above, below in links:
            depth[below] = max(depth[below], depth[above] + 1)
        if (before == depth).all():
            break
    return depth


def _pulled(depth: NDArray[np.int64], links: Sequence[Link]) -> NDArray[np.int64]:
    """Rows with each node that nothing is above moved down to just over its highest target."""
    depth = depth.copy()
    headless = set(range(len(depth))) - {below for _, below in links}
    for node in headless:
        below = [depth[b] for a, b in links if a == node]
        depth[node] = min(below) - 1 if below else 0
    return depth


def _broken(row: NDArray[np.int64], links: Sequence[Link], widest: int) -> NDArray[np.int64]:
    """Rows none of which holds more than ``widest`` nodes; those that drive nothing go below the others."""
    drives = np.bincount([above for above, _ in links], minlength=len(row)) if links else np.zeros(len(row))
    placed, shift = row.copy(), 0
    for level in np.unique(row):
        nodes = np.flatnonzero(row == level)
        nodes = nodes[np.argsort(drives[nodes] == 0, kind="stable")]
        parts = -(-len(nodes) // widest)
        for part, chunk in enumerate(np.array_split(nodes, parts)):
            placed[chunk] = shift + part
        shift += parts
    return placed


def _with_bends(n: int, row: NDArray[np.int64], links: Sequence[Link]) -> tuple[_Rows, list[list[int]]]:
    """Rows in which every link ties neighbours, by way of bends, and the chain of each link."""
    rows: list[list[int]] = [[] for _ in range(int(row.max(initial=0)) + 1)]
    for node in range(n):
        rows[row[node]].append(node)
    ups: list[list[int]] = [[] for _ in range(n)]
    downs: list[list[int]] = [[] for _ in range(n)]
    chains = []
    for above, below in links:
        chain = [above]
        for level in range(row[above] + 1, row[below]):
            rows[level].append(len(ups))
            chain.append(len(ups))
            ups.append([])
            downs.append([])
        chain.append(below)
        for upper, lower in pairwise(chain):
            downs[upper].append(lower)
            ups[lower].append(upper)
        chains.append(chain)
    return _Rows(rows, ups, downs), chains


def _uncross(rows: _Rows) -> None:
    """Order each row by the middle of what it is tied to, down and up, and keep the best order met."""
    best, fewest = [list(row) for row in rows.rows], rows.crossings()
    for sweep in range(SWEEPS):
        downward = sweep % 2 == 0
        ties = rows.ups if downward else rows.downs
        place = rows.places()
        for row in rows.rows if downward else rows.rows[::-1]:
            middle = {node: _mean(place, ties[node], place[node]) for node in row}
            row.sort(key=middle.__getitem__)
            for index, node in enumerate(row):
                place[node] = float(index)
        crossings = rows.crossings()
        if crossings < fewest:
            best, fewest = [list(row) for row in rows.rows], crossings
    rows.rows = best


def _settle(rows: _Rows, room: Sequence[float]) -> NDArray[np.float64]:
    """Positions near the mean of what each is tied to, in order and apart."""
    x = rows.places()
    ties = [up + down for up, down in zip(rows.ups, rows.downs, strict=True)]
    for turn in range(SETTLINGS):
        for row in rows.rows if turn % 2 == 0 else rows.rows[::-1]:
            wanted = [_mean(x, ties[node], x[node]) for node in row] if turn else [x[node] for node in row]
            spread = _spread(np.array(wanted), [room[node] for node in row])
            for node, place in zip(row, spread.tolist(), strict=True):
                x[node] = place
    return np.array(x)


def _mean(x: Sequence[float], ties: Sequence[int], own: float) -> float:
    return sum(x[tie] for tie in ties) / len(ties) if ties else own


def _spread(wanted: NDArray[np.float64], room: Sequence[float]) -> NDArray[np.float64]:
    """Positions nearest to those wanted that keep the order and the room of each (least squares)."""
    from scipy.optimize import isotonic_regression

    if not len(wanted):
        return wanted
    wide = np.array(room)
    offset = np.concatenate([[0.0], np.cumsum((wide[1:] + wide[:-1]) / 2)])
    return np.asarray(isotonic_regression(wanted - offset).x + offset, dtype=np.float64)


def _levels(rows: _Rows) -> NDArray[np.int64]:
    level = np.zeros(len(rows.ups), dtype=np.int64)
    for index, row in enumerate(rows.rows):
        level[row] = index
    return level
