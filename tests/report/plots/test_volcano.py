"""The volcano: names that do not lie on each other, both formats, and nothing where nothing was tested."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from metarisk.report.perturbed import HEADER, strongest_rows
from metarisk.report.plots.ink import panels, sheet
from metarisk.report.plots.volcano import _Label, draw_volcano, place_labels


def made_screen(genes: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    parts = []
    for endpoint, horizon in (("site.bone", np.nan), ("metastasis", 365.0), ("response", np.nan)):
        shift = rng.normal(size=genes)
        parts.append(
            pd.DataFrame(
                {
                    "kind": "gene",
                    "perturbation": [f"GENE{at}" for at in range(genes)],
                    "title": [f"knock-out of GENE{at}" for at in range(genes)],
                    "endpoint": endpoint,
                    "horizon_days": horizon,
                    "change": shift / 10,
                    **{f"change_{end}": shift / 10 for end in ("fit_lower", "fit_upper")},
                    **{f"change_{end}": np.nan for end in ("patients_lower", "patients_upper")},
                    "log_odds_change": shift,
                    "graph_share": 0.9,
                    "q": np.clip(10.0 ** -np.abs(3 * shift), 0, 1),
                    "rank": pd.Series(-np.abs(shift)).rank(),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def test_a_volcano_is_written_as_png_and_svg_with_its_caption(tmp_path: Path) -> None:
    drawn = draw_volcano(made_screen(300), tmp_path, "gene")
    assert drawn is not None
    assert (tmp_path / "volcano_gene.png").stat().st_size > 20_000
    svg = (tmp_path / "volcano_gene.svg").read_text()
    assert "<text" in svg
    assert "site: bone" in drawn.caption
    assert "no experiment" in drawn.caption
    first = (tmp_path / "volcano_gene.svg").read_bytes()
    draw_volcano(made_screen(300), tmp_path, "gene")
    assert (tmp_path / "volcano_gene.svg").read_bytes() == first


def test_no_volcano_of_a_few_marks_or_of_none_that_was_tested(tmp_path: Path) -> None:
    assert draw_volcano(made_screen(5), tmp_path, "gene") is None
    assert draw_volcano(made_screen(50).assign(q=np.nan), tmp_path, "gene") is None
    assert draw_volcano(made_screen(50), tmp_path, "circuit") is None
    assert not list(tmp_path.iterdir())


def test_names_do_not_overlap_even_where_marks_crowd() -> None:
    rng = np.random.default_rng(1)
    labels = [_Label(float(x), float(y), f"GENE{at}") for at, (x, y) in enumerate(rng.normal(0, 0.8, (8, 2)))]
    with sheet(4.0, 3.0) as figure:
        axes = panels(figure, 1, 1)[0]
        axes.scatter([one.x for one in labels], [one.y for one in labels])
        axes.set(xlim=(-3, 3), ylim=(-3, 3))
        written = place_labels(figure, axes, labels)
        boxes = [text.get_window_extent() for text in axes.texts]
    assert len(written) == len(boxes) >= 6
    assert not any(one.overlaps(two) for one, two in combinations(boxes, 2))


def test_the_strongest_rows_are_the_first_of_each_question() -> None:
    screen = made_screen(20)
    header, rows = strongest_rows(screen, 6)
    told = list(rows)
    assert header == HEADER
    assert [row[0] for row in told] == [
        *["site: bone"] * 2,
        *["metastasis by 1 y"] * 2,
        *["response"] * 2,
    ]
    assert [row[-1] for row in told] == ["1", "2"] * 3
    assert {row[4] for row in told} == {"-"}
