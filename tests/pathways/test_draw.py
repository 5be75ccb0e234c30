"""Circuits become figures whose marks mean what the legend says."""

from __future__ import annotations

from pathlib import Path

import pytest

from metarisk.errors import OutputError, TopologyError
from metarisk.pathways import Topology, curated_pairs, curated_topology
from metarisk.pathways.draw import LINES, RELATIONS, circuit_figure, draw_circuit


def texts(figure: object) -> set[str]:
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    assert isinstance(figure, Figure)
    return {text.get_text() for text in figure.findobj(Text) if isinstance(text, Text)}


def test_every_gene_and_the_title_are_written(small: Topology) -> None:
    found = texts(circuit_figure(small, "emt"))
    assert {"SNAI1", "ZEB1", "CDH1", "Core EMT"} <= found
    assert {"transcription", "lowers"} <= found
    assert not {"raises", "phosphorylation"} & found  # no such edge in this circuit


def test_a_family_is_drawn_with_the_genes_below_it(small: Topology) -> None:
    found = texts(circuit_figure(small, "family:plasticity"))
    assert {"SNAI1", "TGFB1", "sign not known", "raises"} <= found


def test_only_the_pairs_asked_for_are_drawn(small: Topology) -> None:
    found = texts(circuit_figure(small, "family:plasticity", only={("SMAD3", "SNAI1")}))
    assert "lowers" not in found
    assert "raises" in found


def test_every_relation_has_a_line_of_its_own() -> None:
    assert set(LINES) == set(RELATIONS)
    assert len({colour for colour, _ in LINES.values()}) == len(RELATIONS)


def test_an_overlay_is_named_and_missing_genes_are_explained(small: Topology) -> None:
    found = texts(circuit_figure(small, "emt", {"SNAI1": 3.0, "CDH1": -1.0}, "attribution"))
    assert {"attribution", "no value"} <= found


def test_genes_with_higher_numbers_are_darker(small: Topology) -> None:
    from matplotlib.colors import to_rgb
    from matplotlib.patches import FancyBboxPatch

    figure = circuit_figure(small, "emt", {"CDH1": 1.0, "SNAI1": 10.0, "ZEB1": 5.0}, "altered samples (%)")
    boxes = [patch for patch in figure.findobj(FancyBboxPatch) if isinstance(patch, FancyBboxPatch)]
    light = [sum(to_rgb(box.get_facecolor())) for box in boxes]  # CDH1, SNAI1, ZEB1
    assert light[0] > light[2] > light[1]


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_a_figure_is_written(small: Topology, tmp_path: Path, suffix: str) -> None:
    path = draw_circuit(small, "emt", tmp_path / f"emt.{suffix}")
    assert path.stat().st_size > 2000


def test_boxes_of_a_large_circuit_do_not_overlap() -> None:
    from matplotlib.patches import FancyBboxPatch

    figure = circuit_figure(curated_topology(), "emt_core", only=curated_pairs("emt_core"))
    boxes = [
        (patch.get_x(), patch.get_y(), patch.get_width(), patch.get_height())
        for patch in figure.axes[0].patches
        if isinstance(patch, FancyBboxPatch)
    ]
    assert len(boxes) == len(curated_topology().members("emt_core"))
    for index, (x, y, width, _) in enumerate(boxes):
        for other_x, other_y, other_width, _ in boxes[:index]:
            apart = x >= other_x + other_width + 0.1 or other_x >= x + width + 0.1
            assert abs(y - other_y) > 0.5 or apart


def test_an_unknown_circuit_or_an_empty_one_is_refused(small: Topology, tmp_path: Path) -> None:
    with pytest.raises(TopologyError, match="has no pathway 'emd'"):
        draw_circuit(small, "emd", tmp_path / "x.png")
    from metarisk.pathways import assemble

    with pytest.raises(TopologyError, match="pathway 'leaf' has no genes"):
        draw_circuit(assemble("t", [], [("p", "A")], parents=[("leaf", "p")]), "leaf", tmp_path / "x.png")


def test_an_unknown_kind_of_file_is_refused(small: Topology, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"emt\.docx: the figure could not be written"):
        draw_circuit(small, "emt", tmp_path / "emt.docx")
