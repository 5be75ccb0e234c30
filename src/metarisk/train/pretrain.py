"""Pretraining: a graph body learns to find what is hidden of samples whose outcomes nobody needs to know."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from metarisk.config.experiment import Experiment
from metarisk.config.pretraining import PretrainingSection
from metarisk.data.cohort import Cohort
from metarisk.data.split import holdout, patient_fraction
from metarisk.errors import ConfigError
from metarisk.features.transform import FeatureTransform
from metarisk.models.network import levels_on_graph
from metarisk.models.planning import fit_flat, plan_network
from metarisk.models.pretrained import Pretrained
from metarisk.nn.heads import TaskLayout
from metarisk.pathways.topology import Topology
from metarisk.train.fit import Epoch
from metarisk.train.masking import Unlabelled, hide, unlabelled_of
from metarisk.train.reconstructor import Reconstructor
from metarisk.train.recovery import recovery_figures
from metarisk.train.run import HOLDOUT_SALT, prune_to_measured
from metarisk.train.step import GRADIENT_NORM

NO_QUESTIONS = TaskLayout((), {}, {})
STOPPING_SALT = "metarisk-pretraining"


class Recovered(NamedTuple):
    """What pretraining gave.

    Attributes
    ----------
    pretrained
        The body, not yet on disk.
    figures
        How well hidden values were found on held-out patients, see `recovery_figures`.
    notes
        Sentences that a reader of the figures must know.
    """

    pretrained: Pretrained
    figures: pd.DataFrame
    notes: tuple[str, ...]


def pretrain_model(
    experiment: Experiment, cohort: Cohort, topology: Topology, on_epoch: Callable[[Epoch], None]
) -> Recovered:
    """Hold patients out, hide and predict on the others, judge on those held out.

    The same patients are held out as by `train_model`, so that a body pretrained on a cohort has not seen
    those on which a model of that cohort is judged. No endpoint is read.

    Parameters
    ----------
    experiment
        Its features, network and pretraining sections count.
    cohort, topology
        Samples, and the graph.
    on_epoch
        Told after every epoch; losses are shares of the loss of each gene's mean or rate.

    Raises
    ------
    ConfigError
        If nothing that was measured is a gene of the topology.
    """
    split = holdout(cohort, experiment.evaluation.test_fraction, HOLDOUT_SALT)
    training, test = cohort.take(split.train_rows), cohort.take(split.test_rows)
    topology, notes = prune_to_measured(topology, training, experiment)
    transform = FeatureTransform.fit(training, topology, experiment.features)
    batch = transform.apply(training)
    flat = fit_flat(batch.flat, transform, experiment.features.numeric_bins)
    section = experiment.network.model_copy(update={"adapter_rank": 0})
    plan = plan_network(section, NO_QUESTIONS, transform, topology, flat)
    if "gene" not in levels_on_graph(plan):
        raise ConfigError(
            f"nothing that {cohort.provenance.name} measured is a gene of the topology",
            do="Pretrain on gene-level assays, over a topology with their genes.",
        )
    torch.manual_seed(experiment.seed)
    network = Reconstructor(plan, topology)
    data = unlabelled_of(training, batch, transform, network.columns)
    stops = _stopping_rows(training, experiment.pretraining)
    fit_reconstructor(network, data, stops, experiment, on_epoch)
    judged = unlabelled_of(test, transform.apply(test), transform, network.columns)
    learned = data.take(torch.from_numpy(np.flatnonzero(~stops)))
    figures = recovery_figures(network, learned, judged, experiment)
    provenance = _provenance(cohort, training, test, topology)
    rows = figures.to_dict("records")
    pretrained = Pretrained.of(
        network.body, topology, provenance, [{str(k): v for k, v in row.items()} for row in rows]
    )
    return Recovered(pretrained, figures, notes)


def fit_reconstructor(
    network: Reconstructor,
    data: Unlabelled,
    stops: NDArray[np.bool_],
    experiment: Experiment,
    on_epoch: Callable[[Epoch], None],
) -> None:
    """Fit in place, and end with the weights of the epoch that was best on the rows to stop on.

    Parameters
    ----------
    stops
        True for rows that the fit stops on, whose hidden values are the same in every epoch, shape (N,).
    """
    section, seed = experiment.pretraining, experiment.seed
    chance, order = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    rows = np.flatnonzero(~stops)
    network.start_from(data.take(torch.from_numpy(rows)))
    held_out = data.take(torch.from_numpy(np.flatnonzero(stops)))
    hidden = hide(held_out, section, torch.Generator().manual_seed(seed + 1))
    optimiser = torch.optim.Adam(network.parameters(), lr=section.learning_rate)
    best, kept, waited = float("inf"), copy.deepcopy(network.state_dict()), 0
    for epoch in range(section.epochs):
        losses = []
        for chosen in np.array_split(order.permutation(rows), -(-len(rows) // section.batch_size)):
            part = data.take(torch.from_numpy(chosen))
            losses.append(_step(network, part, hide(part, section, chance), optimiser))
        with torch.no_grad():
            valid = _mean_loss(network, held_out, hidden, section.batch_size)
        improved = valid < best - 1e-5
        on_epoch(Epoch(0, epoch, float(np.mean(losses)), valid, improved))
        best, waited = (valid, 0) if improved else (best, waited + 1)
        kept = copy.deepcopy(network.state_dict()) if improved else kept
        if waited >= section.patience:
            break
    network.load_state_dict(kept)
    network.eval()


def _step(
    network: Reconstructor,
    data: Unlabelled,
    hidden: dict[str, torch.Tensor],
    optimiser: torch.optim.Optimizer,
) -> float:
    loss = network.losses(data, hidden).mean()
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM)
    optimiser.step()
    return float(loss.detach())


def _mean_loss(network: Reconstructor, data: Unlabelled, hidden: dict[str, torch.Tensor], size: int) -> float:
    """Mean over assays and samples, some samples at a time."""
    losses = [
        network.losses(data.take(rows), {name: mask[rows] for name, mask in hidden.items()}).mean()
        * len(rows)
        for rows in data.pieces(size)
    ]
    return float(torch.stack(losses).sum()) / len(data)


def _stopping_rows(training: Cohort, section: PretrainingSection) -> NDArray[np.bool_]:
    stops = patient_fraction(training.patient_ids, STOPPING_SALT) < section.valid_fraction
    if stops.all() or not stops.any():
        raise ConfigError(
            f"{len(training)} samples with a valid fraction of {section.valid_fraction:g} leave nobody to "
            f"{'learn from' if stops.all() else 'stop on'}",
            do="Use more samples or another pretraining.valid_fraction.",
        )
    return stops


def _provenance(cohort: Cohort, training: Cohort, test: Cohort, topology: Topology) -> dict[str, object]:
    return {
        "study": cohort.provenance.name,
        "licence": cohort.provenance.licence,
        "source_sha256": cohort.provenance.sha256,
        "cohort_sha256": cohort.content_sha256(),
        "topology_sha256": topology.sha256,
        "training_samples": len(training),
        "held_out_samples": len(test),
    }
