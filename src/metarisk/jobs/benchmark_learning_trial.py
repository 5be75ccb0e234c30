"""One simulated cohort, the models that learn from it, and how well each one did where the truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.config.experiment import Experiment
from metarisk.jobs.quickstart import embedded_experiment
from metarisk.schema.assays import Assay

if TYPE_CHECKING:
    from metarisk.data.cohort import Cohort
    from metarisk.explain.genes import GeneAttribution
    from metarisk.pathways.topology import Topology
    from metarisk.simulate import Simulation
    from metarisk.train.figures import Question
    from metarisk.train.members import Learned, TrainingSet

OURS, NO_GRAPH, TRUTH = "metarisk", "no_graph", "truth"
REWIRED = "rewired"
PERMUTED = (REWIRED, "shuffled_signs", "shuffled_members")
EXPLAINED = 64  # held-out patients whose answers are attributed
POINTS = 6
# A truncating mutation lowers its gene, in the simulator as in a tumour.
LOWERS = {(Assay.MUTATION, "truncating"): -1.0}

DoubleArray = NDArray[np.float64]


@dataclass(frozen=True)
class Size:
    """How much is simulated.

    Attributes
    ----------
    seeds
        Cohorts; cohort s has seed s for its patients, its models and its permuted topologies.
    patients
        Training patients of a cohort.
    held_out
        Further patients of the same cohort that the models are judged on.
    epochs
        Most epochs of a fit.
    """

    seeds: int = 8
    patients: int = 600
    held_out: int = 1000
    epochs: int = 40

    def experiment(self, seed: int, **simulation: float) -> Experiment:
        """The quickstart's experiment with two folds, another size and keys of its simulation replaced."""
        base = embedded_experiment(self.patients + self.held_out, seed)
        return with_keys(
            base,
            simulation=simulation,
            tasks={"min_events": 5},
            training={"folds": 2, "epochs": self.epochs},
        )


def with_keys(experiment: Experiment, **sections: Mapping[str, object]) -> Experiment:
    """The experiment with some keys of its sections replaced, checked as a file would be."""
    told = experiment.model_dump()
    for name, keys in sections.items():
        told[name] |= keys
    return Experiment.model_validate(told)


@dataclass(frozen=True)
class Trial:
    """A cohort with its truth, split into patients to learn from and patients to be judged on.

    Attributes
    ----------
    experiment
        How it was drawn and how models are fitted.
    topology
        The graph that the truth runs through.
    simulation
        Patients and truth.
    patients
        The first of them are learned from, all after ``first_held_out`` judged on.
    first_held_out
        Row of the first held-out patient.
    """

    experiment: Experiment
    topology: Topology
    simulation: Simulation
    patients: int
    first_held_out: int

    @cached_property
    def training(self) -> Cohort:
        """Patients to learn from."""
        return self.simulation.cohort.take(np.arange(self.patients))

    @cached_property
    def test(self) -> Cohort:
        """Held-out patients."""
        cohort = self.simulation.cohort
        return cohort.take(np.arange(self.first_held_out, len(cohort)))

    @cached_property
    def training_set(self) -> TrainingSet:
        """Training patients as every model reads them: permuted topologies have the same genes."""
        from metarisk.train.members import TrainingSet
        from metarisk.train.tasks import learnable_layout

        layout, _ = learnable_layout(self.training.endpoints, self.experiment.tasks)
        return TrainingSet.of(self.training, self.topology, layout, self.experiment)


def draw_trial(topology: Topology, size: Size, seed: int, **simulation: float) -> Trial:
    """Simulate a cohort of this size and seed, with keys of its simulation replaced."""
    from metarisk.simulate import simulate

    experiment = size.experiment(seed, **simulation)
    if experiment.simulation is None:
        raise AssertionError("the embedded experiment is a simulation")
    drawn = simulate(experiment.simulation, topology, experiment.tasks, seed)
    return Trial(experiment, topology, drawn, size.patients, size.patients)


def learn_as(model: str, trial: Trial) -> Learned:
    """Fit a model by its name: ours, the one without a graph, or ours on a permuted topology."""
    from metarisk.pathways.controls import control
    from metarisk.train.members import learn, without_graph

    experiment, topology = trial.experiment, trial.topology
    if model == NO_GRAPH:
        experiment = without_graph(experiment)
    elif model != OURS:
        topology = control(model, topology, experiment.seed)
    return learn(trial.training_set, topology, experiment, lambda epoch: None)


def answers_to(trial: Trial, learned: Learned) -> Mapping[Question, DoubleArray]:
    """Probability of each question for each held-out patient, shape (N,) each."""
    from metarisk.train.controls import model_answers

    return model_answers(learned, learned.transform.apply(trial.test), trial.experiment)


def true_answers(trial: Trial) -> Mapping[Question, DoubleArray]:
    """What a perfect model would say of the held-out patients, shape (N,) each."""
    from metarisk.train.figures import EVER, Question

    truth = trial.simulation.truth.loc[trial.test.endpoints.index]
    answers = {}
    for name in truth.columns:
        endpoint, _, horizon = str(name).partition("@")
        answers[Question(endpoint, float(horizon) if horizon else EVER)] = truth[name].to_numpy(np.float64)
    return answers


def held_out_aurocs(trial: Trial, answers: Mapping[Question, DoubleArray]) -> dict[Question, float]:
    """AUROC of each question among the held-out patients that know its answer."""
    from metarisk.metrics import auroc
    from metarisk.train.figures import judged_by

    found = {}
    for question, probability in answers.items():
        judged = judged_by(trial.test.endpoints, question, trial.training.endpoints)
        found[question] = auroc(probability[judged.rows], judged.label, judged.weight)
    return found


class Recovery(NamedTuple):
    """How far attributions point at what was planted, means over the answers.

    Attributes
    ----------
    pathway_auroc
        Chance that an answer's own circuit stands above another circuit; NaN without a graph.
    pathway_own
        The same among the planted circuits only, whose genes vary as well.
    pathway_contrast
        `pathway_auroc` minus what the same circuit has in the answers that it does not drive: 0 by chance,
        however much the circuit varies in tumours.
    gene_auroc
        Chance that a gene with an effect on the answer stands above one without.
    gene_own
        The same among genes with an effect on some answer.
    gene_contrast
        `gene_auroc` minus what the same genes have in the answers that they do not drive; 0 by chance.
    gene_sign
        Share of the genes with an effect whose attribution has its sign.
    gap
        Largest distance of the sum of a patient's attributions from what they explain, log odds.
    """

    pathway_auroc: float
    pathway_own: float
    pathway_contrast: float
    gene_auroc: float
    gene_own: float
    gene_contrast: float
    gene_sign: float
    gap: float


def recovery(trial: Trial, learned: Learned) -> Recovery:
    """Compare attributions of the first held-out patients with the planted circuits."""
    from metarisk.explain.genes import gene_attribution

    some = trial.test.take(np.arange(min(EXPLAINED, len(trial.test))))
    batch = learned.transform.apply(some)
    found = gene_attribution(learned.ensemble, learned.transform, batch, points=POINTS)
    circuits = _circuits_found(trial, learned)
    return Recovery(*circuits, *_genes_found(trial, found), found.gap)


def _circuits_found(trial: Trial, learned: Learned) -> tuple[float, float, float]:
    """Means over the answers of `Recovery.pathway_auroc`, `pathway_own` and `pathway_contrast`."""
    from metarisk.explain.pathways import ensemble_importance, planted_ranks

    if not learned.ensemble.plan.section.graph:
        return float("nan"), float("nan"), float("nan")
    topology = trial.topology
    importance = ensemble_importance(learned.ensemble, learned.transform.apply(trial.test))
    planted = {circuit.endpoint: circuit.pathway for circuit in trial.simulation.planted}
    families = {topology.pathways[at] for at in topology.parents[:, 1]}
    rivals = set(topology.pathways) - families
    own = planted_ranks(importance, planted, set(planted.values()))
    asked = [name for name in planted if name in importance]
    stands = np.array(  # circuits by answers
        [
            [planted_ranks(importance, {answer: planted[name]}, rivals)[0].auroc for answer in asked]
            for name in asked
        ]
    )
    return float(np.diag(stands).mean()), float(np.mean([rank.auroc for rank in own])), contrast(stands)


def contrast(stands: DoubleArray) -> float:
    """Mean over circuits of the figure in its own answer minus that in the others, from a square of figures.

    Parameters
    ----------
    stands
        One row a circuit, one column an answer, in the same order, shape (Q, Q).
    """
    others = (stands.sum(axis=1) - np.diag(stands)) / max(len(stands) - 1, 1)
    return float((np.diag(stands) - others).mean())


def _genes_found(trial: Trial, found: GeneAttribution) -> tuple[float, float, float, float]:
    """Means over the answers of `Recovery.gene_auroc`, `gene_own`, `gene_contrast` and `gene_sign`."""
    from metarisk.metrics import auroc

    genes = trial.topology.genes
    planted = [circuit for circuit in trial.simulation.planted if circuit.endpoint in found.endpoints]
    at = [found.endpoints.index(circuit.endpoint) for circuit in planted]
    importance, pull = found.importance(genes)[at], found.pull(genes, LOWERS)[at]  # one row a circuit
    effect = np.array([circuit.effect for circuit in planted])
    effect[[circuit.endpoint == "response" for circuit in planted]] *= -1.0
    true = effect != 0
    somewhere = true.any(axis=0)
    stands = np.array([[auroc(row, mask.astype(np.int64)) for row in importance] for mask in true])
    own = [
        auroc(row[somewhere], mask[somewhere].astype(np.int64))
        for row, mask in zip(importance, true, strict=True)
    ]
    agree = [
        float(np.mean(np.sign(row[mask]) == np.sign(sign[mask])))
        for row, mask, sign in zip(pull, true, effect, strict=True)
    ]
    return float(np.diag(stands).mean()), float(np.mean(own)), contrast(stands), float(np.mean(agree))
