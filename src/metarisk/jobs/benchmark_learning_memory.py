"""Whether the network, its graph path alone and each assay alone can learn 64 patients by heart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from metarisk.config.experiment import Experiment
from metarisk.jobs.benchmark_learning_trial import with_keys
from metarisk.schema.assays import Assay

if TYPE_CHECKING:
    from torch import Tensor

    from metarisk.data.cohort import Cohort
    from metarisk.models.network import Network, NetworkPlan
    from metarisk.pathways.topology import Topology
    from metarisk.train.samples import Data

PATIENTS, DRAWN = 64, 400
WHOLE, GRAPH = "graph and direct path", "graph path"
SIMULATED = (Assay.MUTATION, Assay.COPY_NUMBER, Assay.EXPRESSION)

# No prior to speak of, no dropout, no early stopping: nothing stands between the network and its patients.
FREE: Mapping[str, object] = {
    "epochs": 100,
    "patience": 1000,
    "batch_size": PATIENTS,
    "learning_rate": 0.03,
    "assay_dropout": 0.0,
    "direct_prior": 100.0,
    "graph_prior": 100.0,
}
# The direct path reads the panel, two columns, since a table of no columns is none.
PANEL_ONLY: Mapping[str, object] = {
    "direct_genes": 0,
    "min_alterations": 10**6,
    "numeric": (),
    "categorical": ("panel",),
}


class Memory(NamedTuple):
    """How well a network knows its own training patients.

    Attributes
    ----------
    part
        What it could read them with.
    auroc
        Lowest over the yes / no questions.
    loss
        Highest over the yes / no questions, nats.
    metastasis, death
        Concordance of each cause's incidence with the interval of the event, the other cause competing.
    """

    part: str
    auroc: float
    loss: float
    metastasis: float
    death: float


def parts() -> dict[str, tuple[Assay, ...]]:
    """What can be learned with: the whole network, its graph path, and the graph path with one assay."""
    return {WHOLE: SIMULATED, GRAPH: SIMULATED} | {f"{GRAPH}, {assay}": (assay,) for assay in SIMULATED}


def memorise(part: str, topology: Topology, experiment: Experiment) -> Memory:
    """Learn 64 patients who have what the part reads, and ask about the same patients.

    Of a graph path alone, what counts is the part of the answer that came through the graph.

    Parameters
    ----------
    part
        A key of `parts`.
    topology
        The graph.
    experiment
        A simulated experiment; its features, network and training are freed.
    """
    from metarisk.simulate import simulate
    from metarisk.train.fit import FoldRows, fit_member

    assays = parts()[part]
    free = with_keys(
        experiment,
        simulation={"samples": DRAWN},
        tasks={"min_events": 5},
        features={"assays": assays, **({"min_alterations": 1} if part == WHOLE else PANEL_ONLY)},
        network={"direct_hidden": 32 if part == WHOLE else 0, "dropout": 0.0},
        training=FREE,
    )
    if free.simulation is None:
        raise AssertionError("the experiment is a simulation")
    drawn = simulate(free.simulation, topology, free.tasks, free.seed).cohort
    cohort = drawn.take(np.flatnonzero(_altered(drawn, assays))[:PATIENTS])
    plan, data = _ready(cohort, topology, free)
    rows = np.arange(len(cohort))
    fold = FoldRows(rows, rows, 0, free.seed)
    network = fit_member(plan, topology, data, fold, free.training, on_epoch=lambda epoch: None)
    return _memory(part, network, data)


def _altered(cohort: Cohort, assays: tuple[Assay, ...]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Samples in which each assay says something."""
    said = [np.nan_to_num(cohort.assays[assay].values).any(axis=(1, 2)) for assay in assays]
    return np.asarray(np.all(said, axis=0))


def _ready(cohort: Cohort, topology: Topology, experiment: Experiment) -> tuple[NetworkPlan, Data]:
    import torch

    from metarisk.models.planning import fit_flat, plan_network
    from metarisk.train.members import TrainingSet
    from metarisk.train.samples import to_device
    from metarisk.train.tasks import learnable_layout

    layout, _ = learnable_layout(cohort.endpoints, experiment.tasks)
    known = TrainingSet.of(cohort, topology, layout, experiment)
    flat = fit_flat(known.batch.flat, known.transform, experiment.features.numeric_bins)
    plan = plan_network(experiment.network, layout, known.transform, topology, flat)
    return plan, to_device(known.batch, known.targets, torch.device("cpu"))


def _memory(part: str, network: Network, data: Data) -> Memory:
    import torch

    from metarisk.metrics import auroc
    from metarisk.train.objective import task_losses

    with torch.no_grad():
        answer = network(data.assays, data.flat)
        losses = task_losses(network, data).numpy()
    outputs = answer.outputs if part == WHOLE else answer.graph
    labels = data.binary.numpy()
    known = ~np.isnan(labels)
    found = [
        auroc(outputs[known[:, at], at].numpy(), labels[known[:, at], at]) for at in range(labels.shape[1])
    ]
    return Memory(
        part, min(found), float(losses[: labels.shape[1]].max()), *_concordances(network, outputs, data)
    )


def _concordances(network: Network, outputs: Tensor, data: Data) -> tuple[float, float]:
    """Concordance of metastasis and of death; two events of one interval are not compared."""
    import torch

    from metarisk.metrics import cause_specific_c

    with torch.no_grad():
        risk = network.incidence(outputs, "metastasis").mean(dim=1).numpy()  # (N, J)
    interval, event = data.time_bin["metastasis"].numpy(), data.event["metastasis"].numpy()
    found = []
    for cause in range(2):
        code = np.where(event == cause + 1, 1, np.where(event > 0, 2, 0))
        found.append(cause_specific_c(risk[:, cause], interval.astype(np.float64), code))
    return found[0], found[1]
