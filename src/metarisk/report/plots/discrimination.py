"""Each yes / no target on the held-out patients: who is told apart, and whether the probabilities hold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from metarisk.metrics.calibration import reliability, wilson
from metarisk.report.plots.ink import BAND, FAINT, OURS_COLOUR, Drawn, look, panels, save, sheet
from metarisk.report.tables import question_text
from metarisk.train.figures import OURS, Judged, Question

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BINS, BIN_SIZE = 8, 20

DoubleArray = NDArray[np.float64]


class Target(NamedTuple):
    """A question with what the models answered, ours first.

    Attributes
    ----------
    question
        Which one.
    judged
        Patients that know the answer.
    answers
        Model -> probability of these patients, shape (n,).
    """

    question: Question
    judged: Judged
    answers: Mapping[str, DoubleArray]


def draw_target(target: Target, figures: pd.DataFrame, folder: Path) -> Drawn:
    """ROC curves of all models beside the reliability of ours.

    Parameters
    ----------
    target
        A yes / no target with at least two patients on each side.
    figures
        Held-out figures, whose AUROC stands in the legend.
    folder
        Where ``held_out_<endpoint>.png`` goes.
    """
    label = target.judged.label
    aurocs = _aurocs(figures, target.question.endpoint)
    name = target.question.endpoint
    with sheet(8.0, 3.9) as figure:
        left, right = panels(figure, 1, 2)
        _draw_roc(left, target, aurocs)
        worst = _draw_reliability(right, target.answers[OURS], label)
        shown = question_text(name, np.nan, "all")
        figure.suptitle(
            f"{shown}: {len(label)} held-out samples, {int(label.sum())} with it",
            x=0.01,
            ha="left",
            weight="bold",
        )
        listed = "; ".join(f"{model} {text}" for model, text in aurocs.items())
        caption = (
            f"{shown}, {len(label)} held-out samples, {int(label.sum())} with it. Left: receiver operating "
            f"characteristic; AUROC with patient bootstrap 95 % interval: {listed}. Right: reliability of "
            f"{OURS} in bins of equal count with Wilson 95 % intervals, the diagonal is perfect; the largest "
            f"gap is {worst:.2f}; bars show how many have which probability."
        )
        return save(figure, folder, f"held_out_{name}", caption)


def _draw_roc(axes: Axes, target: Target, aurocs: Mapping[str, str]) -> None:
    axes.plot([0, 1], [0, 1], color=FAINT, lw=0.8)
    for place, (model, answer) in enumerate(target.answers.items()):
        shown = look(place)
        wrong, right, _ = roc_curve(target.judged.label, answer)
        text = f"{model.replace('_', ' ')} {aurocs.get(model, '')}"
        axes.plot(
            wrong, right, color=shown.colour, ls=shown.dashes, lw=2.0 if place == 0 else 1.2, label=text
        )
    axes.set(title="ROC", xlabel="1 - specificity", ylabel="sensitivity")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.legend(loc="lower right", handlelength=2.4, title="AUROC [95 %]", title_fontsize=8, alignment="left")


def _draw_reliability(axes: Axes, answer: DoubleArray, label: DoubleArray) -> float:
    """Draw ours, and give the largest gap between predicted and observed."""
    curve = reliability(answer, label, bins=int(np.clip(len(label) // BIN_SIZE, 2, MOST_BINS)))
    events = curve.observed * curve.n
    lower, upper = wilson(events, curve.n.astype(np.float64))
    most = min(1.0, 1.08 * max(upper.max(), answer.max()))
    counts, edges = np.histogram(answer, bins=30, range=(0, most))
    axes.bar(edges[:-1], 0.14 * most * counts / counts.max(), np.diff(edges), align="edge", color=BAND)
    axes.plot([0, most], [0, most], color=FAINT, lw=0.8)
    errors = np.stack([curve.observed - lower, upper - curve.observed]).clip(min=0.0)
    axes.errorbar(
        curve.predicted, curve.observed, errors, fmt="o", color=OURS_COLOUR, ms=5, lw=1.2, capsize=2
    )
    axes.set(title="reliability", xlabel="predicted", ylabel="observed share")
    axes.set(xlim=(0, most), ylim=(0, most), aspect="equal")
    return float(np.abs(curve.predicted - curve.observed).max())


def _aurocs(figures: pd.DataFrame, endpoint: str) -> dict[str, str]:
    rows = figures[
        (figures["metric"] == "auroc")
        & (figures["endpoint"] == endpoint)
        & (figures["stratum"] == "all")
        & figures["horizon_days"].isna()
    ]
    return {
        row["model"]: f"{row['value']:.2f} [{row['lower']:.2f}-{row['upper']:.2f}]"
        for row in rows.to_dict("records")
    }
