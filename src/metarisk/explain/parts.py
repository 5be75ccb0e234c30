"""Answers taken apart in four ways, by every member: by assay, by gene, by edge and by pathway.

Each way is whole: its shares add up to the answer minus that of the average training patient, in calibrated
log odds. What belongs to none of its parts stands as a part of its own:

* by assay and by gene: ``clinical`` (clinical values against the training mean, measurements at the mean) and
  ``missing`` (clinical values that are unknown: the answer minus the one with each at its training mean);
* by pathway: ``direct`` (the path beside the graph);
* by edge: ``direct``, and ``without edges`` (what genes add by themselves, unmoved by neighbours and signs).

Genes and edges are integrated gradients, checked to add up; pathways, ``direct`` and the rest are exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metarisk.explain.edges import Wiring, edge_shares, has_edges
from metarisk.explain.genes import add_table, at_the_mean, integrated
from metarisk.explain.patients import average_patient, filled
from metarisk.explain.questions import DoubleArray, Link, link, log_odds_of
from metarisk.features.batch import Batch, FloatArray
from metarisk.models.bundle import ModelBundle
from metarisk.models.conformal import Asked
from metarisk.models.ensemble import Ensemble, tensors
from metarisk.models.network import Network
from metarisk.pathways.edges import RELATIONS
from metarisk.schema.assays import Assay

KINDS = ("assay", "gene", "edge", "pathway")
POINTS = (4, 16)  # of the quadrature; the second where the first leaves a gap over `TOLERANCE`
TOLERANCE = 0.05  # of an answer's distance from the reference
LEAST_DISTANCE = 0.1  # log odds; a gap is never told relative to less
BUDGET = 64 << 20  # bytes of shares that are worked on at once
SIGNS = {1: "->", -1: "-|", 0: "--"}


@dataclass(frozen=True)
class Subject:
    """A model, the answers of it that are explained, and the ways they are taken apart.

    Attributes
    ----------
    bundle
        The model.
    questions
        Name -> what is answered, length Q.
    kinds
        Ways that are asked for, of `KINDS`.
    """

    bundle: ModelBundle
    questions: Mapping[str, Asked]
    kinds: tuple[str, ...] = KINDS

    @cached_property
    def wiring(self) -> Wiring:
        """Everything that edges carry."""
        return Wiring.of(self.bundle.topology)

    @property
    def ensemble(self) -> Ensemble:
        """The model's networks."""
        return self.bundle.ensemble

    @cached_property
    def parts(self) -> Mapping[str, Names]:
        """Kind -> its parts, for the kinds that are asked for and the model has."""
        scales, member = self.bundle.transform.scales, self.ensemble.networks[0]
        cells = [(gene, str(assay)) for assay, scale in scales.items() for gene in scale.genes]
        found = {
            "assay": Names.of([(str(assay), str(assay)) for assay in scales], ("clinical", "missing")),
            "gene": Names.of(cells, ("clinical", "missing")),
        }
        if has_edges(member, self.bundle.topology):
            found["edge"] = Names.of(_edge_names(self.bundle), ("without edges", "direct"))
        if member.graph is not None:
            named = [(name, "") for name in self.bundle.topology.pathways]
            found["pathway"] = Names.of(named, ("direct",))
        return {kind: names for kind, names in found.items() if kind in self.kinds}

    @cached_property
    def reference(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Outputs of every member for the average patient, and those through the graph, (M, 1, O) each."""
        found = self.ensemble.answers(average_patient(self.ensemble.plan))
        return found["outputs"], found["graph"]

    @property
    def samples_at_a_time(self) -> int:
        """Samples whose shares, of the largest kind, fit into `BUDGET`."""
        most = max(len(names.names) for names in self.parts.values())
        return max(1, min(64, BUDGET // (4 * len(self.ensemble.networks) * len(self.questions) * most)))


class Names(NamedTuple):
    """What the F parts of a kind are called.

    Attributes
    ----------
    names, details
        Name, and the assay or relation that it is of (empty without), length F each.
    rest
        How many of them, the last ones, are no parts of the kind but what belongs to none.
    """

    names: NDArray[np.object_]
    details: NDArray[np.object_]
    rest: int

    @classmethod
    def of(cls, named: list[tuple[str, str]], rest: tuple[str, ...]) -> Names:
        """Names of pairs (name, detail), the rest behind them."""
        every = [*named, *((name, "") for name in rest)]
        names, details = (np.array(column, dtype=object) for column in zip(*every, strict=True))
        return cls(names, details, len(rest))

    @property
    def own(self) -> int:
        """Parts that are of the kind."""
        return len(self.names) - self.rest


class Explained(NamedTuple):
    """Answers of n samples taken apart.

    Attributes
    ----------
    log_odds
        As scored, calibrated, shape (Q, n).
    reference
        Of the average patient, shape (Q, 1).
    if_known
        Of the same samples with what is unknown of the clinic at its training mean, shape (Q, n).
    shares
        Kind -> share of each part by each member; their mean over members is the model's, (M, Q, n, F).
    """

    log_odds: DoubleArray
    reference: DoubleArray
    if_known: DoubleArray
    shares: Mapping[str, FloatArray]

    @property
    def distance(self) -> DoubleArray:
        """Answer minus the reference's, shape (Q, n)."""
        return self.log_odds - self.reference

    def gap(self, kind: str) -> DoubleArray:
        """What the shares of a kind leave unexplained, relative to the distance, shape (Q, n)."""
        total = self.shares[kind].sum(axis=3, dtype=np.float64).mean(axis=0)
        relative = np.abs(total - self.distance) / np.maximum(np.abs(self.distance), LEAST_DISTANCE)
        return np.asarray(relative)

    @property
    def missing_share(self) -> DoubleArray:
        r"""Share of the distance that vanishes with what is missing filled in, 0 .. 1, shape (Q, n).

        With d the answer's distance from the average patient's and e that of the same patient with every
        unknown clinical value at its training mean, (\\|d\\| - \\|e\\|) / \\|d\\|, not below 0; 0 where d is
        under `LEAST_DISTANCE`.
        """
        far = np.abs(self.distance)
        left = np.abs(self.if_known - self.reference)
        share = np.clip((far - left) / np.maximum(far, LEAST_DISTANCE), 0.0, 1.0)
        return np.where(far < LEAST_DISTANCE, 0.0, share)


def explain(
    subject: Subject, batch: Batch, points: Sequence[int] = POINTS
) -> Iterator[tuple[NDArray[np.intp], Explained]]:
    """Rows of a batch, some at a time, with their answers taken apart; memory does not grow with N."""
    few = subject.samples_at_a_time
    for start in range(0, len(batch), few):
        rows = np.arange(start, min(start + few, len(batch)))
        yield rows, explain_rows(subject, batch.take(rows), points)


def explain_rows(subject: Subject, batch: Batch, points: Sequence[int] = POINTS) -> Explained:
    """Answers of a few samples, taken apart; the next number of points where one leaves a gap."""
    for many in points:
        found = _explained(subject, batch, many)
        if max((found.gap(kind).max(initial=0.0) for kind in found.shares), default=0.0) <= TOLERANCE:
            break
    return found


class _Outputs(NamedTuple):
    """Every member's outputs, shape (M, n, O) each: as they are, through the graph, and on the way back."""

    whole: NDArray[np.float32]
    graph: NDArray[np.float32]
    known: NDArray[np.float32]
    clinic: NDArray[np.float32]


def _explained(subject: Subject, batch: Batch, points: int) -> Explained:
    questions = list(subject.questions.values())
    known = filled(batch, subject.ensemble.plan)
    outputs = _outputs(subject, batch, known)
    linked = link(subject.bundle, questions, outputs.whole, subject.reference[0])
    each = [
        _by_member(subject, (batch, known), outputs, linked, at, points)
        for at in range(len(subject.ensemble.networks))
    ]
    shares = {kind: np.stack([member[kind] for member in each]) for kind in subject.parts}
    if_known = log_odds_of(subject.bundle, questions, outputs.known)
    return Explained(linked.log_odds, linked.reference, if_known, shares)


def _outputs(subject: Subject, batch: Batch, known: Batch) -> _Outputs:
    """Of the samples, of them filled in, and of those with every measurement at the training mean."""
    ensemble = subject.ensemble
    whole = ensemble.answers(batch)
    at_mean = at_the_mean(torch.from_numpy(known.flat), ensemble.plan).numpy()
    clinic = ensemble.answers(Batch(known.assays, at_mean), frozenset(known.assays))["outputs"]
    return _Outputs(whole["outputs"], whole["graph"], ensemble.answers(known)["outputs"], clinic)


def _by_member(
    subject: Subject,
    batches: tuple[Batch, Batch],
    outputs: _Outputs,
    linked: Link,
    at: int,
    points: int,
) -> dict[str, FloatArray]:
    """Kind -> shares (Q, n, F) of one member."""
    batch, known = batches
    member, weight = subject.ensemble.networks[at].eval(), linked.weight
    start, start_graph = (part[at] for part in subject.reference)

    def told(moved: NDArray[np.float32]) -> FloatArray:
        """Distances of outputs (n, O) as distances of answers, (Q, n, 1)."""
        told_of = np.einsum("no,qno->qn", moved, weight.numpy())
        return np.asarray(told_of[..., None], dtype=np.float32)

    clinical, missing = told(outputs.clinic[at] - start), told(outputs.whole[at] - outputs.known[at])
    found = {}
    if {"assay", "gene"} & set(subject.parts):
        cells = _cells(subject, member, known, weight, points)
        by_assay = [shares.sum(axis=2, keepdims=True) for shares in cells]
        found["assay"] = np.concatenate([*by_assay, clinical, missing], axis=2)
        found["gene"] = np.concatenate([*cells, clinical, missing], axis=2)
    through = outputs.graph[at] - start_graph
    direct = told(outputs.whole[at] - start - through)
    if "edge" in subject.parts:
        edges, alone = edge_shares(member, subject.wiring, tensors(batch, weight.device), weight, points)
        unmoved = told(alone.numpy() - start_graph)
        found["edge"] = np.concatenate([edges.permute(0, 2, 1).numpy(), unmoved, direct], axis=2)
    if "pathway" in subject.parts:
        found["pathway"] = np.concatenate([_pathways(subject, member, batch, weight), direct], axis=2)
    return found


def _cells(subject: Subject, member: Network, known: Batch, weight: Tensor, points: int) -> list[FloatArray]:
    """Share of each gene of each assay, channels together, (Q, n, Ga) each."""
    assays, flat = tensors(known, weight.device)
    start = at_the_mean(flat, subject.ensemble.plan)
    on_graph, in_table = integrated(member, assays, (start, flat), weight, points)
    cells = {assay: on_graph[assay.value].detach().numpy() for assay in known.assays}
    add_table(cells, in_table.detach().numpy(), subject.bundle.transform)
    return [cells[Assay(assay)].sum(axis=3) for assay in subject.bundle.transform.scales]


@torch.no_grad()
def _pathways(subject: Subject, member: Network, batch: Batch, weight: Tensor) -> FloatArray:
    """What each pathway adds beyond the average patient, (Q, n, P)."""
    if member.graph is None:
        raise AssertionError("a kind of part that the model has not")
    outputs = [int(column) for column in torch.nonzero(weight.abs().sum(dim=(0, 1))).flatten()]
    average = tensors(average_patient(subject.ensemble.plan), weight.device)
    here = member.graph.contributions(*tensors(batch, weight.device), outputs)  # (n, P, outputs)
    moved = here - member.graph.contributions(*average, outputs)
    gate = torch.sigmoid(member.gate[outputs])
    return np.asarray(torch.einsum("npo,qno->qnp", moved * gate, weight[:, :, outputs]).numpy())


def _edge_names(bundle: ModelBundle) -> list[tuple[str, str]]:
    """``SNAI1 -| CDH1`` and its relation, for each edge of the topology."""
    topology = bundle.topology
    ends = zip(topology.source.tolist(), topology.target.tolist(), strict=True)
    kinds = zip(topology.relation.tolist(), topology.sign.tolist(), strict=True)
    return [
        (f"{topology.genes[source]} {SIGNS[sign]} {topology.genes[target]}", RELATIONS[relation])
        for (source, target), (relation, sign) in zip(ends, kinds, strict=True)
    ]
