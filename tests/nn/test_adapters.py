from __future__ import annotations

import torch

from metarisk.nn.adapters import Adapter, make_adapter


def test_an_adapter_changes_nothing_at_first() -> None:
    state = torch.randn(5, 3, 8)
    assert torch.equal(Adapter(8, 2)(state), state)


def test_what_it_then_changes_is_linear_and_of_its_rank() -> None:
    torch.manual_seed(0)
    adapter = Adapter(8, 2)
    torch.nn.init.normal_(adapter.up)
    everything = torch.eye(8)
    change = (adapter(everything) - everything).detach()
    assert torch.linalg.matrix_rank(change) == 2
    state = torch.randn(5, 8)
    torch.testing.assert_close(adapter(state), state + state @ change)
    assert not adapter(torch.zeros(3, 8)).any()


def test_rank_zero_has_no_weights() -> None:
    assert not list(make_adapter(8, 0).parameters())
    assert sum(weight.numel() for weight in make_adapter(8, 2).parameters()) == 2 * 8 * 2
