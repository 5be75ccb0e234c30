"""What moves a cohort's answers: circuits, and the edges and genes behind them, as means over patients.

Circuits are exact and cheap, so they are told of every patient that is given. Edges and genes are integrated
gradients and cost seconds: they are told of the first patients, as many as `WORK` allows. Nothing is told of
fewer than `FEWEST` patients, nor of a part that moves the answer of fewer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from metarisk.explain.moving_edges import edge_table, gene_table, take_apart
from metarisk.explain.parts import Subject, explain
from metarisk.explain.questions import DoubleArray, questions_of
from metarisk.explain.stability import Tally
from metarisk.features.batch import Batch, FloatArray
from metarisk.models.bundle import ModelBundle
from metarisk.models.conformal import EVER
from metarisk.models.graph_share import LEAST_MOVE, share_by_endpoint
from metarisk.pathways.influence import signed_influence
from metarisk.schema.assays import Assay

FEWEST = 10  # patients of whom anything is told
MOST_APART = 40  # patients whose edges and genes are told
WORK = 32_000_000  # shares that are integrated: seconds on one core
CIRCUITS, EDGES = 20, 25  # kept of an answer, the largest

NO_GRAPH = (
    "The model has no graph path: its answers come from the tables of genes and clinic that it reads "
    "directly, and no circuit moves them."
)
NOT_MEASURED = (
    "None of the gene assays that the model reads was measured here: nothing came through the circuits."
)
TOO_FEW = f"The model answers fewer than {FEWEST} patients here: nothing is told of so few."
NO_EDGES = "No gene enters the graph of this model, or it has no edges: there is no network to draw."
TOO_LARGE = (
    f"Taking {FEWEST} patients apart by edge would take minutes with this many members, answers and edges: "
    "metarisk explain does it."
)


class Movers(NamedTuple):
    """What moves the answers, without a patient's row; log odds against the average training patient.

    Attributes
    ----------
    patients, apart
        Patients that circuits, and that edges and genes rest on.
    notes
        Sentences on what is not told, and why.
    answers
        One row an answer: ``answer``, ``graph_share`` (mean share of what moved it that came through the
        graph, 0 .. 1), ``direct_size`` (mean size of what came past it), ``edges_size`` (sum of mean sizes
        over all edges) and ``gap`` (mean of what the edges leave unexplained, relative to the distance).
    circuits
        The largest of each answer: ``answer, rank, circuit, title, mean_size``, ``part`` (of the sum of mean
        sizes over all circuits and the direct path), ``direction`` (correlation over patients between what
        the circuit adds and how active it is, see `activities`; above 0 more activity raises the answer) and
        ``sign_agreement`` (share of members that agree on the sign, larger shares counting for more).
    edges
        ``answer, rank, source, target, sign`` (1 raises, -1 lowers, 0 not known), ``relation``, ``circuit,
        title`` (of the circuits that hold both ends the one that moves the answer most; empty where none
        does), ``mean_size, mean_share, sign_agreement``.
    genes
        Ends of these edges: ``answer, gene, mean_size, raised`` (what the gene adds where it is above the
        training mean or altered; below 0 it lowers the answer), ``sign_agreement``.
    """

    patients: int
    apart: int
    notes: tuple[str, ...]
    answers: pd.DataFrame
    circuits: pd.DataFrame
    edges: pd.DataFrame
    genes: pd.DataFrame

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Name of a file -> table, of those that have rows."""
        tables = {name: getattr(self, name) for name in ("answers", "circuits", "edges", "genes")}
        return {f"moves_{name}": table for name, table in tables.items() if len(table)}


def nothing_told(patients: int, note: str) -> Movers:
    """Empty tables, and the reason."""
    nothing = pd.DataFrame()
    return Movers(patients, 0, (note,), nothing, nothing, nothing, nothing)


def movers_of(bundle: ModelBundle, batch: Batch) -> Movers:
    """What moves the answers of N patients, one row each, all of whom the model answers."""
    if bundle.ensemble.networks[0].graph is None:
        return nothing_told(len(batch), NO_GRAPH)
    if len(batch) < FEWEST:
        return nothing_told(len(batch), TOO_FEW)
    if not any(entry.measured.any() for entry in batch.assays.values()):
        return nothing_told(len(batch), NOT_MEASURED)
    subject = Subject(bundle, questions_of(bundle))
    circuits, direct = _circuits(Subject(bundle, subject.questions, ("pathway",)), batch)
    answers = pd.DataFrame({"answer": list(subject.questions)})
    answers["graph_share"] = _graph_shares(subject, batch)
    answers["direct_size"] = direct
    kept = circuits[circuits["rank"] <= CIRCUITS].reset_index(drop=True)
    apart, notes = _told_apart(subject, len(batch))
    if not apart:
        return Movers(len(batch), 0, notes, answers, kept, pd.DataFrame(), pd.DataFrame())
    few = Subject(bundle, subject.questions, ("gene", "edge"))
    taken = take_apart(few, batch.take(np.arange(apart)), FEWEST)
    edges = edge_table(few, taken, circuits, EDGES)
    answers = answers.assign(edges_size=taken.edges_size, gap=taken.gap)
    return Movers(len(batch), apart, (), answers, kept, edges, gene_table(few, taken, edges))


def _told_apart(subject: Subject, patients: int) -> tuple[int, tuple[str, ...]]:
    """How many patients are told by edge and gene, and why none is."""
    if "edge" not in subject.parts:
        return 0, (NO_EDGES,)
    each = len(subject.ensemble.networks) * len(subject.questions)
    each *= len(subject.parts["edge"].names) + len(subject.parts["gene"].names)
    apart = min(patients, MOST_APART, WORK // each)
    return (apart, ()) if apart >= FEWEST else (0, (TOO_LARGE,))


def _graph_shares(subject: Subject, batch: Batch) -> list[float]:
    shares = share_by_endpoint(subject.ensemble.answers(batch)["graph_share"], subject.ensemble.plan.layout)
    told = {(one.endpoint, one.dated): one.share for one in shares}
    return [told[asked.endpoint, asked.horizon_days != EVER] for asked in subject.questions.values()]


def _circuits(subject: Subject, batch: Batch) -> tuple[pd.DataFrame, DoubleArray]:
    """All circuits of each answer by size, and the mean size of what came past the graph, (Q,)."""
    names, topology = subject.parts["pathway"], subject.bundle.topology
    tally = Tally(len(subject.ensemble.networks), len(subject.questions), len(names.names))
    added = []
    for _, found in explain(subject, batch):
        tally.add(found.shares["pathway"])
        added.append(found.shares["pathway"][..., : names.own].mean(axis=0))
    summed = tally.result()
    direction = _correlation(np.concatenate(added, axis=1), activities(subject, batch))
    tables = []
    for place, answer in enumerate(subject.questions):
        size = summed.size[place]
        order = np.argsort(-size[: names.own], kind="stable")
        order = order[size[order] > LEAST_MOVE]
        tables.append(
            pd.DataFrame(
                {
                    "answer": answer,
                    "rank": np.arange(1, len(order) + 1),
                    "circuit": names.names[order],
                    "title": [topology.title(str(name)) for name in names.names[order]],
                    "mean_size": size[order],
                    "part": size[order] / size.sum(),
                    "direction": direction[place, order],
                    "sign_agreement": summed.agreement[place, order],
                }
            )
        )
    return pd.concat(tables, ignore_index=True), summed.size[:, -1]


def activities(subject: Subject, batch: Batch) -> DoubleArray:
    """How active each circuit is: its genes' standardised measurements, times what raising each does to it.

    Expression where the model reads it, otherwise all assays together; the signs are those of
    `metarisk.pathways.influence.signed_influence`, which the network reads circuits by. Shape (N, P).
    """
    topology, scales = subject.bundle.topology, subject.bundle.transform.scales
    read = [Assay.EXPRESSION] if Assay.EXPRESSION in scales else list(scales)
    level = np.zeros((len(batch), len(topology.genes)))
    for assay in read:
        known = [(at, gene) for at, gene in enumerate(scales[assay].genes) if gene in topology.gene_index]
        at = [place for place, _ in known]
        level[:, [topology.gene_index[gene] for _, gene in known]] += batch.assays[assay].values[:, at].sum(2)
    active = np.zeros((len(topology.pathways), len(batch)))
    weighted = level.T[topology.member_gene] * signed_influence(topology)[:, None]
    np.add.at(active, topology.member_pathway, weighted)
    return active.T


def _correlation(added: FloatArray, active: DoubleArray) -> DoubleArray:
    """Over patients, of what circuits add (Q, N, P) with their activity (N, P); 0 where one is constant."""
    x = active - active.mean(axis=0)
    y = added.astype(np.float64)
    y -= y.mean(axis=1, keepdims=True)
    length = np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=1))
    return np.asarray(np.einsum("np,qnp->qp", x, y) / np.where(length > 0, length, np.inf))
