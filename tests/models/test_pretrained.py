from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from metarisk.config.network import NetworkSection
from metarisk.errors import BundleError, OutputError
from metarisk.models.network import Network, NetworkPlan
from metarisk.models.pretrained import MANIFEST, WEIGHTS, Pretrained, Start, load_pretrained, save_pretrained
from metarisk.nn.heads import TaskLayout
from metarisk.pathways.prune import prune_to
from metarisk.schema.assays import Assay

FROM = {"study": "hand", "licence": "CC0"}


def plan_over(topology: Any, **section: Any) -> NetworkPlan:
    nodes = np.arange(len(topology.genes))
    settings = {
        "width": 4,
        "effect_layers": 1,
        "state_layers": 1,
        "readout": 2,
        "direct_hidden": 0,
        **section,
    }
    return NetworkPlan(
        section=NetworkSection(**settings),
        layout=TaskLayout(("response",), {}, {}),
        assay_nodes={Assay.EXPRESSION: nodes, Assay.MUTATION: nodes},
        groups=("age_years",),
        centre=np.zeros(1, np.float32),
        scale=np.ones(1, np.float32),
        number_columns=(),
        edges=np.empty((0, 9), np.float32),
    )


def body_of(network: Network) -> Any:
    assert network.graph is not None
    assert network.graph.genes is not None
    return network.graph.genes


@pytest.fixture
def before(small_topology: Any) -> Network:
    torch.manual_seed(1)
    return Network(plan_over(small_topology), small_topology).eval()


@pytest.fixture
def pretrained(before: Network, small_topology: Any) -> Pretrained:
    return Pretrained.of(body_of(before), small_topology, FROM, [{"assay": "expression", "value": 0.5}])


def begun(topology: Any, pretrained: Pretrained, finetune: str = "all", **section: Any) -> Network:
    torch.manual_seed(2)
    plan = replace(plan_over(topology, **section), start=Start(pretrained, finetune))
    return Network(plan, topology).eval()


def some_values(n_genes: int) -> dict[str, torch.Tensor]:
    chance = torch.Generator().manual_seed(0)
    return {
        "expression": torch.randn(3, n_genes, 1, generator=chance),
        "mutation": torch.rand(3, n_genes, 4, generator=chance).round(),
    }


@pytest.mark.parametrize(("finetune", "rank"), [("all", 0), ("heads", 0), ("adapters", 2)])
def test_at_step_zero_the_body_is_the_pretrained_one(
    before: Network, pretrained: Pretrained, small_topology: Any, finetune: str, rank: int
) -> None:
    after = begun(small_topology, pretrained, finetune, adapter_rank=rank)
    values = some_values(len(small_topology.genes))
    assert torch.equal(body_of(after)(values), body_of(before)(values))


def test_what_is_fitted_is_all_then_adapters_then_heads(pretrained: Pretrained, small_topology: Any) -> None:
    def fitted(finetune: str, rank: int) -> set[str]:
        network = begun(small_topology, pretrained, finetune, adapter_rank=rank)
        return {name for name, weight in network.named_parameters() if weight.requires_grad}

    every, adapters, heads = fitted("all", 0), fitted("adapters", 2), fitted("heads", 0)
    in_body = {name for name in every if name.startswith("graph.genes.")}
    assert heads == every - in_body
    assert adapters - heads == {f"graph.genes.adapters.{n}.{part}" for n in (0, 1) for part in ("down", "up")}
    width, rank = 4, 2
    sizes = {name: weight.numel() for name, weight in begun(small_topology, pretrained).named_parameters()}
    body = sum(sizes[name] for name in in_body)
    assert body > 2 * len(small_topology.genes) * width  # identities and attention, and more
    assert 2 * (width * rank + rank * width) < body / 10


def test_weights_follow_their_genes_and_relations_into_another_topology(
    before: Network, pretrained: Pretrained, small_topology: Any
) -> None:
    kept = [gene for gene in small_topology.genes if not gene.endswith(("A", "D"))]
    pruned, _ = prune_to(small_topology, {*kept, "NEW"})
    assert pruned.genes != small_topology.genes
    network = begun(pruned, pretrained)
    ours, theirs = body_of(network), body_of(before)
    for here, gene in enumerate(pruned.genes):
        there = small_topology.gene_index[gene]
        assert torch.equal(ours.identity[here], theirs.identity[there])
        assert torch.equal(ours.pooling.attention[here], theirs.pooling.attention[there])
    names = theirs.states[0].names
    shared = set(ours.states[0].names) & set(names)
    assert shared
    for here, wire in enumerate(ours.states[0].names):
        if wire in shared:
            expected = theirs.states[0].relation_weight[names.index(wire)]
            assert torch.equal(ours.states[0].relation_weight[here], expected)


def test_what_pretraining_did_not_know_stays_as_it_was_and_free(before: Network, small_topology: Any) -> None:
    pruned, _ = prune_to(small_topology, small_topology.genes[:40])
    torch.manual_seed(3)
    plan = plan_over(pruned)
    only = replace(plan, assay_nodes={Assay.EXPRESSION: plan.assay_nodes[Assay.EXPRESSION]})
    known = Pretrained.of(body_of(Network(only, pruned)), pruned, FROM)
    torch.manual_seed(2)
    fresh = Network(plan_over(small_topology), small_topology)
    network = begun(small_topology, known, "heads")
    new = [row for row, gene in enumerate(small_topology.genes) if gene not in pruned.genes]
    assert torch.equal(body_of(network).identity[new], body_of(fresh).identity[new])
    encoders = body_of(network).encoders
    assert encoders["mutation"].own.requires_grad
    assert not encoders["expression"].own.requires_grad
    assert torch.equal(encoders["mutation"].own, body_of(fresh).encoders["mutation"].own)


def test_a_network_without_a_graph_begins_as_it_would(pretrained: Pretrained, small_topology: Any) -> None:
    network = begun(small_topology, pretrained, graph=False)
    assert network.graph is None
    assert not network.prior_centres


def test_a_body_is_read_as_it_was_saved(pretrained: Pretrained, tmp_path: Path) -> None:
    saved = save_pretrained(pretrained, tmp_path / "body")
    read = load_pretrained(tmp_path / "body")
    assert {path.name for path in (tmp_path / "body").iterdir()} == {MANIFEST, WEIGHTS}
    assert read.sha256 == saved.sha256 != ""
    assert (read.genes, read.wires, read.provenance) == (saved.genes, saved.wires, saved.provenance)
    assert read.figures == saved.figures
    assert all(torch.equal(read.weights[name], value) for name, value in pretrained.weights.items())
    with pytest.raises(OutputError, match=r"body exists\."):
        save_pretrained(pretrained, tmp_path / "body")


@pytest.mark.parametrize("file", [MANIFEST, WEIGHTS])
def test_an_altered_body_is_refused(pretrained: Pretrained, tmp_path: Path, file: str) -> None:
    save_pretrained(pretrained, tmp_path / "body")
    path = tmp_path / "body" / file
    data = bytearray(path.read_bytes())
    place = data.index(b"CC0") if file == MANIFEST else len(data) - 1
    data[place] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(
        BundleError, match=r"body: altered since it was saved, or partial; expected the SHA-256"
    ):
        load_pretrained(tmp_path / "body")


def test_a_body_of_a_newer_format_or_none_at_all_is_refused(pretrained: Pretrained, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"pretrained\.json cannot be read \(FileNotFoundError\)"):
        load_pretrained(tmp_path)
    save_pretrained(pretrained, tmp_path / "body")
    path = tmp_path / "body" / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 9}))
    with pytest.raises(BundleError, match=r"pretrained format 9.*expected format 1, which metarisk"):
        load_pretrained(tmp_path / "body")


def test_a_body_of_another_shape_is_refused(pretrained: Pretrained, small_topology: Any) -> None:
    sentence = r"has width 4 and layers effects\.0, states\.0; expected width 4 and layers effects\.0 as the"
    with pytest.raises(BundleError, match=sentence):
        begun(small_topology, pretrained, state_layers=0)
    with pytest.raises(BundleError, match=r"width 4.*expected width 8"):
        begun(small_topology, pretrained, width=8)
    foreign = replace(pretrained, genes=tuple(f"X{gene}" for gene in pretrained.genes))
    with pytest.raises(BundleError, match="knows none of the 84 genes"):
        begun(small_topology, foreign)
