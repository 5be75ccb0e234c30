"""A model of any size for benchmarks, made in seconds, and the same with the layer written as elsewhere."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
from torch import Tensor, nn

from metarisk.config import Experiment
from metarisk.data.cohort import Cohort
from metarisk.jobs.benchmark_formulations import EdgeMessages, draw_topology
from metarisk.models.bundle import ModelBundle
from metarisk.models.fingerprint import TrainingIds
from metarisk.nn.propagation import RelationalPropagation
from metarisk.pathways.topology import Topology
from metarisk.simulate import simulate
from metarisk.train.members import TrainingSet, learn
from metarisk.train.tasks import learnable_layout

TRAINING_SAMPLES = 200
GENES_A_PATHWAY = 40


def made_model(genes: int, edges: int, width: int, samples: int, seed: int) -> tuple[ModelBundle, Cohort]:
    """Model of two members, one step over identities and one over states, and new samples to score.

    The topology is random, the tumours are simulated upon it (`metarisk.simulate`: mutations, copy number,
    expression), and training is one epoch: its weights are of the right shape and no more.

    Parameters
    ----------
    genes, edges
        Of the topology.
    width
        Channels D.
    samples
        To score.
    seed
        Equal seeds make equal models.
    """
    topology = _with_pathways(draw_topology(genes, edges, seed), seed)
    experiment = Experiment.model_validate(
        {
            "name": "made",
            "simulation": {"samples": TRAINING_SAMPLES + samples},
            "features": {"direct_genes": 200, "categorical": ["cancer_type", "panel"]},
            "tasks": {"sites": ["bone", "liver"], "min_events": 5, "bins": 4},
            "network": {"width": width, "effect_layers": 1, "state_layers": 1, "direct_hidden": 0},
            "training": {"folds": 2, "epochs": 1, "batch_size": 32, "device": "cpu"},
        }
    )
    assert experiment.simulation is not None
    drawn = simulate(experiment.simulation, topology, experiment.tasks, seed).cohort
    rows = np.arange(len(drawn))
    training = drawn.take(rows[:TRAINING_SAMPLES])
    return _fitted(training, topology, experiment), drawn.take(rows[TRAINING_SAMPLES:])


def _fitted(training: Cohort, topology: Topology, experiment: Experiment) -> ModelBundle:
    layout, _ = learnable_layout(training.endpoints, experiment.tasks)
    training_set = TrainingSet.of(training, topology, layout, experiment)
    learned = learn(training_set, topology, experiment, lambda _: None)
    return ModelBundle(
        experiment=experiment,
        topology=topology,
        transform=learned.transform,
        ensemble=learned.ensemble,
        calibration=learned.calibration,
        training_ids=TrainingIds.of(training.patient_ids, "made"),
        provenance={"study": "made", "cohort_sha256": training.content_sha256()},
        figures=({"model": "metarisk", "value": None},),
        card="# made for a benchmark\n",
    )


def _with_pathways(topology: Topology, seed: int) -> Topology:
    """A pathway for about every 16 genes, as in Reactome, of random genes."""
    rng = np.random.default_rng(seed)
    n_genes = topology.n_genes
    n_pathways, size = max(8, n_genes // 16), min(GENES_A_PATHWAY, n_genes)
    members = [np.sort(rng.choice(n_genes, size, replace=False)) for _ in range(n_pathways)]
    return replace(
        topology,
        pathways=tuple(f"P{number:05d}" for number in range(n_pathways)),
        member_pathway=np.repeat(np.arange(n_pathways), size).astype(np.int32),
        member_gene=np.concatenate(members).astype(np.int32),
    )


class _DenseEdges(nn.Module):
    """A layer of dense edges where one of ours stood, (G, N, D) to (G, N, D)."""

    def __init__(self, topology: Topology, width: int) -> None:
        super().__init__()
        self.layer = EdgeMessages(topology, width, 0, samples_first=True)

    def forward(self, state: Tensor) -> Tensor:
        """One step."""
        moved: Tensor = self.layer(state.permute(1, 0, 2).contiguous())  # (N, G, D)
        return moved.permute(1, 0, 2).contiguous()


def with_dense_edges(bundle: ModelBundle) -> ModelBundle:
    """The same model with every step of message passing over dense edges (N, E, D), their weights new."""
    ensemble = deepcopy(bundle.ensemble)
    ours = [
        (parent, name)
        for parent in ensemble.modules()
        for name, child in parent.named_children()
        if isinstance(child, RelationalPropagation)
    ]
    for parent, name in ours:
        setattr(parent, name, _DenseEdges(bundle.topology, bundle.experiment.network.width))
    return replace(bundle, ensemble=ensemble.eval())
