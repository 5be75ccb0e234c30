"""The same fit on a GPU, where there is one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from metarisk.train.checkpoint import CheckpointFile
from metarisk.train.fit import Epoch, FoldRows
from metarisk.train.samples import to_device

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def on_gpu(made: Any) -> Any:
    training_set = made.training_set
    return replace(made, data=to_device(training_set.batch, training_set.targets, torch.device("cuda")))


@pytest.fixture(scope="module")
def plain(make: Any) -> Any:
    settings = {"network": {"dropout": 0.0}, "training": {"assay_dropout": 0.0}}
    return on_gpu(make.all_of(make.experiment(**settings)))


def losses(made: Any, rows: FoldRows, **training: Any) -> list[float]:
    told: list[Epoch] = []
    made.fit(rows, on_epoch=told.append, **training)
    return [epoch.valid_loss for epoch in told]


def test_a_gpu_reaches_the_losses_of_the_processor(plain: Any, make: Any, halves: FoldRows) -> None:
    training_set = plain.training_set
    host = replace(plain, data=to_device(training_set.batch, training_set.targets, torch.device("cpu")))
    assert losses(plain, halves, epochs=3) == pytest.approx(losses(host, halves, epochs=3), abs=1e-3)


def test_bf16_reaches_nearly_the_same_loss_on_a_gpu(plain: Any, halves: FoldRows) -> None:
    full, half = (losses(plain, halves, epochs=12, precision=name) for name in ("float32", "bf16"))
    assert min(half) == pytest.approx(min(full), rel=0.01)
    assert half != full


def test_a_fit_with_dropout_goes_on_from_its_checkpoint_on_a_gpu(
    ready: Any, halves: FoldRows, tmp_path: Path
) -> None:
    made = on_gpu(ready)
    expected = losses(made, halves, epochs=4)
    rows = halves._replace(checkpoint=CheckpointFile(tmp_path / "ours" / "member-0.safetensors", "job"))

    def cut_off(epoch: Epoch) -> None:
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made.fit(rows, on_epoch=cut_off, epochs=4)
    assert losses(made, rows, epochs=4) == pytest.approx(expected, abs=1e-5)


def test_a_gpu_whose_memory_is_short_ends_with_the_same_loss(
    make: Any, halves: FoldRows, caplog: pytest.LogCaptureFixture
) -> None:
    """A real allocation fails: the process may have little more than half of what a minibatch needs."""
    settings = {"network": {"dropout": 0.0, "width": 512}, "training": {"assay_dropout": 0.0}}
    made = on_gpu(make.all_of(make.experiment(**settings)))
    torch.cuda.empty_cache()
    before = torch.cuda.memory_reserved()
    expected = losses(made, halves, epochs=2, batch_size=160)
    needs = torch.cuda.max_memory_reserved() - before
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 0.7 * needs) / total)
    try:
        found = losses(made, halves, epochs=2, batch_size=160)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "memory ran out over 160 samples at once" in caplog.text
    assert found == pytest.approx(expected, abs=1e-4)
