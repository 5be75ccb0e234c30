"""What a training run shows beside its numbers: figures, the model card, how much the graph gave."""

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
        Gets ``figures/``, ``card.md`` and one metric ``graph_share/<endpoint>`` an endpoint.
    trained
        The model, its answers for the held-out samples and their figures.
    curves
        Network -> its epochs.
    folder
        Where the figures go; earlier ones are replaced.
    """
    from metarisk.report.plots import draw_training

    draw_training(
        folder,
        curves=curves,
        answers=trained.answers,
        endpoints=trained.test.endpoints,
        figures=trained.figures,
    )
    run.folder(folder, DRAWN)
    run.text(CARD, trained.bundle.card)
    shares = graph_shares(trained)
    run.metrics({f"graph_share/{endpoint}": share for endpoint, share in shares.items()}, step=0)


def graph_shares(trained: Trained) -> dict[str, float]:
    """Share of each endpoint's answer that came through the graph, 0 .. 1, mean over the held-out samples.

    Of a dated endpoint it is that of the level of its first cause.
    """
    from metarisk.models.graph_share import graph_share

    ensemble = trained.bundle.ensemble
    raw = ensemble.answers(trained.bundle.transform.apply(trained.test))
    bias = [member.bias.detach().cpu().numpy() for member in ensemble.networks]
    mean = graph_share(raw["outputs"], raw["graph"], bias).mean(axis=0)
    layout = ensemble.plan.layout
    column = {name: number for number, name in enumerate(layout.binary)}
    column |= {name: layout.columns(name).start for name in layout.timed}
    return {name: float(mean[number]) for name, number in column.items()}
