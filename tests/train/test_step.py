"""A step is the same however it is cut, and goes on where memory runs out."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
import torch

from metarisk.errors import ResourceError
from metarisk.models.network import Network
from metarisk.train.fit import Epoch, FoldRows
from metarisk.train.objective import task_losses
from metarisk.train.processes import Team
from metarisk.train.step import share_of


@pytest.fixture(scope="module")
def plain(make: Any) -> Any:
    """Without dropout, where the cut must not show; many labels unknown, so that pieces count unequally."""
    ready = make.all_of(make.experiment(network={"dropout": 0.0}, training={"assay_dropout": 0.3}))
    binary = ready.data.binary.clone()
    binary[torch.rand(binary.shape, generator=torch.Generator().manual_seed(1)) < 0.4] = torch.nan
    binary[:60, 0] = torch.nan
    return replace(ready, data=ready.data._replace(binary=binary))


def refuse_more_than(most: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the network run out of memory over more rows than that; returns how many it was asked for."""
    asked: list[int] = []
    forward = Network.forward

    def refusing(network: Network, assays: Any, flat: torch.Tensor) -> Any:
        asked.append(len(flat))
        if len(flat) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return forward(network, assays, flat)

    monkeypatch.setattr(Network, "forward", refusing)
    return asked


def distance(one: Network, other: Network) -> float:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return max(float((a - b).abs().max()) for a, b in pairs)


def test_a_fit_that_runs_out_of_memory_ends_with_the_same_weights(
    plain: Any, halves: FoldRows, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole_told: list[Epoch] = []
    whole = plain.fit(halves, on_epoch=whole_told.append, epochs=1)
    asked = refuse_more_than(9, monkeypatch)
    told: list[Epoch] = []
    halved = plain.fit(halves, on_epoch=told.append, epochs=1)
    assert distance(whole, halved) < 1e-6
    assert told[0].train_loss == pytest.approx(whole_told[0].train_loss, abs=1e-6)
    assert told[0].valid_loss == pytest.approx(whole_told[0].valid_loss, abs=1e-6)
    assert asked[:6] == [32, 16, 8, 8, 8, 8]
    assert asked.count(32) == 1  # the next steps begin with what fits
    said = [record.getMessage() for record in caplog.records if "memory ran out" in record.getMessage()]
    assert said[:2] == [
        "memory ran out over 32 samples at once; going on with 16",
        "memory ran out over 16 samples at once; going on with 8",
    ]
    assert len(said) == len(set(said))


def test_with_dropout_a_fit_that_ran_out_of_memory_is_still_the_same_each_time(
    ready: Any, halves: FoldRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_more_than(16, monkeypatch)
    assert distance(ready.fit(halves, epochs=2), ready.fit(halves, epochs=2)) == 0.0


def test_a_single_sample_that_does_not_fit_ends_the_fit_in_words(
    plain: Any, halves: FoldRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_more_than(0, monkeypatch)
    with pytest.raises(ResourceError, match="memory ran out over a single sample"):
        plain.fit(halves)


def test_shares_of_a_team_cover_a_minibatch_once() -> None:
    for size in (1, 2, 3, 5):
        for n in (1, 2, 7, 32):
            shares = [share_of(n, Team(rank, size)) for rank in range(size)]
            assert [row for share in shares for row in range(*share)] == list(range(n))


def test_bf16_reaches_nearly_the_same_loss(plain: Any, halves: FoldRows) -> None:
    losses = {}
    for precision in ("float32", "bf16"):
        told: list[Epoch] = []
        network = plain.fit(halves, on_epoch=told.append, epochs=8, precision=precision)
        losses[precision] = [epoch.valid_loss for epoch in told]
        assert all(value.dtype == torch.float32 for value in network.state_dict().values())
    assert min(losses["bf16"]) == pytest.approx(min(losses["float32"]), rel=0.01)
    assert losses["bf16"] != losses["float32"]  # or nothing was tested
    assert losses["bf16"][-1] < losses["bf16"][0]


def test_in_bf16_outputs_hazards_and_losses_are_float32(plain: Any) -> None:
    network = Network(plain.plan, plain.topology)
    seen = []
    network.graph.head.register_forward_hook(lambda module, given, out: seen.append(out.dtype))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        answer = network(plain.data.assays, plain.data.flat)
        assert network.hazard_logits(answer.outputs, "metastasis").dtype == torch.float32
        assert task_losses(network, plain.data).dtype == torch.float32
    assert answer.outputs.dtype == torch.float32
    assert set(seen) == {torch.bfloat16}


@pytest.mark.slow
def test_a_fit_goes_on_where_the_system_refuses_memory() -> None:
    """A real allocation fails: the process may map little more than half a minibatch needs."""
    ended = subprocess.run(
        [sys.executable, "-c", STARVED],
        capture_output=True,
        text=True,
        check=True,
        env={"OMP_NUM_THREADS": "1", "PYTHONPATH": ":".join(sys.path)},
    )
    assert "memory ran out over 640 samples at once; going on with 320" in ended.stderr
    assert float(ended.stdout) < 1e-6


STARVED = """
import logging, re, resource
import numpy as np
import torch
from metarisk.config import Experiment
from metarisk.models.planning import fit_flat, plan_network
from metarisk.pathways.curated import curated_topology
from metarisk.simulate import simulate
from metarisk.train.fit import FoldRows, fit_member
from metarisk.train.members import TrainingSet
from metarisk.train.samples import to_device
from metarisk.train.tasks import learnable_layout

logging.basicConfig()
experiment = Experiment.model_validate({
    "name": "starved", "simulation": {"samples": 700}, "features": {"direct_genes": 20},
    "tasks": {"sites": ["bone"], "min_events": 5},
    "network": {"width": 16, "direct_hidden": 4, "dropout": 0.0},
    "training": {"epochs": 1, "batch_size": 640, "learning_rate": 0.001},
})
topology = curated_topology()
cohort = simulate(experiment.simulation, topology, experiment.tasks, 0).cohort
layout, _ = learnable_layout(cohort.endpoints, experiment.tasks)
ready = TrainingSet.of(cohort, topology, layout, experiment)
flat = fit_flat(ready.batch.flat, ready.transform, 8)
plan = plan_network(experiment.network, layout, ready.transform, topology, flat)
data = to_device(ready.batch, ready.targets, torch.device("cpu"))
rows = FoldRows(np.arange(640), np.arange(640, 700))

def fit():
    network = fit_member(plan, topology, data, rows, experiment.training, on_epoch=lambda epoch: None)
    return network.state_dict().values()

def mapped(what):
    return int(re.search(what + r":\\s+(\\d+) kB", open("/proc/self/status").read())[1]) * 1024

before = mapped("VmSize")
whole = fit()
needs = mapped("VmPeak") - before
resource.setrlimit(resource.RLIMIT_AS, (mapped("VmSize") + int(0.7 * needs),) * 2)
starved = fit()
print(max(float((a - b).abs().max()) for a, b in zip(whole, starved)))
"""
