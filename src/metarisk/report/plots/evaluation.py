"""The figures of `metarisk evaluate`: calibration, decisions and subgroups on a cohort."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from metarisk.report.plots import write_captions
from metarisk.report.plots.calibration import draw_calibration
from metarisk.report.plots.decision import draw_decisions
from metarisk.report.plots.forest import draw_forest
from metarisk.report.plots.ink import Drawn
from metarisk.report.plots.subgroups import draw_subgroups
from metarisk.train.held_out import Asked
from metarisk.train.judgement import Judgement


def draw_evaluation(folder: Path, asked: Sequence[Asked], judgement: Judgement) -> list[Drawn]:
    """Draw into a folder, with a caption each.

    Parameters
    ----------
    folder
        Where the PNG files and ``captions.md`` go.
    asked
        Questions and answers of the judged samples.
    judgement
        Its figures with those of `metarisk.train.probability_figures`.
    """
    found = (
        draw_forest(judgement.figures, folder),
        draw_calibration(asked, judgement.figures, folder),
        draw_decisions(judgement.decisions, folder),
        *draw_subgroups(judgement.subgroups, folder),
    )
    drawn = [figure for figure in found if figure is not None]
    write_captions(drawn, folder)
    return drawn
