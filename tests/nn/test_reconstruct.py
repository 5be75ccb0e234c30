from __future__ import annotations

from typing import Any

import numpy as np
import torch

from metarisk.nn.encoders import OFF_GRAPH, AssayEncoder
from metarisk.nn.reconstruct import GeneContext, read_off


def test_values_are_read_off_in_the_direction_in_which_they_are_written() -> None:
    torch.manual_seed(0)
    node = np.array([3, OFF_GRAPH, 0, 2])
    encoder = AssayEncoder(node, n_nodes=4, channels=2, width=5)
    identity, context = torch.randn(4, 5), torch.randn(4, 6, 5)
    told = read_off(context, encoder, identity)
    assert told.shape == (6, 3, 2)
    for column, gene in enumerate((3, 0, 2)):
        for channel in range(2):
            effect = encoder.shared[channel] + encoder.own[channel] * identity[gene]
            torch.testing.assert_close(told[:, column, channel], context[gene] @ effect)


def test_a_context_is_the_gene_its_pathways_and_the_tumour(small_topology: Any) -> None:
    torch.manual_seed(0)
    context = GeneContext(small_topology, 3)
    genes, pathways = len(small_topology.genes), len(small_topology.pathways)
    state, above = torch.randn(genes, 2, 3), torch.randn(pathways, 2, 3)
    assert not context(state, above).any()  # all maps are zero at first
    for weight in context.parameters():
        torch.nn.init.normal_(weight)
    told = context(state, above)
    for gene in range(genes):
        of = small_topology.member_pathway[small_topology.member_gene == gene].tolist()
        around = sum((above[place] for place in of), torch.zeros(2, 3)) / max(len(of), 1) ** 0.5
        expected = (
            state[gene] @ context.from_state
            + around @ context.from_pathways
            + state.sum(dim=0) / genes**0.5 @ context.from_all
        )
        torch.testing.assert_close(told[gene], expected, atol=1e-5, rtol=1e-5)
