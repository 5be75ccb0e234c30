from __future__ import annotations

import numpy as np
import torch

from metarisk.nn.encoders import OFF_GRAPH, AssayEncoder, encode

GENES, SAMPLES, WIDTH = 6, 4, 3


def two_encoders() -> list[tuple[AssayEncoder, torch.Tensor]]:
    """A mutation-like assay on three genes and a level on four, two of them shared."""
    return [
        (AssayEncoder(np.array([4, 0, 2]), GENES, 3, WIDTH), torch.randn(SAMPLES, 3, 3)),
        (AssayEncoder(np.array([1, 2, 0, 5]), GENES, 1, WIDTH), torch.randn(SAMPLES, 4, 1)),
    ]


def test_the_state_of_a_gene_is_the_sum_over_assays_and_channels() -> None:
    torch.manual_seed(0)
    pairs, identity = two_encoders(), torch.randn(GENES, WIDTH)
    expected = torch.zeros(GENES, SAMPLES, WIDTH)
    for encoder, values in pairs:
        for column, gene in enumerate(encoder.node_index.tolist()):
            for sample in range(SAMPLES):
                for channel, value in enumerate(values[sample, column]):
                    effect = encoder.shared[channel] + encoder.own[channel] * identity[gene]
                    expected[gene, sample] += value * effect
    torch.testing.assert_close(encode(pairs, identity), expected, atol=1e-5, rtol=1e-5)


def test_what_was_not_measured_adds_nothing() -> None:
    pairs, identity = two_encoders(), torch.randn(GENES, WIDTH)
    (first, values), (second, _) = pairs
    silent = encode([(first, values), (second, torch.zeros(SAMPLES, 4, 1))], identity)
    torch.testing.assert_close(silent, encode([(first, values)], identity))
    assert (silent[3] == 0).all()  # no assay reads this gene


def test_the_order_of_an_assays_columns_does_not_matter() -> None:
    encoder, values = two_encoders()[1]
    order = [2, 0, 3, 1]
    moved = AssayEncoder(encoder.node_index.numpy()[order], GENES, 1, WIDTH)
    moved.load_state_dict(encoder.state_dict())
    identity = torch.randn(GENES, WIDTH)
    torch.testing.assert_close(
        encode([(moved, values[:, order])], identity), encode([(encoder, values)], identity)
    )


def test_columns_on_no_node_stay_off_the_graph() -> None:
    encoder = AssayEncoder(np.array([OFF_GRAPH, 4, OFF_GRAPH, 1]), GENES, 1, WIDTH)
    bare = AssayEncoder(np.array([4, 1]), GENES, 1, WIDTH)
    bare.load_state_dict(encoder.state_dict())
    values, identity = torch.randn(SAMPLES, 4, 1), torch.randn(GENES, WIDTH)
    torch.testing.assert_close(
        encode([(encoder, values)], identity), encode([(bare, values[:, [1, 3]])], identity)
    )


def test_without_gradients_the_state_is_the_same() -> None:
    torch.manual_seed(1)
    pairs, identity = two_encoders(), torch.randn(GENES, WIDTH)
    pairs[0][1][pairs[0][1].abs() < 0.7] = 0.0  # most of what is read of a tumour is
    trained = encode(pairs, identity).detach()
    with torch.no_grad():
        torch.testing.assert_close(encode(pairs, identity), trained, atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(
            encode([(encoder.double(), values.double()) for encoder, values in pairs], identity.double()),
            trained.double(),
            atol=1e-6,
            rtol=1e-5,
        )
