"""How much of each answer what was measured of each gene adds: integrated gradients, checked to add up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metarisk.explain.pathways import output_columns
from metarisk.explain.quadrature import gauss_legendre
from metarisk.features.batch import Batch
from metarisk.features.transform import FeatureTransform
from metarisk.models.ensemble import Ensemble, tensors
from metarisk.models.network import Network, NetworkPlan
from metarisk.schema.assays import ASSAYS, Assay

POINTS = 16
SAMPLES_AT_A_TIME = 128

DoubleArray = NDArray[np.float64]
Cells = Mapping[Assay, NDArray[np.float32]]


@dataclass(frozen=True)
class GeneAttribution:
    """What each measurement of N samples adds to Q answers, in log odds before calibration, mean of members.

    Attributes
    ----------
    endpoints
        The answers, length Q; a dated endpoint is the level of its first cause.
    names
        Assay -> its genes (pathways, features), length Ga.
    cells
        Assay -> share of each channel of each gene in each sample and answer, shape (Q, N, Ga, C).
    values
        Assay -> standardised values that the shares belong to, shape (N, Ga, C).
    difference
        Answer of each sample minus the answer of the same patient with every measurement at the training
        mean, shape (Q, N).
    """

    endpoints: tuple[str, ...]
    names: Mapping[Assay, tuple[str, ...]]
    cells: Cells
    values: Cells
    difference: DoubleArray

    @property
    def gap(self) -> float:
        """Largest distance, over samples and answers, of the sum of all shares from the difference."""
        total = sum(shares.sum(axis=(2, 3), dtype=np.float64) for shares in self.cells.values())
        return float(np.abs(total - self.difference).max(initial=0.0))

    def importance(self, genes: Sequence[str]) -> DoubleArray:
        """Mean size over the samples of what each gene adds, all its assays together, shape (Q, G)."""
        added = np.zeros((len(self.endpoints), len(self.difference.T), len(genes)))
        for assay, shares in self.cells.items():
            at, known = _positions(self.names[assay], genes)
            added[:, :, at] += shares[:, :, known].sum(axis=3)
        return np.asarray(np.abs(added).mean(axis=1))

    def pull(
        self, genes: Sequence[str], direction: Mapping[tuple[Assay, str], float] | None = None
    ) -> DoubleArray:
        """Mean over the samples of what a gene that is raised adds to each answer, shape (Q, G).

        What a value below the training mean adds counts with its sign turned: a gene whose loss lowers the
        risk pulls it up.

        Parameters
        ----------
        genes
            Genes to look at, length G.
        direction
            Assay and channel -> -1 where a larger value means that the gene is lowered (a truncating
            mutation, say); 1 where absent.
        """
        pulled = np.zeros((len(self.endpoints), len(genes)))
        for assay, shares in self.cells.items():
            at, known = _positions(self.names[assay], genes)
            signs = [(direction or {}).get((assay, channel), 1.0) for channel in ASSAYS[assay].channels]
            toward = np.sign(self.values[assay]) * np.array(signs, dtype=np.float32)
            pulled[:, at] += (shares * toward).mean(axis=1)[:, known].sum(axis=2)
        return pulled


def gene_attribution(
    ensemble: Ensemble, transform: FeatureTransform, batch: Batch, *, points: int = POINTS
) -> GeneAttribution:
    """Integrated gradients of every answer over everything that was measured on genes, pathways and features.

    The path is straight, from the training mean of every measurement (0 on the graph, the column's mean in
    the flat table) to the sample; clinical values and what is unknown stay as they are. The integral is
    taken by Gauss-Legendre quadrature, through the graph and the direct path at once (Sundararajan, Taly and
    Yan, Axiomatic Attribution for Deep Networks, 2017).

    Parameters
    ----------
    ensemble
        Fitted networks.
    transform
        What made the batch, for the names of its columns.
    batch
        Features of N samples.
    points
        Nodes of the quadrature; `GeneAttribution.gap` says whether they were enough.
    """
    columns = output_columns(ensemble.plan.layout)
    parts = [
        _attributed(ensemble, transform, batch.take(rows), list(columns.values()), points)
        for rows in _blocks(len(batch))
    ]
    return GeneAttribution(
        endpoints=tuple(columns),
        names={assay: transform.scales[assay].genes for assay in batch.assays},
        cells={assay: np.concatenate([part[0][assay] for part in parts], axis=1) for assay in batch.assays},
        values={assay: entry.values for assay, entry in batch.assays.items()},
        difference=np.concatenate([part[1] for part in parts], axis=1),
    )


def _blocks(n_samples: int) -> Iterator[NDArray[np.intp]]:
    for start in range(0, max(n_samples, 1), SAMPLES_AT_A_TIME):
        yield np.arange(start, min(start + SAMPLES_AT_A_TIME, n_samples))


def _attributed(
    ensemble: Ensemble, transform: FeatureTransform, batch: Batch, outputs: list[int], points: int
) -> tuple[dict[Assay, NDArray[np.float32]], DoubleArray]:
    """Shares (Q, n, Ga, C) of each assay, and the differences that they should add up to, (Q, n)."""
    assays, flat = tensors(batch, next(ensemble.parameters()).device)
    start = at_the_mean(flat, ensemble.plan)
    size = len(ensemble.networks)
    on_graph = {name: values.new_zeros(len(outputs), *values.shape) for name, values in assays.items()}
    in_table = flat.new_zeros(len(outputs), *flat.shape)
    difference = flat.new_zeros(len(outputs), len(flat), dtype=torch.float64)
    asked = _one_each(outputs, len(flat), ensemble.plan.layout.outputs)
    for member in ensemble.networks:
        shares = integrated(member.eval(), assays, (start, flat), asked, points)
        for name in assays:
            on_graph[name] += shares[0][name] / size
        in_table += shares[1] / size
        difference += _moved(member, assays, (start, flat), outputs) / size
    cells = {assay: on_graph[assay.value].numpy() for assay in batch.assays}
    add_table(cells, in_table.numpy(), transform)
    return cells, np.asarray(difference.numpy())


def at_the_mean(flat: Tensor, plan: NetworkPlan) -> Tensor:
    """Flat table with every measurement at its training mean; clinical and unknown ones as they are."""
    measured = torch.tensor(
        [group in set(Assay) for group in plan.groups], dtype=torch.bool, device=flat.device
    )
    mean = torch.from_numpy(plan.centre).to(flat.device).expand_as(flat)
    return torch.where(measured & ~torch.isnan(flat), mean, flat)


def _one_each(outputs: list[int], n_samples: int, n_outputs: int) -> Tensor:
    """Weights that read one output an answer, shape (Q, n, O)."""
    rows = torch.zeros(len(outputs), n_samples, n_outputs)
    rows[torch.arange(len(outputs)), :, outputs] = 1.0
    return rows


def integrated(
    member: Network,
    assays: Mapping[str, Tensor],
    table: tuple[Tensor, Tensor],
    weight: Tensor,
    points: int,
) -> tuple[dict[str, Tensor], Tensor]:
    """Mean gradient along the path times the way gone.

    Parameters
    ----------
    member
        A network.
    assays
        Assay -> standardised values at the end of the path, shape (n, Ga, C); they start at 0.
    table
        Flat table at the start and at the end of the path, shape (n, F) each.
    weight
        How much of each output each answer is made of in each sample, shape (Q, n, O).
    points
        Nodes of the quadrature.

    Returns
    -------
    tuple
        Assay -> shares (Q, n, Ga, C), and those of the flat table (Q, n, F).
    """
    start, flat = table
    way = torch.nan_to_num(flat - start)
    inputs = [*assays.values(), way]
    total = [values.new_zeros(len(weight), *values.shape) for values in inputs]
    for node, node_weight in gauss_legendre(points):
        here = [(values * node).requires_grad_() for values in inputs]
        answer = member(dict(zip(assays, here[:-1], strict=True)), start + here[-1]).outputs
        for place, read in enumerate(weight):
            gradients = torch.autograd.grad(
                (answer * read).sum(), here, retain_graph=True, materialize_grads=True
            )
            for sum_, gradient, values in zip(total, gradients, inputs, strict=True):
                sum_[place] += node_weight * gradient * values
    return dict(zip(assays, total[:-1], strict=True)), total[-1]


@torch.no_grad()
def _moved(
    member: Network, assays: Mapping[str, Tensor], table: tuple[Tensor, Tensor], outputs: list[int]
) -> Tensor:
    """Answer of each sample minus the one at the start of its path, shape (Q, n)."""
    start, flat = table
    nothing = {name: torch.zeros_like(values) for name, values in assays.items()}
    moved: Tensor = member(assays, flat).outputs - member(nothing, start).outputs
    return moved[:, outputs].T.double()


def add_table(
    cells: Mapping[Assay, NDArray[np.float32]], in_table: NDArray[np.float32], transform: FeatureTransform
) -> None:
    """Add what came through the flat table to the cells that its columns are copies of, in place."""
    first = 0
    for assay, chosen in transform.direct.items():
        position = {gene: at for at, gene in enumerate(transform.scales[assay].genes)}
        channels = ASSAYS[assay].channels
        genes = np.array([position[column.gene] for column in chosen], dtype=np.intp)
        places = np.array([channels.index(column.channel) for column in chosen], dtype=np.intp)
        cells[assay][:, :, genes, places] += in_table[:, :, first : first + len(chosen)]
        first += len(chosen)


def _positions(names: Sequence[str], genes: Sequence[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places among ``genes`` and among ``names`` of the names that both have."""
    place = {gene: at for at, gene in enumerate(genes)}
    known = [at for at, name in enumerate(names) if name in place]
    return np.array([place[names[at]] for at in known], np.intp), np.array(known, np.intp)
