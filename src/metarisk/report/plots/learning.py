"""Learning curves: what each member's losses did, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from metarisk.report.plots.ink import FAINT, OURS_COLOUR, Drawn, panels, save, sheet
from metarisk.train.fit import Epoch

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_learning(curves: Mapping[str, Sequence[Epoch]], folder: Path) -> Drawn | None:
    """A panel a network, a pair of lines a member; None where nothing was fitted in epochs.

    Parameters
    ----------
    curves
        Model -> its epochs, in the order they were told.
    folder
        Where ``learning_curves.png`` goes.
    """
    fitted = {model: _by_member(epochs) for model, epochs in curves.items() if epochs}
    if not fitted:
        return None
    with sheet(max(3.4 * len(fitted), 4.6), 3.3) as figure:
        for axes, (model, members) in zip(
            panels(figure, 1, len(fitted), sharey=True), fitted.items(), strict=True
        ):
            for epochs in members.values():
                _draw_member(axes, epochs)
            axes.set(title=model.replace("_", " "), xlabel="epoch")
        first = figure.axes[0]
        first.set_ylabel("loss (nats a sample, mean of tasks)")
        figure.legend(*_one_of_each(first), loc="outside lower center", ncols=3)
        return save(figure, folder, "learning_curves", _caption(fitted))


def _draw_member(axes: Axes, epochs: Sequence[Epoch]) -> None:
    number = [epoch.epoch + 1 for epoch in epochs]
    axes.plot(number, [epoch.train_loss for epoch in epochs], "--", color=FAINT, lw=1, label="training")
    axes.plot(
        number, [epoch.valid_loss for epoch in epochs], color=OURS_COLOUR, lw=1.2, label="held-out fold"
    )
    kept = [epoch for epoch in epochs if epoch.best][-1:]
    axes.plot(
        [epoch.epoch + 1 for epoch in kept],
        [epoch.valid_loss for epoch in kept],
        "o",
        color=OURS_COLOUR,
        ms=5.5,
        mec="white",
        label="epoch kept",
        zorder=3,
    )
    axes.xaxis.get_major_locator().set_params(integer=True)


def _one_of_each(axes: Axes) -> tuple[list[object], list[str]]:
    """Handles and labels without repeats."""
    seen = {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    return list(seen.values()), list(seen)


def _by_member(epochs: Sequence[Epoch]) -> dict[int, list[Epoch]]:
    members: dict[int, list[Epoch]] = {}
    for epoch in epochs:
        members.setdefault(epoch.member, []).append(epoch)
    return members


def _caption(fitted: Mapping[str, Mapping[int, Sequence[Epoch]]]) -> str:
    told = []
    for model, members in fitted.items():
        kept = [next((e for e in reversed(epochs) if e.best), epochs[-1]) for epochs in members.values()]
        numbers, losses = [e.epoch + 1 for e in kept], [e.valid_loss for e in kept]
        told.append(
            f"{model}: {len(members)} members, epochs {min(numbers)} to {max(numbers)} kept, "
            f"held-out loss {min(losses):.3f} to {max(losses):.3f}"
        )
    return (
        "Learning curves. Dashed grey: training loss, with dropout of assays and units and so not comparable "
        "in height; blue: loss on the fold that the member did not learn from; dot: the epoch whose weights "
        f"are kept. {'; '.join(told)}."
    )
