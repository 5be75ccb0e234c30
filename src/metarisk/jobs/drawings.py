"""What a training run shows beside its numbers: figures and the model card."""

from __future__ import annotations

from collections.abc import Mapping
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


def tell_report(run: Run, trained: Trained, curves: Curves, heading: Mapping[str, str], folder: Path) -> Path:
    """Write the page of a finished training, and tell its run of it.

    Parameters
    ----------
    run
        Gets ``report.html``.
    trained
        As for `tell_drawings`; its bundle as it was saved.
    curves
        Network -> its epochs.
    heading
        What the tables rest on.
    folder
        Where the page and the files beside it go; earlier ones are replaced.
    """
    from metarisk.jobs.cohort_report import PAGE, Judgements, write_report
    from metarisk.train.held_out import HeldOut
    from metarisk.train.judgement import Judgement

    test, section = trained.test, trained.bundle.experiment.evaluation
    page = write_report(
        Judgements(
            bundle=trained.bundle,
            samples=test,
            held_out=HeldOut(test.endpoints, trained.training_endpoints, test.clinical, section),
            models=trained.answers,
            judgement=Judgement(trained.figures, trained.subgroups, trained.decisions),
            heading=heading,
            notes=trained.notes,
            learning=curves,
            training=True,
        ),
        folder,
    )
    run.text(PAGE, page.read_text(encoding="utf-8"))
    return page
