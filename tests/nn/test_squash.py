from __future__ import annotations

import pytest
import torch

from metarisk.nn.squash import add_tanh


def test_it_is_the_state_plus_the_tangent_at_any_size() -> None:
    change = torch.cat([torch.linspace(-12, 12, 100_001), torch.tensor([0.0, 1e-20, 1e30, -1e30])])
    found = add_tanh(torch.zeros_like(change), change)
    exact = change.double().tanh()
    torch.testing.assert_close(found.double(), exact, atol=2e-7, rtol=3e-7)
    assert found.abs().max() <= 1.0
    torch.testing.assert_close(add_tanh(change[:7], change[7:14]), change[:7] + change[7:14].tanh())


def test_what_is_not_a_number_stays_so() -> None:
    change = torch.tensor([float("nan"), float("inf"), -float("inf"), 0.5])
    assert add_tanh(torch.zeros(4), change).isnan().tolist() == [True, False, False, False]


def test_its_gradients_are_those_of_torch() -> None:
    torch.manual_seed(0)
    state, change = (3 * torch.randn(5, 4, 3)).requires_grad_(), (3 * torch.randn(5, 4, 3)).requires_grad_()
    incoming = torch.randn(5, 4, 3)
    found = torch.autograd.grad(add_tanh(state, change), [state, change], incoming)
    expected = torch.autograd.grad(state + change.tanh(), [state, change], incoming)
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16])
def test_other_precisions_are_torchs_own(kind: torch.dtype) -> None:
    state, change = torch.randn(6).to(kind), torch.randn(6).to(kind)
    assert torch.equal(add_tanh(state, change), state + change.tanh())


def test_a_view_is_read_as_its_copy_and_nothing_gives_nothing() -> None:
    state, change = torch.randn(3, 4).T, torch.randn(4, 3)
    torch.testing.assert_close(add_tanh(state, change), state + change.tanh())
    assert add_tanh(torch.empty(0, 2), torch.empty(0, 2)).shape == (0, 2)
