"""What answers are made of, to look at: bars of circuits, and a network of the edges that matter most."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from metarisk.pathways.draw import draw_circuit
from metarisk.pathways.topology import Edge, Topology, assemble
from metarisk.report.plots.ink import FAINT, INK, OTHERS, OURS_COLOUR, Drawn, panels, save, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BARS, COLUMNS = 8, 2
EDGES = 24  # of a network
MOST_NETWORKS = 12
LEVEL = 0.05
LONGEST = 40  # letters of a name beside a bar
SIGNS = {"->": 1, "-|": -1, "--": 0}
CAPTIONS = "captions.md"


def draw_attributions(topology: Topology, tables: Mapping[str, pd.DataFrame], folder: Path) -> list[Drawn]:
    """Draw ``circuits.png`` and ``network_<answer>.svg``, with ``captions.md``.

    Parameters
    ----------
    topology
        For the titles of circuits and the kinds of edges.
    tables
        Kind -> the cohort's table, see `metarisk.explain.tables.cohort_table`.
    folder
        Where they go.
    """
    kind = "pathway" if "pathway" in tables else "gene"
    drawn = [_bars(tables[kind], kind, folder)]
    if "edge" in tables:
        answers = tables["edge"]["answer"].unique()[:MOST_NETWORKS]
        found = (_network(tables, str(answer), folder) for answer in answers)
        drawn += [figure for figure in found if figure is not None]
    lines = [f"## {figure.file.name}\n\n{figure.caption}\n" for figure in drawn]
    (folder / CAPTIONS).write_text("\n".join(["# Figures\n", *lines]), encoding="utf-8")
    return drawn


def _bars(table: pd.DataFrame, kind: str, folder: Path) -> Drawn:
    """The largest circuits (or genes) of each answer."""
    answers = list(table["answer"].unique())
    columns = min(COLUMNS, len(answers))
    rows = -(-len(answers) // columns)
    told = "circuits" if kind == "pathway" else "genes"
    caption = (
        f"Largest {told} of each answer: mean size of what each adds to the log odds, against the average "
        f"training patient. * is p < {LEVEL} for all parts of the answer together (outcomes permuted within "
        "cancer type); hatched bars are unstable: the members disagree on the sign. What matters to a "
        "model is not thereby a cause."
    )
    with sheet(5.2 * columns, 0.7 + 0.2 + rows * (0.62 + 0.2 * (BARS + 1))) as figure:
        grid = panels(figure, rows, columns)
        for axes, answer in zip(grid, answers, strict=False):
            _draw_bars(axes, table[table["answer"] == answer], str(answer))
        for axes in grid[len(answers) :]:
            axes.set_axis_off()
        figure.supxlabel(
            f"* p < {LEVEL} over all parts; hatched: members disagree on the sign",
            fontsize=8,
            x=0.01,
            ha="left",
        )
        return save(figure, folder, "circuits", caption)


def _draw_bars(axes: Axes, table: pd.DataFrame, answer: str) -> None:
    largest = table[table["rank"] > 0].sort_values("rank").head(BARS)
    rest = table[(table["rank"] == 0) & (table["name"] == "direct")]
    shown = pd.concat([largest, rest])
    named = shown["title"].where(shown["title"] != "", shown["name"]) if "title" in shown else shown["name"]
    labels = [_short(f"{name} ({assay})" if assay else str(name)) for name, assay in _assays(named, shown)]
    own = (shown["rank"] > 0).to_numpy()
    bars = axes.barh(
        np.arange(len(shown)),
        shown["mean_size"].to_numpy(np.float64),
        color=np.where(own, OURS_COLOUR, FAINT),
        height=0.72,
    )
    for bar, unstable in zip(bars, shown["unstable"], strict=True):
        bar.set_hatch("////" if unstable else "")
        bar.set_edgecolor("white" if unstable else "none")
    for place, (size, p) in enumerate(zip(shown["mean_size"], shown["p_adjusted"], strict=True)):
        if p < LEVEL:
            axes.text(size, place, " *", va="center", color=OTHERS[0], fontweight="bold", fontsize=11)
    axes.set_yticks(range(len(shown)), ["direct path" if name == "direct" else name for name in labels])
    axes.set_ylim(max(len(shown), 1) - 0.5, -0.5)
    axes.margins(x=0.08)
    axes.tick_params(axis="y", length=0)
    axes.set_title(answer.replace("_", " ").replace("@", " by day "))
    axes.set_xlabel("mean size, log odds", color=INK)


def _assays(named: pd.Series[str], shown: pd.DataFrame) -> list[tuple[str, str]]:
    assays = shown["assay"] if "title" not in shown else [""] * len(shown)
    return [(str(name), str(assay)) for name, assay in zip(named, assays, strict=True)]


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1].rstrip(' ,')}…"


def _network(tables: Mapping[str, pd.DataFrame], answer: str, folder: Path) -> Drawn | None:
    """The edges whose messages add most to an answer, genes coloured by what each adds where it is raised."""
    table = tables["edge"]
    chosen = table[(table["answer"] == answer) & (table["rank"] > 0)].sort_values("rank").head(EDGES)
    if chosen.empty:
        return None
    edges = [
        Edge(*_ends(str(name)), str(relation), SIGNS[str(name).split(" ")[1]])
        for name, relation in zip(chosen["name"], chosen["relation"], strict=True)
    ]
    genes = sorted({end for edge in edges for end in (edge.source, edge.target)})
    title = f"{answer.replace('@', ' by day ')}: the {len(edges)} edges that add most"
    drawn = assemble("attribution", edges, [("network", gene) for gene in genes], titles={"network": title})
    raised = tables["gene"][tables["gene"]["answer"] == answer].groupby("name")["raised"].sum()
    overlay = {gene: float(raised[gene]) for gene in genes if gene in raised.index}
    file = folder / f"network_{answer}.svg"
    draw_circuit(drawn, "network", file, overlay, "log odds where the gene is raised")
    told = "; ".join(str(name) for name in chosen["name"].head(5))
    caption = (
        f"{title} to the log odds of {answer.replace('@', ' by day ')}; an arrow raises its target, a bar "
        "lowers it. Colour: mean share of a gene, its sign turned where it is below the training mean. The "
        f"first are {told}."
    )
    return Drawn(file, caption)


def _ends(name: str) -> tuple[str, str]:
    source, _, target = name.split(" ")
    return source, target
