"""What moves the answers: the circuits, and a network of the edges behind them, question by question."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from metarisk.explain.movers import Movers
from metarisk.explain.stability import STABLE
from metarisk.report.cohort.general import question_of
from metarisk.report.cohort.told import Told
from metarisk.report.page import Cell, Column, Markup, element, join, section, table
from metarisk.report.page.network import Link, Node, network, network_legend
from metarisk.report.page.push_bar import push_bar
from metarisk.train.figures import OURS

NAME, TITLE = "moves", "What moves the answers"
CIRCUITS, EDGES, SPOKEN = 7, 20, 8  # shown of an answer, and told to those who do not see the figure
QUESTIONS_SHOWN = 24
WEAK = 0.1  # of all that moved an answer: circuits that are less together hardly move it
CLEAR = 0.3  # correlation of a circuit's activity with what it adds, from which it has a direction
TIMES = "\u00d7"
REWIRED = "rewired"
NOT_BIOLOGY = (
    "These are the model's reasons, not biology: what moves an answer is not thereby a cause, a target or a "
    "biomarker, and on the real cohorts that metarisk was tried on, a graph with permuted edges answered as "
    "well."
)
HARDLY = (
    "Circuits hardly move this answer: all of them together are {:.1%} of what does. What follows is the "
    "order among them, and explains little."
)
FEW_MOVED = "No edge moved enough patients' answers by more than rounding to be drawn."
VERBS = {1: "raises", -1: "lowers", 0: "acts on"}
LEGEND = (
    ("raises", "more of the gene raises the answer"),
    ("lowers", "more of it lowers the answer"),
    ("unsure raises", f"under {STABLE:.0%} of the members agree"),
    ("untold", "not measured, or moves too few to tell"),
    ("arrow", "raises its target"),
    ("flat", "lowers its target"),
)
COLUMNS = (
    Column("Circuit"),
    Column(
        "Moves odds by",
        told="Mean factor, up or down, against the average training patient. Hollow bars: the members "
        "disagree on the sign, or the circuit's activity does not tell the direction",
    ),
    Column("Agree", True, "Share of the ensemble's members that agree on the sign, patient by patient"),
    Column(
        "Part",
        True,
        "Its mean size over the sum of all sizes, past the graph too. Circuits partly cancel, so parts add "
        "up to more than what came through the graph in the end",
    ),
)


def moves_section(told: Told) -> Markup:
    """The section, or the sentence that says why there is nothing to tell."""
    movers = told.movers
    if not len(movers.circuits):
        return section(NAME, TITLE, *(element("p", note) for note in movers.notes))
    shown = movers.answers["answer"].head(QUESTIONS_SHOWN)
    asked = [(str(answer), _question(str(answer))) for answer in shown]
    hidden = len(movers.answers) - len(shown)
    return section(
        NAME,
        TITLE,
        element("p", _lead(movers), class_="lead"),
        element("p", NOT_BIOLOGY, _beside_rewired(told.figures), class_="lead"),
        *(element("p", note, class_="lead") for note in movers.notes),
        _chooser(asked, [_panel(movers, answer, question) for answer, question in asked]),
        element("p", f"{hidden} more questions stand in the tables beside this page.") if hidden else "",
    )


def _lead(movers: Movers) -> str:
    drawn = (
        f" The network is drawn from {movers.apart} of them: the {EDGES} edges that move an answer most, "
        "wider the more they do, and their genes, larger the more what was measured of them does."
        if movers.apart
        else ""
    )
    return (
        f"Means over {movers.patients} patients drawn by chance, against the average training patient. A bar "
        "to the right: the more active the circuit, read from its genes and their signs, the higher the "
        f"answer; to the left: the lower.{drawn}"
    )


def _beside_rewired(figures: pd.DataFrame) -> str:
    """How ours and the rewired control did in this run, where there is one."""
    auroc = figures[(figures["metric"] == "auroc") & (figures["stratum"] == "all")]
    mean = auroc.groupby("model")["value"].mean()
    if REWIRED not in mean or OURS not in mean:
        return ""
    return (
        f" In this run: mean AUROC {mean[OURS]:.3f} with these edges, {mean[REWIRED]:.3f} with rewired ones."
    )


def _question(answer: str) -> str:
    endpoint, _, days = answer.partition("@")
    told = question_of(endpoint, float(days) if days else np.nan).removeprefix("site: ")
    return told[:1].upper() + told[1:]


def _chooser(asked: Sequence[tuple[str, str]], panels: Sequence[Markup]) -> Markup:
    """One panel at a time, chosen without a script; on paper all of them."""
    parts = [element("legend", "Question")]
    for place, ((_, question), panel) in enumerate(zip(asked, panels, strict=True)):
        name = f"{NAME}-{place}"
        parts.append(element("input", type="radio", name=NAME, id=name, checked=place == 0))
        parts.append(element("label", question, for_=name))
        parts.append(element("div", panel, class_="panel"))
    return element("fieldset", *parts, class_="chooser")


def _panel(movers: Movers, answer: str, question: str) -> Markup:
    of = {name: rows[rows["answer"] == answer] for name, rows in movers.tables.items()}
    heading, whole = element("h3", question), of["moves_answers"].iloc[0]
    if of["moves_circuits"].empty:
        return join((heading, element("p", "No circuit moved this answer by more than rounding.")))
    past = float(whole["direct_size"]) / _whole(of["moves_circuits"])
    rows = _rows(of["moves_circuits"], float(whole["direct_size"]))
    listed = table(_through(whole), COLUMNS, rows, look="plain")
    if past > 1.0 - WEAK:
        heading = join((heading, element("p", HARDLY.format(1.0 - past))))
    if "moves_edges" not in of or of["moves_edges"].empty:
        few = element("p", FEW_MOVED) if movers.apart else ""
        return join((heading, element("div", listed, few, class_="moved alone")))
    return join((heading, element("div", listed, _drawn(of, question), class_="moved")))


def _through(whole: pd.Series[Any]) -> str:
    share = float(whole["graph_share"])
    return f"{share:.0%} of what moved it came through the graph, {1 - share:.0%} past it"


def _whole(circuits: pd.DataFrame) -> float:
    """Sum of the mean sizes of all circuits and of what came past them: parts are of this sum."""
    first = circuits.iloc[0]
    return float(first["mean_size"]) / float(first["part"])


def _rows(circuits: pd.DataFrame, direct: float) -> Iterator[tuple[Cell | str, ...]]:
    """The largest circuits, and what came past all of them."""
    shown = circuits.head(CIRCUITS)
    longest = float(shown["mean_size"].max())
    for row in shown.to_dict("records"):
        yield (str(row["title"]), _push(row, longest), _agree(row["sign_agreement"]), _part(row["part"]))
    yield (
        Cell(element("em", "past the graph"), "past the graph"),
        Cell(element("span", element("span", class_="push"), _factor(direct), class_="pushed"), direct),
        "",
        "",
    )


def _factor(size: float) -> str:
    """A size in log odds as a factor of the odds, with the digits that tell it from 1."""
    return f"{TIMES} {np.exp(size):.{2 if size >= 0.02 else 4}f}"


def _push(row: Mapping[Hashable, Any], longest: float) -> Cell:
    size, direction = float(row["mean_size"]), float(row["direction"])
    factor = _factor(size)
    clear = abs(direction) >= CLEAR
    way = ("raises" if direction > 0 else "lowers") if clear else "moves both ways, not by its activity,"
    told = (
        f"{row['title']}: more of it {way} the answer, {factor}"
        if clear
        else f"{row['title']}: {way} {factor}"
    )
    sure = clear and not float(row["sign_agreement"]) < STABLE
    bar = push_bar(size if direction > 0 else -size, longest, told, sure=sure)
    return Cell(element("span", bar, factor, class_="pushed", title=told), size)


def _agree(agreement: float) -> Cell:
    return Cell("-" if np.isnan(agreement) else f"{agreement:.0%}", float(agreement))


def _part(part: float) -> Cell:
    return Cell(f"{part:.1%}", float(part))


def _drawn(of: Mapping[str, pd.DataFrame], question: str) -> Markup:
    """The network of one answer, its name, what it holds, and its legend."""
    edges = of["moves_edges"].head(EDGES)
    edges = edges.assign(size=edges["mean_size"] / edges["mean_size"].max())
    names = sorted({*edges["source"], *edges["target"]})
    known = (
        {str(row["gene"]): row for row in of["moves_genes"].to_dict("records")} if "moves_genes" in of else {}
    )
    largest = max((float(row["mean_size"]) for name, row in known.items() if name in names), default=1.0)
    nodes = [_node(name, known.get(name), largest) for name in names]
    links = [_link(row, names) for row in edges.to_dict("records")]
    share = float(edges["mean_size"].sum()) / float(of["moves_answers"]["edges_size"].iloc[0])
    title = f"{question}: the {len(edges)} edges that move it most"
    note = f"{share:.0%} of all that single edges moved. Rest on a gene or an edge to read its size."
    looks = {node.look for node in nodes}
    said = [(look, words) for look, words in LEGEND if look in {"arrow", "flat"} or _shown(look, looks)]
    return element(
        "figure",
        element("figcaption", title),
        element("p", note),
        element("div", network(nodes, links, title, _spoken(links, nodes)), class_="sheet", tabindex=0),
        network_legend(said),
        class_="chart",
    )


def _shown(look: str, looks: set[str]) -> bool:
    return any(each.startswith("unsure") for each in looks) if look.startswith("unsure") else look in looks


def _spoken(links: Sequence[Link], nodes: Sequence[Node]) -> str:
    first = "; ".join(link.told for link in links[:SPOKEN])
    largest = "; ".join(node.told for node in sorted(nodes, key=lambda node: -node.size)[:SPOKEN])
    return f"Largest edges: {first}. Largest genes: {largest}."


def _node(name: str, row: Mapping[Hashable, Any] | None, largest: float) -> Node:
    if row is None:
        return Node(name, 0.0, "untold", f"{name}: not measured, or it moves too few patients to tell")
    size, agreement = float(row["mean_size"]), float(row["sign_agreement"])
    way = "raises" if float(row["raised"]) > 0 else "lowers"
    told = f"{name}: more of it {way} the answer, {_size(size, agreement)}"
    return Node(name, size / largest, f"unsure {way}" if agreement < STABLE else way, told)


def _link(row: Mapping[Hashable, Any], names: Sequence[str]) -> Link:
    source, target, sign = str(row["source"]), str(row["target"]), int(row["sign"])
    relation, title = str(row["relation"]).replace("_", " "), str(row["title"])
    told = f"{source} {VERBS[sign]} {target} ({relation}{f'; {title}' if title else ''})"
    told = f"{told}: {_size(float(row['mean_size']), float(row['sign_agreement']))}"
    return Link(names.index(source), names.index(target), sign, float(row["size"]), title, told)


def _size(size: float, agreement: float) -> str:
    agree = "" if np.isnan(agreement) else f", {agreement:.0%} of the members agree"
    return f"odds {TIMES} {np.exp(size):.{3 if size >= 0.002 else 5}f}{agree}"
