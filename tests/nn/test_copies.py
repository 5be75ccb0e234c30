from __future__ import annotations

import numpy as np
import torch
from torch import nn

from metarisk.nn.copies import CopiedLinear, CopiedMLP, copies_of
from metarisk.nn.direct import DirectPath, FlatEmbedding

SAMPLES, INPUTS, HIDDEN, OUTPUTS, COPIES = 6, 5, 4, 3, 3


def stirred(module: nn.Module) -> nn.Module:
    """All parameters away from where they started, some of which are zero."""
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5)
    return module.eval()


def embedding() -> FlatEmbedding:
    centre, scale = np.zeros(INPUTS, np.float32), np.ones(INPUTS, np.float32)
    return FlatEmbedding(centre, scale, [], np.empty((0, 2), np.float32))


def plain_layer(layer: CopiedLinear, copy: int) -> nn.Linear:
    """The linear layer that one copy amounts to: diag(s) W diag(r), b."""
    plain = nn.Linear(layer.weight.shape[1], layer.weight.shape[0])
    r, s = layer.sign[copy] + layer.copied_input[copy], 1.0 + layer.copied_output[copy]
    with torch.no_grad():
        plain.weight.copy_(s[:, None] * layer.weight * r)
        plain.bias.copy_(layer.copied_bias[copy])
    return plain


def plain_mlp(mlp: CopiedMLP, copy: int) -> nn.Sequential:
    parts: list[nn.Module] = []
    for layer, norm in zip(mlp.layers, mlp.norms, strict=True):
        parts += [plain_layer(layer, copy), norm, nn.SiLU()]
    last = nn.Linear(HIDDEN, OUTPUTS)
    with torch.no_grad():
        last.weight.copy_(mlp.copied_weight[copy].T)
        last.bias.copy_(mlp.copied_bias[copy])
    return nn.Sequential(*parts, last).eval()


def test_each_copy_is_the_plain_mlp_with_its_scaled_weights() -> None:
    torch.manual_seed(0)
    for layers in (1, 2):
        mlp = CopiedMLP(INPUTS, HIDDEN, OUTPUTS, layers=layers, copies=COPIES, dropout=0.3)
        stirred(mlp)
        inputs = torch.randn(SAMPLES, INPUTS)
        found = mlp(inputs)
        assert found.shape == (COPIES, SAMPLES, OUTPUTS)
        for copy in range(COPIES):
            torch.testing.assert_close(found[copy], plain_mlp(mlp, copy)(inputs), atol=1e-5, rtol=1e-4)


def test_one_copy_with_scalings_of_one_is_the_plain_mlp() -> None:
    torch.manual_seed(1)
    plain = DirectPath(embedding(), HIDDEN, OUTPUTS, dropout=0.0)
    stirred(plain)
    mlp = CopiedMLP(INPUTS, HIDDEN, OUTPUTS, layers=1, copies=1, dropout=0.0)
    first, norm, _, _, last = plain.mlp
    with torch.no_grad():
        mlp.layers[0].sign.fill_(1.0)
        mlp.layers[0].weight.copy_(first.weight)
        mlp.layers[0].copied_bias.copy_(first.bias[None])
        mlp.copied_weight.copy_(last.weight.T[None])
        mlp.copied_bias.copy_(last.bias[None])
    mlp.norms[0].load_state_dict(norm.state_dict())
    inputs = torch.randn(SAMPLES, INPUTS)
    torch.testing.assert_close(mlp(inputs)[0], plain.mlp(inputs))


def test_a_path_of_one_copy_is_an_ordinary_mlp_with_one_answer() -> None:
    path = DirectPath(embedding(), HIDDEN, OUTPUTS, dropout=0.0, copies=1)
    stirred(path)
    inputs = torch.randn(SAMPLES, INPUTS)
    assert isinstance(path.mlp, nn.Sequential)
    assert path.copies(inputs).shape == (1, SAMPLES, OUTPUTS)
    assert torch.equal(path(inputs), path.copies(inputs)[0])
    assert torch.equal(path(inputs), path.linear(path.embedding(inputs)) + path.mlp(path.embedding(inputs)))


def test_a_path_answers_with_the_mean_of_its_copies() -> None:
    path = DirectPath(embedding(), HIDDEN, OUTPUTS, dropout=0.0, copies=COPIES)
    stirred(path)
    inputs = torch.randn(SAMPLES, INPUTS)
    each = path.copies(inputs)
    assert each.shape == (COPIES, SAMPLES, OUTPUTS)
    torch.testing.assert_close(path(inputs), each.mean(dim=0))
    assert each.std(dim=0).min() > 0


def test_copies_start_without_an_opinion_and_apart_inside() -> None:
    mlp = CopiedMLP(INPUTS, HIDDEN, OUTPUTS, layers=1, copies=COPIES, dropout=0.0).eval()
    inputs = torch.randn(SAMPLES, INPUTS)
    assert (mlp(inputs) == 0).all()
    inside = mlp.layers[0](inputs.expand(COPIES, *inputs.shape))
    assert inside.std(dim=0).min() > 0
    assert set(mlp.layers[0].sign.unique().tolist()) == {-1.0, 1.0}


def test_copies_cost_few_weights() -> None:
    def count(copies: int) -> int:
        path = DirectPath(embedding(), 200, OUTPUTS, dropout=0.0, copies=copies)
        return sum(parameter.numel() for parameter in path.parameters())

    own = INPUTS + 200 + 200 + 200 * OUTPUTS + OUTPUTS  # scalings, bias, output layer
    assert count(9) - count(2) == 7 * own


def test_what_each_copy_has_of_its_own_is_known_by_name() -> None:
    mlp = CopiedMLP(INPUTS, HIDDEN, OUTPUTS, layers=1, copies=COPIES, dropout=0.0)
    shared = {name for name, parameter in mlp.named_parameters() if copies_of(name, parameter) == 1}
    assert shared == {"layers.0.weight", "norms.0.weight", "norms.0.bias"}
