"""The figures of a training run, and the sentences that go with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from metarisk.files import placed
from metarisk.report.plots.decision import draw_decisions
from metarisk.report.plots.discrimination import Target, draw_target
from metarisk.report.plots.forest import draw_forest
from metarisk.report.plots.incidence import Incidence, draw_incidence
from metarisk.report.plots.ink import Drawn
from metarisk.report.plots.learning import draw_learning
from metarisk.schema.endpoints import event_column, time_column
from metarisk.train.figures import EVER, OURS, Answers, judged_by
from metarisk.train.fit import Epoch
from metarisk.train.judgement import Judgement

__all__ = ["CAPTIONS", "Drawn", "draw_training", "write_captions"]

CAPTIONS = "captions.md"


def draw_training(
    out: Path,
    *,
    curves: Mapping[str, Sequence[Epoch]],
    answers: Mapping[str, Answers],
    endpoints: pd.DataFrame,
    judgement: Judgement,
) -> list[Drawn]:
    """Learning curves, AUROC of all models, each target on the held-out patients, and decision curves.

    Parameters
    ----------
    out
        Folder of the figures and their ``captions.md``; one that stands there is replaced.
    curves
        Network -> its epochs.
    answers
        Model -> question -> probability of each held-out sample, shape (N,); ours first.
    endpoints
        What happened to the held-out samples, N rows.
    judgement
        Held-out figures, subgroups and decisions.

    Raises
    ------
    OutputError
        If the folder holds something else, or cannot be written.
    """
    figures = judgement.figures
    with placed(out, overwrite=True, marker=CAPTIONS) as draft:
        found = (
            draw_learning(curves, draft),
            draw_forest(figures, draft),
            *(draw_target(target, figures, draft) for target in _targets(answers, endpoints)),
            *(draw_incidence(dated, draft) for dated in _dated(answers, endpoints)),
            draw_decisions(judgement.decisions, draft),
        )
        drawn = [figure for figure in found if figure is not None]
        write_captions(drawn, draft)
    return [Drawn(out / figure.file.name, figure.caption) for figure in drawn]


def write_captions(drawn: Sequence[Drawn], folder: Path) -> None:
    """Write ``captions.md``: what each figure shows, in words."""
    lines = [f"## {figure.file.name}\n\n{figure.caption}\n" for figure in drawn]
    (folder / CAPTIONS).write_text("\n".join(["# Figures\n", *lines]), encoding="utf-8")


def _targets(answers: Mapping[str, Answers], endpoints: pd.DataFrame) -> Iterator[Target]:
    """Yes / no targets with two patients or more on each side, as the figures have them."""
    for question in answers[OURS]:
        if question.horizon_days != EVER:
            continue
        judged = judged_by(endpoints, question, endpoints)
        if min((judged.label == 1).sum(), (judged.label == 0).sum()) >= 2:
            known = {model: said[question] for model, said in answers.items() if question in said}
            yield Target(question, judged, {model: said[judged.rows] for model, said in known.items()})


def _dated(answers: Mapping[str, Answers], endpoints: pd.DataFrame) -> Iterator[Incidence]:
    """Dated endpoints with the horizons that ours answers."""
    ours = answers[OURS]
    for name in dict.fromkeys(question.endpoint for question in ours if question.horizon_days != EVER):
        columns = [time_column(name), event_column(name)]
        follow_up = endpoints.reindex(columns=columns).to_numpy(np.float64)
        rows = np.flatnonzero(~np.isnan(follow_up).any(axis=1))
        predicted = {
            question.horizon_days: ours[question][rows]
            for question in ours
            if question.endpoint == name and question.horizon_days != EVER
        }
        if len(rows):
            yield Incidence(name, follow_up[rows, 0], follow_up[rows, 1], predicted)
