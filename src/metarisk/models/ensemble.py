"""The ensemble: several networks of one plan, and their answers to a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from metarisk.features.batch import AssayInput, Batch
from metarisk.models.graph_share import graph_share
from metarisk.models.memory import Rows, by_pieces
from metarisk.models.network import Network, NetworkPlan
from metarisk.pathways.topology import Topology
from metarisk.schema.assays import ASSAYS, Assay

# Rows of a block, the same for one sample as for a million. Which sums a matrix product, or a vectorised
# function, does in which order depends on how many rows it meets, and with it the last bit; in blocks of one
# size, a multiple of every vector's length, it depends on the row alone.
ROWS_AT_A_TIME = 64


class Ensemble(nn.Module):
    """M networks that share a plan and a topology.

    Parameters
    ----------
    plan, topology
        What every member was built from.
    members
        Networks; member m left out fold m mod `folds` of the training patients.
    folds
        Groups of training patients that were left out in turn.
    """

    def __init__(
        self, plan: NetworkPlan, topology: Topology, members: Sequence[Network], folds: int = 1
    ) -> None:
        super().__init__()
        self.plan = plan
        self.topology = topology
        self.folds = folds
        self.members = nn.ModuleList(members)

    @property
    def networks(self) -> tuple[Network, ...]:
        """The M members, in order."""
        return tuple(cast("Network", member) for member in self.members)

    def answers(
        self, batch: Batch, without: frozenset[Assay] = frozenset()
    ) -> Mapping[str, NDArray[np.float32]]:
        """Outputs of each member for each sample, in blocks of `ROWS_AT_A_TIME` samples.

        A sample's answer is the same to the bit whichever samples stand beside it, on one thread; the last
        block is filled up with its last sample. Where memory cannot hold a block it is halved, and that is
        logged: then last bits may differ.

        Parameters
        ----------
        batch
            Features of N samples.
        without
            Assays to leave out, as if they had not been measured.

        Returns
        -------
        Mapping
            ``outputs`` and ``graph``, both of shape (M, N, O), and ``graph_share``, the members' mean
            share of the graph in each answer (`metarisk.models.graph_share.graph_share`), shape (N, O).
        """
        parts: list[tuple[Tensor, Tensor]] = []
        pieces = 1
        filled = in_blocks(len(batch), ROWS_AT_A_TIME)
        for start in range(0, len(filled), ROWS_AT_A_TIME):
            rows = filled[start : start + ROWS_AT_A_TIME]
            answer = partial(self._answer_rows, batch, rows, without)
            answers, pieces = by_pieces(answer, len(rows), pieces=pieces)
            parts += answers
        outputs, graph = (
            torch.cat(part, dim=1)[:, : len(batch)].numpy() for part in zip(*parts, strict=True)
        )
        blank = (part.numpy() for part in self._answer(blank_batch(self.plan), frozenset()))
        share = graph_share(outputs, graph, *blank).mean(axis=0)
        return {"outputs": outputs, "graph": graph, "graph_share": share}

    def _answer_rows(
        self, batch: Batch, rows: NDArray[np.intp], without: frozenset[Assay], piece: Rows
    ) -> tuple[Tensor, Tensor]:
        return self._answer(batch.take(rows[piece.start : piece.stop]), without)

    @torch.no_grad()
    def _answer(self, batch: Batch, without: frozenset[Assay]) -> tuple[Tensor, Tensor]:
        device = next(self.parameters()).device
        assays, flat = tensors(batch, device)
        for assay in without & set(batch.assays):
            assays[assay.value] = torch.zeros_like(assays[assay.value])
        flat = blank_columns(flat, self.plan, without)
        answers = [member.eval()(assays, flat) for member in self.networks]
        return (
            torch.stack([answer.outputs for answer in answers]).cpu(),
            torch.stack([answer.graph for answer in answers]).cpu(),
        )


def in_blocks(n: int, size: int) -> NDArray[np.intp]:
    """Rows 0 .. n - 1, the last one again until whole blocks are full; one block where there are no rows."""
    return np.minimum(np.arange(-(-max(n, 1) // size) * size), max(n - 1, 0))


def tensors(batch: Batch, device: torch.device) -> tuple[dict[str, Tensor], Tensor]:
    """The batch as tensors on a device: assay -> (N, Ga, C), and the flat table (N, F)."""
    assays = {assay.value: torch.from_numpy(entry.values).to(device) for assay, entry in batch.assays.items()}
    return assays, torch.from_numpy(batch.flat).to(device)


def blank_batch(plan: NetworkPlan) -> Batch:
    """One sample of which nothing is known."""
    assays = {}
    for assay, node in plan.assay_nodes.items():
        values = np.zeros((1, len(node), len(ASSAYS[assay].channels)), np.float32)
        assays[assay] = AssayInput(values, np.zeros((1, len(node)), np.bool_))
    return Batch(assays, np.full((1, len(plan.groups)), np.nan, np.float32))


def blank_columns(flat: Tensor, plan: NetworkPlan, assays: frozenset[Assay]) -> Tensor:
    """Flat table with the columns of the assays unknown."""
    if not assays:
        return flat
    blank = torch.tensor([group in assays for group in plan.groups], dtype=torch.bool, device=flat.device)
    return flat.masked_fill(blank, torch.nan)
