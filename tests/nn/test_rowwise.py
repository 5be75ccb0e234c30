"""Rows of a product are the same to the bit wherever they stand."""

from __future__ import annotations

import pytest
import torch

from metarisk.nn.rowwise import RowwiseLinear, rowwise_product


@pytest.mark.parametrize("outputs", [2, 5, 9])
@pytest.mark.parametrize("inputs", [5, 13, 16, 33, 333])
def test_a_rows_place_plays_no_part(inputs: int, outputs: int) -> None:
    torch.manual_seed(0)
    layer, rows = RowwiseLinear(inputs, outputs), torch.randn(64, inputs)
    matrix = torch.randn(inputs, outputs)
    order = torch.randperm(64)
    with torch.no_grad():
        torch.testing.assert_close(layer(rows[order]), layer(rows)[order], rtol=0, atol=0)
        product = rowwise_product(rows, matrix)
        torch.testing.assert_close(rowwise_product(rows[order], matrix), product[order], rtol=0, atol=0)


@pytest.mark.parametrize("width", [5, 6, 7, 9])
@pytest.mark.parametrize("channels", [3, 8, 11])
def test_nor_in_a_stack_of_products(channels: int, width: int) -> None:
    torch.manual_seed(0)
    rows, matrices, order = (
        torch.randn(500, 64, channels),
        torch.randn(500, channels, width),
        torch.randperm(64),
    )
    with torch.no_grad():
        shuffled, product = (rowwise_product(part, matrices) for part in (rows[:, order], rows))
    torch.testing.assert_close(shuffled, product[:, order], rtol=0, atol=0)


def test_it_is_the_product_with_and_without_a_gradient() -> None:
    torch.manual_seed(0)
    layer, rows = RowwiseLinear(13, 3), torch.randn(7, 13)
    expected = torch.nn.functional.linear(rows, layer.weight, layer.bias)
    torch.testing.assert_close(layer(rows), expected, rtol=0, atol=0)
    with torch.no_grad():
        torch.testing.assert_close(layer(rows), expected)
    stacked, matrices = torch.randn(4, 7, 5), torch.randn(4, 5, 2)
    with torch.no_grad():
        torch.testing.assert_close(rowwise_product(stacked, matrices), torch.bmm(stacked, matrices))
