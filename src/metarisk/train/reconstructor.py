"""The network of pretraining: a graph body and a decoder tied to its encoders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from metarisk.features.standardise import CALLS
from metarisk.models.network import GeneStates, NetworkPlan
from metarisk.nn.encoders import AssayEncoder
from metarisk.nn.reconstruct import GeneContext, read_off
from metarisk.pathways.topology import Topology
from metarisk.schema.assays import Assay
from metarisk.train.masking import Unlabelled


class Reconstructor(nn.Module):
    """Tells hidden values from what is left; it starts at each gene's own training mean or rate.

    Parameters
    ----------
    plan, topology
        What the body is built from.
    """

    def __init__(self, plan: NetworkPlan, topology: Topology) -> None:
        super().__init__()
        self.body = GeneStates(plan, topology)
        self.context = GeneContext(topology, plan.section.width)
        self.usual: dict[str, Tensor] = {}
        self.scale: dict[str, Tensor] = {}

    @property
    def columns(self) -> dict[str, Tensor]:
        """Assay -> columns of the batch that are on the graph, shape (Ga,)."""
        return {name: encoder.columns for name, encoder in self._encoders()}

    def start_from(self, data: Unlabelled) -> None:
        """Learn each gene's usual value, and the loss of answering with it, from training samples."""
        for name, values in data.values.items():
            known = data.known[name]
            count, total = known.sum(dim=0), values.masked_fill(~known, 0.0).sum(dim=0)
            call = Assay(name) in CALLS
            self.usual[name] = (
                torch.logit((total + 0.5) / (count + 1.0)) if call else total / count.clamp_min(1)
            )
            each = loss_of(name, self.usual[name].expand(values.shape), values)
            self.scale[name] = (each * known).sum() / known.sum().clamp_min(1)

    def forward(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Answers for every gene: levels, and log odds of calls, assay -> (N, Ga, C) to the same."""
        identity = self.body.identities()  # (G, D)
        everywhere = {name: self._spread(encoder, values[name]) for name, encoder in self._encoders()}
        state = self.body.gene_states(everywhere, identity)  # (G, N, D)
        context = self.context(state, self.body.pooling(state))  # (G, N, D)
        return {
            name: self.usual[name] + read_off(context, encoder, identity)
            for name, encoder in self._encoders()
        }

    def losses(self, data: Unlabelled, hidden: Mapping[str, Tensor]) -> Tensor:
        """Loss over what was measured and hidden, as a share of that of the usual values, shape (A,).

        An assay of which nothing is hidden has loss 0 and no gradient.
        """
        told, judged = self(data.without(hidden)), data.judged(hidden)
        shares = []
        for name, values in data.values.items():
            each = loss_of(name, told[name], values) * judged[name]
            shares.append(each.sum() / judged[name].sum().clamp_min(1) / self.scale[name].clamp_min(1e-6))
        return torch.stack(shares)

    def _encoders(self) -> list[tuple[str, AssayEncoder]]:
        return [(name, cast("AssayEncoder", encoder)) for name, encoder in self.body.encoders.items()]

    def _spread(self, encoder: AssayEncoder, values: Tensor) -> Tensor:
        """Values on the graph's columns as the encoder takes them, columns off the graph empty."""
        if encoder.every_column:
            return values
        width = int(encoder.columns.max()) + 1
        return values.new_zeros(len(values), width, values.shape[2]).index_copy(1, encoder.columns, values)


def loss_of(assay: str, told: Tensor, values: Tensor) -> Tensor:
    """Loss of each answer: cross entropy of calls, squared error of levels, shape of both."""
    if Assay(assay) in CALLS:
        return functional.binary_cross_entropy_with_logits(told, values.clamp(0.0, 1.0), reduction="none")
    return (told - values).square()
