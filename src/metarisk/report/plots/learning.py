"""Learning curves: what each member's losses did, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from metarisk.report.plots.ink import FAINT, OURS_COLOUR, Drawn, save, sheet
from metarisk.train.fit import Epoch

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Members = Mapping[int, Sequence[Epoch]]


def draw_learning(curves: Mapping[str, Sequence[Epoch]], folder: Path) -> Drawn | None:
    """A column a network, a line a member: held-out loss above, training loss below; None without epochs.

    Parameters
    ----------
    curves
        Model -> its epochs, in the order they were told.
    folder
        Where ``learning_curves.png`` goes.
    """
    fitted = {model: by_member(epochs) for model, epochs in curves.items() if epochs}
    if not fitted:
        return None
    with sheet(max(3.4 * len(fitted), 4.6), 4.6) as figure:
        grid = figure.subplots(2, len(fitted), squeeze=False, sharey="row", sharex="col")
        for column, (model, members) in enumerate(fitted.items()):
            held_out, training = grid[0, column], grid[1, column]
            _draw_held_out(held_out, members)
            _draw_training(training, members)
            held_out.set_title(model.replace("_", " "))
            training.set_xlabel("epoch")
        grid[0, 0].set_ylabel("held-out loss (nats)")
        grid[1, 0].set_ylabel("training loss (nats)")
        return save(figure, folder, "learning_curves", _caption(fitted))


def by_member(epochs: Sequence[Epoch]) -> dict[int, list[Epoch]]:
    """Epochs of each member, in their order."""
    members: dict[int, list[Epoch]] = {}
    for epoch in epochs:
        members.setdefault(epoch.member, []).append(epoch)
    return members


def kept_epoch(epochs: Sequence[Epoch]) -> Epoch:
    """The epoch whose weights a member keeps: the last that was better than all before it."""
    return next((epoch for epoch in reversed(epochs) if epoch.best), epochs[-1])


def _draw_held_out(axes: Axes, members: Members) -> None:
    for epochs in members.values():
        axes.plot(_numbers(epochs), [e.valid_loss for e in epochs], color=OURS_COLOUR, lw=1.2)
        best = kept_epoch(epochs)
        axes.plot(best.epoch + 1, best.valid_loss, "o", color=OURS_COLOUR, ms=6, mec="white", zorder=3)


def _draw_training(axes: Axes, members: Members) -> None:
    for epochs in members.values():
        axes.plot(_numbers(epochs), [e.train_loss for e in epochs], color=FAINT, lw=1.0)
        axes.axvline(kept_epoch(epochs).epoch + 1, color=OURS_COLOUR, lw=0.8, ls=(0, (1, 2)))
    axes.set_xlim(left=0)
    axes.locator_params(axis="x", integer=True)


def _numbers(epochs: Sequence[Epoch]) -> list[int]:
    return [epoch.epoch + 1 for epoch in epochs]


def _caption(fitted: Mapping[str, Members]) -> str:
    told = []
    for model, members in fitted.items():
        kept = [kept_epoch(epochs) for epochs in members.values()]
        numbers, losses = _numbers(kept), [epoch.valid_loss for epoch in kept]
        told.append(
            f"{model}: {len(members)} members, epochs {min(numbers)} to {max(numbers)} kept, "
            f"held-out loss {min(losses):.3f} to {max(losses):.3f}"
        )
    return (
        "Learning curves, a line a member, losses in nats a sample, mean of the tasks. Above: on the fold "
        "that the member did not learn from; the dot is the epoch whose weights are kept. Below: on the "
        "training samples, with assays and units dropped, so the two heights do not compare; dotted lines "
        f"stand at the epochs kept. {'; '.join(told)}."
    )
