"""What a training run shows beside its numbers: figures and the model card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from metarisk.files import check_free

if TYPE_CHECKING:
    from metarisk.tracking.run import Run
    from metarisk.train.fit import Epoch
    from metarisk.train.run import Trained

DRAWN, CAPTIONS, CARD = "figures", "captions.md", "card.md"

Curves = dict[str, "list[Epoch]"]


def check_drawings(folder: Path) -> None:
    """Refuse, before the work, a folder that holds anything but earlier figures; raises `OutputError`."""
    check_free(folder, overwrite=True, marker=CAPTIONS)


def tell_drawings(run: Run, trained: Trained, curves: Curves, folder: Path) -> None:
    """Draw a finished training into a folder, and tell its run of that and of the model.

    Parameters
    ----------
    run
        Gets ``figures/`` and ``card.md``.
    trained
        The model, its answers for the held-out samples and their figures.
    curves
        Network -> its epochs.
    folder
        Where the figures go; earlier ones are replaced.
    """
    from metarisk.report.plots import draw_training
    from metarisk.train.judgement import Judgement

    draw_training(
        folder,
        curves=curves,
        answers=trained.answers,
        endpoints=trained.test.endpoints,
        judgement=Judgement(trained.figures, trained.subgroups, trained.decisions),
    )
    run.folder(folder, DRAWN)
    run.text(CARD, trained.bundle.card)
