"""The assembled network: encoders, message passing, pathway pooling, and a direct path beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from metarisk.config.network import NetworkSection
from metarisk.nn.adapters import make_adapter
from metarisk.nn.direct import DirectPath, FlatDesign, FlatEmbedding
from metarisk.nn.encoders import OFF_GRAPH, AssayEncoder, encode, encode_by
from metarisk.nn.heads import (
    HEAD_SPREAD,
    HazardBaselines,
    OrganHead,
    TaskLayout,
    TherapyReading,
    cumulative_incidence,
    organ_outputs,
)
from metarisk.nn.pooling import PathwayPooling
from metarisk.nn.propagation import RelationalPropagation
from metarisk.nn.rowwise import RowwiseLinear
from metarisk.pathways.topology import Topology
from metarisk.schema.assays import ASSAYS, Assay

if TYPE_CHECKING:
    from metarisk.models.pretrained import Start

# Samples that are worked on at once without gradients: at most so many, and so many bytes of gene states.
MOST_AT_ONCE, STATE_BYTES = 32, 8 << 20
THERAPY, RESPONSE = "therapy_class", "response"


@dataclass(frozen=True)
class NetworkPlan:
    """What the network must fit, apart from its weights.

    Attributes
    ----------
    section
        Width, layers and the like.
    layout
        The questions and their outputs.
    assay_nodes
        Assay -> node of each of its columns among genes or pathways, as its level says, `OFF_GRAPH` for
        columns that only the direct path reads, shape (Ga,).
    groups
        Assay or clinical column that each flat column comes from, length F.
    centre, scale
        Training mean and factor of each flat column, shape (F,) each.
    number_columns
        Flat columns that are clinical numbers.
    edges
        Quantile edges of those numbers, shape (numbers, bins + 1).
    categories
        Clinical category -> flat columns of its levels.
    start
        Pretrained body that a network begins with; random weights if None.
    """

    section: NetworkSection
    layout: TaskLayout
    assay_nodes: Mapping[Assay, NDArray[np.int64]]
    groups: tuple[str, ...]
    centre: NDArray[np.float32]
    scale: NDArray[np.float32]
    number_columns: tuple[int, ...]
    edges: NDArray[np.float32]
    categories: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    start: Start | None = None

    @property
    def flat_design(self) -> FlatDesign:
        """What the direct path makes of clinical numbers and categories."""
        section = self.section
        return FlatDesign(
            section.number_embedding,
            section.number_width,
            tuple(self.categories.values()),
            section.category_width,
            self.categories.get(section.numbers_by or "", ()),
        )


class Answer(NamedTuple):
    """Outputs of the network, before calibration.

    Attributes
    ----------
    outputs
        What the heads read, shape (N, O).
    graph
        The part of it that came through the graph, gate included, shape (N, O).
    """

    outputs: Tensor
    graph: Tensor


class GeneStates(nn.Module):
    """Pathway states that come up from the genes.

    Gene identities take one walk over the graph for the whole batch, so that a mutation's effect is tied to
    its neighbours'; states take it sample by sample.
    """

    def __init__(self, plan: NetworkPlan, topology: Topology) -> None:
        super().__init__()
        section, width = plan.section, plan.section.width
        self.identity = nn.Parameter(torch.randn(len(topology.genes), width) / width**0.5)
        self.encoders = _encoders(plan, "gene", len(topology.genes))
        self.effects = nn.ModuleList(
            RelationalPropagation(topology, width) for _ in range(section.effect_layers)
        )
        self.states = nn.ModuleList(
            RelationalPropagation(topology, width) for _ in range(section.state_layers)
        )
        self.adapters = nn.ModuleList(
            make_adapter(width, section.adapter_rank) for _ in range(1 + section.state_layers)
        )
        self.pooling = PathwayPooling(topology, width)

    def forward(self, assays: Mapping[str, Tensor]) -> Tensor:
        """State of each pathway, assay -> (N, Ga, C), to (P, N, D).

        Without gradients a processor takes a few samples at a time, as many as keep their states in its
        cache; a GPU takes all.
        """
        identity = self.identities()
        effects = self._effects(identity)
        n_samples = len(next(iter(assays.values())))
        whole = torch.is_grad_enabled() or identity.is_cuda
        few = n_samples if whole else min(MOST_AT_ONCE, 1 + STATE_BYTES // identity.nbytes)
        parts = [
            self.pooling(self._states({name: part[at : at + few] for name, part in assays.items()}, effects))
            for at in range(0, max(n_samples, 1), max(few, 1))
        ]
        return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]  # (P, N, D)

    def identities(self) -> Tensor:
        """Identity of each gene after its walk over the graph, shape (G, D)."""
        identity = self.identity[:, None, :]  # (G, 1, D)
        for layer in self.effects:
            identity = layer(identity)
        return identity[:, 0]

    def gene_states(self, assays: Mapping[str, Tensor], identity: Tensor) -> Tensor:
        """State of each gene after message passing, assay -> (N, Ga, C), to (G, N, D)."""
        return self._states(assays, self._effects(identity))

    def _effects(self, identity: Tensor) -> list[Tensor]:
        """What each assay's channels do to each gene's state, shape (G, C, D) each."""
        return [cast("AssayEncoder", encoder).effects(identity) for encoder in self.encoders.values()]

    def _states(self, assays: Mapping[str, Tensor], effects: Sequence[Tensor]) -> Tensor:
        read = _read(self.encoders, assays)
        parts = [(*pair, effect) for pair, effect in zip(read, effects, strict=True)]
        state: Tensor = self.adapters[0](encode_by(parts))  # (G, N, D)
        for layer, adapter in zip(self.states, self.adapters[1:], strict=True):
            state = adapter(layer(state))
        return state


class SignatureStates(nn.Module):
    """Pathway states that were measured as such: scores of signatures that are pathways of the topology."""

    def __init__(self, plan: NetworkPlan, topology: Topology) -> None:
        super().__init__()
        n_pathways, width = len(topology.pathways), plan.section.width
        self.identity = nn.Parameter(torch.randn(n_pathways, width) / width**0.5)
        self.encoders = _encoders(plan, "pathway", n_pathways)

    def forward(self, assays: Mapping[str, Tensor]) -> Tensor:
        """State of each pathway, assay -> (N, Ga, C), to (P, N, D)."""
        return encode(_read(self.encoders, assays), self.identity)


class GraphPath(nn.Module):
    """Answers through the topology: pathways read genes and signatures, heads read the pathways."""

    def __init__(self, plan: NetworkPlan, topology: Topology) -> None:
        super().__init__()
        section = plan.section
        levels = levels_on_graph(plan)
        self.genes = GeneStates(plan, topology) if "gene" in levels else None
        self.signatures = SignatureStates(plan, topology) if "pathway" in levels else None
        self.readout = RowwiseLinear(section.width, section.readout)
        self.dropout = nn.Dropout(section.dropout)
        features = len(topology.pathways) * section.readout
        self.head = _head(plan, features)
        self.response = _response(plan)
        self.therapy = (
            TherapyReading(plan.categories[THERAPY], features, section.therapy_width)
            if section.therapy_width and self.response is not None and THERAPY in plan.categories
            else None
        )

    def forward(self, assays: Mapping[str, Tensor], flat: Tensor | None = None) -> Tensor:
        """Answers from what was measured, assay -> (N, Ga, C), to (N, O).

        The flat table (N, F) tells the class of therapy; without it the class is unknown.
        """
        return self.read(self.pathway_states(assays), flat)

    def read(self, pathways: Tensor, flat: Tensor | None = None) -> Tensor:
        """Answers from the states of the pathways, (P, N, D) to (N, O)."""
        read = torch.tanh(self.readout(pathways))  # (P, N, readout)
        features = self.dropout(read.permute(1, 0, 2).flatten(1))  # (N, P * readout)
        answer: Tensor = self.head(features)
        if self.therapy is None or flat is None:
            return answer
        own, shift = self.therapy(flat)  # (N, P * readout), (N,)
        moved = torch.zeros_like(answer)
        moved[:, self.response] = (own * features).sum(dim=1) + shift
        return answer + moved

    def contributions(self, assays: Mapping[str, Tensor], flat: Tensor, outputs: Sequence[int]) -> Tensor:
        """What each pathway adds to some outputs, before the gate, shape (N, P, outputs)."""
        read = torch.tanh(self.readout(self.pathway_states(assays)))  # (P, N, readout)
        weight = self.head.weight[list(outputs)].reshape(len(outputs), *read.shape[::2])
        added = torch.einsum("pnk,opk->npo", read, weight)
        if self.therapy is None or self.response is None or self.response not in outputs:
            return added
        own = self.therapy(flat)[0].unflatten(1, read.shape[::2])  # (N, P, readout)
        added[..., list(outputs).index(self.response)] += torch.einsum("pnk,npk->np", read, own)
        return added

    def pathway_states(self, assays: Mapping[str, Tensor]) -> Tensor:
        """State of each pathway in each sample: the explanation layer, shape (P, N, D)."""
        parts = [part(assays) for part in (self.genes, self.signatures) if part is not None]
        return torch.stack(parts).sum(dim=0) if len(parts) > 1 else parts[0]


def _head(plan: NetworkPlan, features: int) -> OrganHead | nn.Linear:
    """From pathways to outputs: organs through their embeddings where asked for and asked about."""
    if plan.section.site_rank and organ_outputs(plan.layout):
        return OrganHead(features, plan.layout, plan.section.site_rank)
    head = RowwiseLinear(features, plan.layout.outputs, bias=False)
    nn.init.normal_(head.weight, std=HEAD_SPREAD)
    return head


def _response(plan: NetworkPlan) -> int | None:
    """Output that is the response to therapy, if it is asked."""
    return plan.layout.binary.index(RESPONSE) if RESPONSE in plan.layout.binary else None


def levels_on_graph(plan: NetworkPlan) -> set[str]:
    """Kinds of nodes, ``gene`` and ``pathway``, at which some assay enters."""
    return {ASSAYS[assay].level for assay, node in plan.assay_nodes.items() if (node != OFF_GRAPH).any()}


def _encoders(plan: NetworkPlan, level: str, n_nodes: int) -> nn.ModuleDict:
    """Encoder of each assay that enters at nodes of this kind."""
    return nn.ModuleDict(
        {
            assay.value: AssayEncoder(node, n_nodes, len(ASSAYS[assay].channels), plan.section.width)
            for assay, node in plan.assay_nodes.items()
            if ASSAYS[assay].level == level and (node != OFF_GRAPH).any()
        }
    )


def _read(encoders: nn.ModuleDict, assays: Mapping[str, Tensor]) -> list[tuple[AssayEncoder, Tensor]]:
    return [(cast("AssayEncoder", encoder), assays[name]) for name, encoder in encoders.items()]


class Network(nn.Module):
    """One member: a gated sum of the graph path and the direct path, read by all heads."""

    class_weight: Tensor | None

    def __init__(self, plan: NetworkPlan, topology: Topology) -> None:
        super().__init__()
        section, layout = plan.section, plan.layout
        self.layout = layout
        embedding = FlatEmbedding(plan.centre, plan.scale, plan.number_columns, plan.edges, plan.flat_design)
        self.direct = DirectPath(
            embedding,
            section.direct_hidden,
            layout.outputs,
            dropout=section.dropout,
            layers=section.direct_layers,
            copies=section.copies,
        )
        self.graph = GraphPath(plan, topology) if section.graph and levels_on_graph(plan) else None
        self.gate = nn.Parameter(torch.zeros(layout.outputs))
        self.bias = nn.Parameter(torch.zeros(layout.outputs))
        self.baselines = HazardBaselines(layout)
        # How much a "no" and a "yes" of each yes / no endpoint count while learning, (2, B); None: the same.
        self.register_buffer("class_weight", None, persistent=False)
        # Where the prior of a weight has its centre, if not at zero.
        self.prior_centres: dict[str, Tensor] = {}
        if plan.start is not None:
            plan.start.begin(self, topology)

    def forward(self, assays: Mapping[str, Tensor], flat: Tensor) -> Answer:
        """Answer every question for every sample: the mean of the copies' log odds.

        Parameters
        ----------
        assays
            Assay -> standardised values, 0 where not measured, shape (N, Ga, C).
        flat
            Flat table, NaN where unknown, shape (N, F).
        """
        direct = self.bias + self.direct(flat)  # (N, O)
        graph = self._through_graph(assays, flat)  # (N, O)
        if graph is None:
            return Answer(direct, torch.zeros_like(direct))
        return Answer(direct + graph, graph)

    def copies(self, assays: Mapping[str, Tensor], flat: Tensor) -> Tensor:
        """Outputs of each copy of the direct path, the graph path common to all, shape (K, N, O)."""
        direct = self.bias + self.direct.copies(flat)  # (K, N, O)
        graph = self._through_graph(assays, flat)
        return direct if graph is None else direct + graph

    def _through_graph(self, assays: Mapping[str, Tensor], flat: Tensor) -> Tensor | None:
        if self.graph is None:
            return None
        gated: Tensor = torch.sigmoid(self.gate) * self.graph(assays, flat)
        return gated

    def hazard_logits(self, outputs: Tensor, endpoint: str) -> Tensor:
        """Cause-specific log odds in each interval, shape (..., N, O) to (..., N, K, J)."""
        logits: Tensor = self.baselines[endpoint](outputs[..., self.layout.columns(endpoint)])
        return logits

    def incidence(self, outputs: Tensor, endpoint: str) -> Tensor:
        """Probability of each cause by the end of each interval, shape (..., N, K, J)."""
        return cumulative_incidence(self.hazard_logits(outputs, endpoint))
