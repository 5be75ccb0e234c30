from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from metarisk.features.batch import Targets
from metarisk.models.network import Network
from metarisk.train.checkpoint import CheckpointFile
from metarisk.train.fit import Epoch, FoldRows
from metarisk.train.objective import prior_penalty, set_base_rates, task_losses
from metarisk.train.samples import assay_columns, draw_lost, take_without


def weights_of(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


@torch.no_grad()
def loss_on(network: Any, data: Any, rows: np.ndarray) -> float:
    return float(task_losses(network, data.take(torch.from_numpy(rows))).mean())


def test_a_member_can_learn_64_patients_by_heart(make: Any) -> None:
    experiment = make.experiment(
        simulation={"samples": 64},
        features={"min_alterations": 1, "direct_genes": 84},
        network={"direct_hidden": 32, "dropout": 0.0},
        training={
            "epochs": 100,
            "patience": 1000,
            "batch_size": 64,
            "learning_rate": 0.03,
            "assay_dropout": 0.0,
            "direct_prior": 100.0,
            "graph_prior": 100.0,
        },
    )
    ready = make.all_of(experiment)
    rows = np.arange(64)
    network = ready.fit(FoldRows(rows, rows))
    with torch.no_grad():
        answer = network(ready.data.assays, ready.data.flat).outputs.numpy()
    labels = ready.training_set.targets.binary
    for column in range(labels.shape[1]):
        known = ~np.isnan(labels[:, column])
        assert roc_auc_score(labels[known, column], answer[known, column]) > 0.99
    binary = task_losses(network, ready.data)[: labels.shape[1]]
    assert binary.max() < 0.1


def test_the_weights_returned_are_those_of_the_best_epoch(ready: Any, halves: Any) -> None:
    told: list[Epoch] = []
    network = ready.fit(halves, on_epoch=told.append, epochs=30, patience=4, learning_rate=0.05)
    best = [epoch.valid_loss for epoch in told if epoch.best][-1]
    assert loss_on(network, ready.data, halves.valid) == pytest.approx(best, abs=1e-6)
    assert best == pytest.approx(min(epoch.valid_loss for epoch in told), abs=1e-4)
    assert best < told[-1].valid_loss  # the last epoch was not the best, or nothing was tested
    assert [epoch.epoch for epoch in told] == list(range(len(told)))


def test_training_stops_after_its_patience(ready: Any, halves: Any) -> None:
    told: list[Epoch] = []
    ready.fit(halves, on_epoch=told.append, epochs=60, patience=3, learning_rate=0.1)
    assert len(told) < 60
    assert [epoch.best for epoch in told[-4:]] == [True, False, False, False]


def test_what_the_returned_network_does_is_not_random(ready: Any, halves: Any) -> None:
    network = ready.fit(halves)
    assert not network.training
    one, other = (network(ready.data.assays, ready.data.flat).outputs for _ in range(2))
    assert torch.equal(one, other)


def test_equal_seeds_give_equal_weights_and_others_do_not(ready: Any, halves: Any) -> None:
    one, again, other = (weights_of(ready.fit(halves, seed=seed, epochs=2)) for seed in (5, 5, 6))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_rows_of_neither_part_change_nothing(ready: Any) -> None:
    rows = FoldRows(np.arange(100), np.arange(100, 160))
    clean = weights_of(ready.fit(rows, epochs=2))
    outside = torch.arange(160, 240)
    poisoned = ready.data._replace(flat=ready.data.flat.clone(), binary=ready.data.binary.clone())
    poisoned.flat[outside] = 1e6
    poisoned.binary[outside] = 1.0
    dirty = weights_of(replace(ready, data=poisoned).fit(rows, epochs=2))
    assert all(torch.equal(clean[name], dirty[name]) for name in clean)


def test_a_sample_loses_an_assay_on_the_graph_and_in_the_table_together(ready: Any) -> None:
    torch.manual_seed(0)
    columns = assay_columns(ready.plan, ready.data)
    rows = torch.arange(len(ready.data.flat)).flip(0)
    whole = ready.data.take(rows)
    gone = draw_lost(ready.data, len(rows), 0.5)
    dropped = take_without(ready.data, rows, columns, gone)
    for name, values in whole.assays.items():
        lost, kept = gone[name], ~gone[name]
        assert 0.4 < lost.float().mean() < 0.6
        assert not dropped.assays[name][lost].any()
        assert torch.isnan(dropped.flat[lost][:, columns[name]]).all()
        assert torch.equal(dropped.assays[name][kept], values[kept])
        torch.testing.assert_close(
            dropped.flat[kept][:, columns[name]], whole.flat[kept][:, columns[name]], equal_nan=True
        )
    clinical = ~torch.stack(list(columns.values())).any(dim=0)
    torch.testing.assert_close(dropped.flat[:, clinical], whole.flat[:, clinical], equal_nan=True)
    torch.testing.assert_close(dropped.binary, whole.binary, equal_nan=True)


def test_dropping_leaves_the_data_itself_whole(ready: Any) -> None:
    before = {name: values.clone() for name, values in ready.data.assays.items()}
    flat = ready.data.flat.clone()
    rows = torch.arange(len(flat))
    take_without(
        ready.data, rows, assay_columns(ready.plan, ready.data), draw_lost(ready.data, len(rows), 0.9)
    )
    assert all(torch.equal(ready.data.assays[name], values) for name, values in before.items())
    torch.testing.assert_close(ready.data.flat, flat, equal_nan=True, rtol=0, atol=0)
    assert draw_lost(ready.data, len(rows), 0.0) == {}


def test_a_network_starts_at_the_training_rates(ready: Any, halves: Any) -> None:
    network = Network(ready.plan, ready.topology)
    rows = torch.from_numpy(halves.train)
    set_base_rates(network, ready.data, rows)
    targets: Targets = ready.training_set.targets
    for column in range(targets.binary.shape[1]):
        labels = targets.binary[halves.train, column]
        known = labels[~np.isnan(labels)]
        assert torch.sigmoid(network.bias[column]).item() == pytest.approx(
            (known.sum() + 0.5) / (len(known) + 1), rel=1e-5
        )
    bins, events = (part["metastasis"][halves.train] for part in (targets.time_bin, targets.event))
    for interval in range(len(network.baselines["metastasis"].clock)):
        ended = ((bins == interval) & (events == 1)).sum()
        hazard = (ended + 0.1) / ((bins >= interval).sum() + 1.0)
        found = torch.sigmoid(network.baselines["metastasis"].level[interval, 0])
        assert found.item() == pytest.approx(hazard, rel=1e-5)


def test_the_prior_is_a_gaussian_on_weights_and_free_on_base_rates(ready: Any) -> None:
    training = ready.experiment.training.model_copy(update={"direct_prior": 2.0, "graph_prior": 0.5})
    network = Network(ready.plan, ready.topology)
    before = prior_penalty(network, training).item()
    expected = 0.0
    for name, parameter in network.named_parameters():
        width = {"direct": 2.0, "graph": 0.5}.get(name.split(".")[0])
        if width:
            density = torch.distributions.Normal(0.0, width)
            expected -= (density.log_prob(parameter) - density.log_prob(torch.zeros(()))).sum().item()
    assert before == pytest.approx(expected, rel=1e-4)
    with torch.no_grad():
        network.bias += 100
        network.gate += 100
        network.baselines["metastasis"].level += 100
    assert prior_penalty(network, training).item() == before


class KilledError(Exception):
    """Stands where a job was cut off."""


@pytest.mark.parametrize("settings", [{}, {"checkpoint_every": 2}], ids=["every epoch", "every second"])
def test_a_fit_that_was_cut_off_goes_on_to_the_same_weights(
    ready: Any, halves: Any, tmp_path: Path, settings: dict[str, Any]
) -> None:
    whole: list[Epoch] = []
    expected = weights_of(ready.fit(halves, on_epoch=whole.append, epochs=6, seed=3))
    rows = halves._replace(checkpoint=CheckpointFile(tmp_path / "ours" / "member-0.safetensors", "job"))
    for cut in (1, 2, 3, 5):  # epochs in which one attempt after the other ends

        def cut_off(epoch: Epoch, last: int = cut) -> None:
            if epoch.epoch == last:
                raise KilledError

        with pytest.raises(KilledError):
            ready.fit(rows, on_epoch=cut_off, epochs=6, seed=3, **settings)
    told: list[Epoch] = []
    found = weights_of(ready.fit(rows, on_epoch=told.append, epochs=6, seed=3, **settings))
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert [epoch[:5] for epoch in told] == [epoch[:5] for epoch in whole]


def test_a_member_that_has_ended_is_not_fitted_again(ready: Any, halves: Any, tmp_path: Path) -> None:
    rows = halves._replace(checkpoint=CheckpointFile(tmp_path / "ours" / "member-0.safetensors", "job"))
    first, told = weights_of(ready.fit(rows, epochs=3)), []
    ruined = ready.data._replace(flat=ready.data.flat.clone().fill_(1e9))
    again = weights_of(replace(ready, data=ruined).fit(rows, on_epoch=told.append, epochs=3))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert len(told) == 3


def test_a_line_an_epoch_is_logged_and_tells_of_no_patient(
    ready: Any, halves: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = halves._replace(checkpoint=CheckpointFile(tmp_path / "ours" / "member-0.safetensors", "job"))
    told: list[Epoch] = []
    with caplog.at_level("INFO", logger="metarisk"):
        ready.fit(rows, on_epoch=told.append, epochs=2)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert lines[0].startswith(f"ours/member-0 epoch 0: loss {told[0].train_loss:.4f}, held out ")
    assert all(epoch.seconds > 0 for epoch in told)
    assert not any(str(sample) in line for line in lines for sample in ready.cohort.sample_ids)


@pytest.mark.slow
def test_equal_seeds_give_equal_bundles_in_processes_with_other_hash_seeds() -> None:
    hashes = set()
    for seed in ("1", "2"):
        ended = subprocess.run(
            [sys.executable, "-c", FIT],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1", "PYTHONPATH": ":".join(sys.path)},
        )
        hashes.add(ended.stdout.strip())
    assert len(hashes) == 1
    assert len(hashes.pop()) == 64


FIT = """
import tempfile
from pathlib import Path
from metarisk.config import Experiment
from metarisk.models.bundle import save_bundle
from metarisk.pathways.curated import curated_topology
from metarisk.simulate import simulate
from metarisk.train.run import train_model

experiment = Experiment.model_validate({
    "name": "twice", "simulation": {"samples": 150}, "features": {"direct_genes": 20},
    "tasks": {"sites": ["bone"], "min_events": 5},
    "network": {"width": 4, "direct_hidden": 4}, "training": {"folds": 2, "epochs": 2},
    "evaluation": {"bootstrap": 50, "controls": []},
})
topology = curated_topology()
cohort = simulate(experiment.simulation, topology, experiment.tasks, 0).cohort
bundle = train_model(experiment, cohort, topology, lambda name, epoch: None).bundle
with tempfile.TemporaryDirectory() as folder:
    print(save_bundle(bundle, Path(folder) / "bundle").sha256)
"""
