"""A circuit as a figure: signs by arrowhead, relations by line, genes coloured by a number each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from metarisk.errors import OutputError, TopologyError
from metarisk.pathways.edges import RELATIONS
from metarisk.pathways.hierarchy import GeneSets
from metarisk.pathways.layout import Layout, layered
from metarisk.pathways.topology import Topology

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, told apart by colour-blind readers; the dashes carry it to a grey print.
LINES: dict[str, tuple[str, Any]] = {
    "ligand_receptor": ("#0072B2", "-"),
    "phosphorylation": ("#D55E00", "-"),
    "modification": ("#CC79A7", (0, (5, 1.5))),
    "tf_target": ("#009E73", (0, (6, 1.5, 1, 1.5))),
    "binding": ("#56606B", "-"),
    "via_metabolite": ("#B8860B", (0, (1.5, 1))),
    "association": ("#9AA3AB", (0, (1, 1.6))),
}
GAP, DOWN = 0.12, 0.92  # inches between boxes of a row, and between rows
BOX_WIDTH, WIDEST_BOX, BOX_HEIGHT = 0.74, 1.7, 0.25  # inches
MARGIN, HEADER, FOOTER = 0.22, 0.5, 0.62  # inches
PORT_GAP = 0.105  # inches between lines that meet a box
PIXELS = 6000  # of the longer side, at most
BAR_WIDTH, BAR_ROOM = 0.12, 0.75  # inches
HEAD = 0.075  # inches, of an arrowhead
UNKNOWN, PLAIN, INK = "#FFFFFF", "#F2F4F7", "#1F2933"


Point = tuple[float, float]
Pair = tuple[str, str]


@dataclass(frozen=True)
class Circuit:
    """What is drawn: genes, and one line for each (source, target, sign)."""

    title: str
    genes: tuple[str, ...]
    links: tuple[tuple[int, int], ...]
    relations: tuple[str, ...]
    signs: tuple[int, ...]


@dataclass(frozen=True)
class Line:
    """A line on the page: its points in inches, first and last on the boxes' edges."""

    points: tuple[Point, ...]
    relation: str
    sign: int


def draw_circuit(
    topology: Topology,
    circuit: str,
    path: Path,
    overlay: Mapping[str, float] | None = None,
    overlay_name: str = "",
    only: Collection[Pair] | None = None,
) -> Path:
    """Draw one pathway with its edges and write it as PNG, SVG or PDF by the suffix.

    An arrow raises, a bar lowers, a dot is an unknown sign. Of parallel edges with one sign the first
    relation of `RELATIONS` is drawn. A family is drawn with the genes of every circuit below it.

    Parameters
    ----------
    topology
        Holds the pathway and its edges.
    circuit
        Pathway id.
    path
        File to write.
    overlay
        A number for each gene, any unit; a gene without one is white. Colours run from 0 to the largest,
        or, with negative numbers, symmetrically around 0.
    overlay_name
        What the numbers are, for the colour bar, with their unit.
    only
        Pairs (source, target) to draw, such as `curated_pairs` of the circuit; every edge between two of the
        genes without it.

    Raises
    ------
    TopologyError
        If the topology has no such pathway, or the pathway has no genes.
    OutputError
        If the file cannot be written.
    """
    figure = circuit_figure(topology, circuit, overlay, overlay_name, only)
    dpi = min(220.0, PIXELS / float(max(figure.get_size_inches())))
    metadata: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix, {})
    try:
        figure.savefig(path, dpi=dpi, metadata=metadata)
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{path.name}: the figure could not be written ({error})", do="Use a .png, .svg or .pdf file."
        ) from error
    return path


def circuit_figure(
    topology: Topology,
    circuit: str,
    overlay: Mapping[str, float] | None = None,
    overlay_name: str = "",
    only: Collection[Pair] | None = None,
) -> Figure:
    """Figure of `draw_circuit`, for a report that places it itself."""
    drawn = _circuit(topology, circuit, only)
    widths = _widths(drawn)
    widest = max(5, round(1.8 * len(drawn.genes) ** 0.5))
    layout = layered([width + GAP for width in widths], drawn.links, widest)
    centres = [(x, -row * DOWN) for x, row in zip(layout.x.tolist(), layout.row.tolist(), strict=True)]
    figure, axes = _page(layout, drawn.title, bar=bool(overlay))
    for line in _lines(drawn, layout, centres, widths):
        _draw_line(axes, line)
    colours = _colours(figure, axes, drawn.genes, overlay, overlay_name)
    for index, gene in enumerate(drawn.genes):
        _draw_gene(axes, gene, centres[index], widths[index], colours[index])
    _legend(figure, drawn, overlay)
    return figure


def _circuit(topology: Topology, name: str, only: Collection[Pair] | None) -> Circuit:
    genes = _members(topology, name)
    if not genes:
        raise TopologyError(f"{topology.name}: pathway {name!r} has no genes", do="Draw another pathway.")
    place = {topology.gene_index[gene]: index for index, gene in enumerate(genes)}
    inside = np.isin(topology.source, list(place)) & np.isin(topology.target, list(place))
    found: dict[tuple[int, int, int], int] = {}
    for edge in np.flatnonzero(inside):
        ends = place[topology.source[edge]], place[topology.target[edge]]
        if only is not None and (genes[ends[0]], genes[ends[1]]) not in only:
            continue
        key = (*ends, int(topology.sign[edge]))
        found[key] = min(found.get(key, len(RELATIONS)), int(topology.relation[edge]))
    return Circuit(
        title=topology.title(name),
        genes=genes,
        links=tuple((source, target) for source, target, _ in found),
        relations=tuple(RELATIONS[relation] for relation in found.values()),
        signs=tuple(sign for _, _, sign in found),
    )


def _members(topology: Topology, name: str) -> tuple[str, ...]:
    """Genes of a pathway and of those below it."""
    genes, sets = set(topology.members(name)), topology.gene_sets()
    for child in _below(name, sets):
        genes |= set(topology.members(child))
    return tuple(sorted(genes))


def _below(name: str, sets: GeneSets) -> set[str]:
    found: set[str] = set()
    frontier = [name]
    while frontier:
        over = frontier.pop()
        children = {child for child, parent in sets.parents if parent == over} - found
        found |= children
        frontier.extend(children)
    return found


def _widths(drawn: Circuit) -> list[float]:
    """Width of each box in inches: a gene that many lines meet has a wider one."""
    ends = [[0, 0] for _ in drawn.genes]
    for source, target in drawn.links:
        ends[source][0] += 1
        ends[target][1] += 1
    return [min(WIDEST_BOX, max(BOX_WIDTH, (max(pair) + 1) * PORT_GAP)) for pair in ends]


def _page(layout: Layout, title: str, *, bar: bool) -> tuple[Figure, Axes]:
    """Empty page whose units are inches, as large as the layout needs."""
    from matplotlib.figure import Figure

    xs = [x for route in layout.routes for x, _ in route] + layout.x.tolist()
    width = max(xs) - min(xs) + WIDEST_BOX + 2 * MARGIN
    height = layout.row.max() * DOWN + BOX_HEIGHT + 2 * MARGIN
    room = max(0.0, 4.6 - width) / 2  # the legend needs that much
    page = (width + 2 * room + (BAR_ROOM if bar else 0.0), height + HEADER + FOOTER)
    figure = Figure(figsize=page, facecolor="white")
    axes = figure.add_axes(
        (room / page[0], FOOTER / page[1], width / page[0], height / page[1]), frameon=False
    )
    left = min(xs) - WIDEST_BOX / 2 - MARGIN
    top = BOX_HEIGHT / 2 + MARGIN
    axes.set_xlim(left, left + width)
    axes.set_ylim(top - height, top)
    axes.set_axis_off()
    figure.text(
        MARGIN / page[0], 1 - 0.32 / page[1], title, fontsize=11, fontweight="bold", color=INK, va="center"
    )
    return figure, axes


def _lines(drawn: Circuit, layout: Layout, centres: Sequence[Point], widths: Sequence[float]) -> list[Line]:
    """Lines from box to box, each with a port of its own so that heads do not cover one another."""
    routes = [[(x, -row * DOWN) for x, row in route] for route in layout.routes]
    ports = _ports(drawn, routes, centres, widths)
    lines = []
    for index, route in enumerate(routes):
        points = (ports[index, 0], *route[1:-1], ports[index, 1])
        lines.append(Line(points, drawn.relations[index], drawn.signs[index]))
    return lines


def _ports(
    drawn: Circuit, routes: Sequence[Sequence[Point]], centres: Sequence[Point], widths: Sequence[float]
) -> dict[tuple[int, int], Point]:
    """Point on a box's edge for each (line, end); those of one edge are spread in the order of the lines."""
    sides: dict[tuple[int, bool], list[tuple[float, int, int]]] = {}
    for index, (link, route) in enumerate(zip(drawn.links, routes, strict=True)):
        for end, node, onward in ((0, link[0], route[1]), (1, link[1], route[-2])):
            sides.setdefault((node, onward[1] > centres[node][1]), []).append((onward[0], index, end))
    ports = {}
    for (node, upper), ends in sides.items():
        x, y = centres[node]
        width = min(widths[node] - PORT_GAP, 0.16 * (len(ends) - 1))
        offsets = np.linspace(-width / 2, width / 2, len(ends)) if len(ends) > 1 else [0.0]
        for offset, (_, index, end) in zip(offsets, sorted(ends), strict=True):
            ports[index, end] = (x + float(offset), y + (BOX_HEIGHT / 2 if upper else -BOX_HEIGHT / 2))
    return ports


def _draw_line(axes: Axes, line: Line) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Curve

    colour, dashes = LINES[line.relation]
    start, *_, end = line.points
    upward = -1.0 if line.points[-2][1] > end[1] else 1.0  # the way the line runs where it ends
    gap = HEAD if line.sign > 0 else HEAD * 0.35
    points = [start, *line.points[1:-1], (end[0], end[1] - upward * gap)]
    vertices = _curve(points)
    codes = [Curve.MOVETO] + [Curve.CURVE4] * (len(vertices) - 1)
    axes.add_patch(
        PathPatch(
            Curve(vertices, codes), fill=False, edgecolor=colour, linestyle=dashes, linewidth=0.9, zorder=1
        )
    )
    _draw_head(axes, end, upward, line.sign, colour)


def _curve(points: Sequence[Point]) -> list[Point]:
    """Bezier points of a smooth line that leaves and arrives upright (Catmull and Rom between)."""
    slopes = [
        (there[0] - here[0]) / (there[1] - here[1]) for here, there in zip(points, points[2:], strict=False)
    ]
    slopes = [0.0, *slopes, 0.0]
    vertices = [points[0]]
    for index, (here, there) in enumerate(pairwise(points)):
        reach = (there[1] - here[1]) * (0.5 if len(points) == 2 else 0.42)
        vertices.append((here[0] + slopes[index] * reach, here[1] + reach))
        vertices.append((there[0] - slopes[index + 1] * reach, there[1] - reach))
        vertices.append(there)
    return vertices


def _draw_head(axes: Axes, end: Point, upward: float, sign: int, colour: str) -> None:
    """Draw a triangle for raising, a bar for lowering, a dot for unknown."""
    from matplotlib.patches import Circle, Patch, Polygon

    x, y = end
    head: Patch
    if sign > 0:
        base = y - upward * HEAD
        head = Polygon([(x, y), (x - HEAD * 0.45, base), (x + HEAD * 0.45, base)], closed=True)
    elif sign < 0:
        low, high = y - upward * HEAD * 0.45, y - upward * HEAD * 0.1
        half = HEAD * 0.62
        head = Polygon([(x - half, low), (x + half, low), (x + half, high), (x - half, high)], closed=True)
    else:
        head = Circle((x, y - upward * HEAD * 0.35), HEAD * 0.3)
    head.set(facecolor=colour, edgecolor=colour, linewidth=0.3, zorder=3)
    axes.add_patch(head)


def _draw_gene(axes: Axes, gene: str, centre: Point, width: float, colour: str) -> None:
    from matplotlib.colors import to_rgb
    from matplotlib.patches import FancyBboxPatch

    x, y = centre
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2 + 0.05, y - BOX_HEIGHT / 2 + 0.05),
            width - 0.1,
            BOX_HEIGHT - 0.1,
            boxstyle="round,pad=0.05,rounding_size=0.08",
            facecolor=colour,
            edgecolor=INK,
            linewidth=0.7,
            zorder=2,
        )
    )
    red, green, blue = to_rgb(colour)
    dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.55
    axes.text(
        x,
        y - 0.005,
        gene,
        ha="center",
        va="center",
        fontsize=7.2 if len(gene) <= 8 else 5.8,
        color="white" if dark else INK,
        zorder=4,
        style="italic" if gene.startswith("MIR") else "normal",
    )


def _colours(
    figure: Figure, axes: Axes, genes: Sequence[str], overlay: Mapping[str, float] | None, name: str
) -> list[str]:
    """Fill of each gene's box, and the colour bar that explains it."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize, to_hex

    if not overlay:
        return [PLAIN] * len(genes)
    values = [overlay[gene] for gene in genes if gene in overlay and np.isfinite(overlay[gene])]
    largest = max((abs(value) for value in values), default=0.0) or 1.0
    signed = min(values, default=0.0) < 0
    scale = ScalarMappable(
        Normalize(-largest if signed else 0.0, largest), colormaps["RdBu_r" if signed else "YlOrRd"]
    )
    box, (width, height) = axes.get_position(), figure.get_size_inches()
    bar = figure.add_axes(
        (
            box.x1 + 0.05 / width,
            box.y0 + box.height * 0.2,
            BAR_WIDTH / width,
            min(box.height * 0.6, 2.2 / height),
        )
    )
    figure.colorbar(scale, cax=bar).ax.tick_params(labelsize=6.5, length=2)
    bar.set_ylabel(name, fontsize=7, color=INK)
    known = {gene: overlay[gene] for gene in genes if np.isfinite(overlay.get(gene, np.nan))}
    fills = scale.to_rgba(np.array([known.get(gene, 0.0) for gene in genes]))
    return [
        to_hex((float(red), float(green), float(blue))) if gene in known else UNKNOWN
        for gene, (red, green, blue, _) in zip(genes, fills, strict=True)
    ]


def _legend(figure: Figure, drawn: Circuit, overlay: Mapping[str, float] | None) -> None:
    """Lines that occur, heads that occur, and what white means."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=LINES[relation][0], linestyle=LINES[relation][1], lw=1.2, label=_words(relation))
        for relation in RELATIONS
        if relation in drawn.relations
    ]
    heads = {1: (">", "raises"), -1: ("|", "lowers"), 0: ("o", "sign not known")}
    handles += [
        Line2D([], [], color=INK, marker=mark, markersize=6 if sign < 0 else 4, lw=0, mew=1.5, label=text)
        for sign, (mark, text) in heads.items()
        if sign in drawn.signs
    ]
    if overlay and any(gene not in overlay for gene in drawn.genes):
        handles.append(
            Line2D(
                [], [], marker="s", color=INK, markerfacecolor=UNKNOWN, lw=0, markersize=6, label="no value"
            )
        )
    per_row = max(3, int(figure.get_size_inches()[0] / 1.25))
    figure.legend(
        handles=handles,
        loc="lower center",
        ncols=min(per_row, max(len(handles), 1)),
        frameon=False,
        fontsize=7,
        handlelength=2.2,
        columnspacing=1.3,
    )


def _words(relation: str) -> str:
    return {"tf_target": "transcription", "ligand_receptor": "ligand, receptor"}.get(
        relation, relation.replace("_", " ")
    )
