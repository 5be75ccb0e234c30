from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from metarisk.config import Experiment
from metarisk.models.network import Network
from metarisk.models.pretrained import Pretrained, Start
from metarisk.train.members import TrainingSet, learn
from metarisk.train.objective import prior_penalty
from metarisk.train.pretrain import pretrain_model
from metarisk.train.tasks import learnable_layout

FROM = {"study": "hand", "licence": "CC0"}
TRAINING = {"folds": 2, "epochs": 4, "batch_size": 32}


def begun(make: Any, finetune: str) -> Any:
    """Patients ready to be fitted on from a body with weights of another seed."""
    network = {"adapter_rank": 2} if finetune == "adapters" else {}
    ready = make.all_of(
        make.experiment(network=network, training={**TRAINING, "pretrained": "body", "finetune": finetune})
    )
    torch.manual_seed(99)
    body = Network(
        replace(ready.plan, section=ready.plan.section.model_copy(update={"adapter_rank": 0})), make.topology
    )
    assert body.graph is not None
    assert body.graph.genes is not None
    start = Start(Pretrained.of(body.graph.genes, make.topology, FROM), finetune)
    return replace(ready, plan=replace(ready.plan, start=start))


@pytest.mark.parametrize("finetune", ["heads", "adapters", "all"])
def test_only_what_is_asked_for_moves(make: Any, halves: Any, finetune: str) -> None:
    ready = begun(make, finetune)
    first = Network(ready.plan, ready.topology)
    frozen = {name for name, weight in first.named_parameters() if not weight.requires_grad}
    before = ready.plan.start.pretrained.weights
    after = dict(ready.fit(halves, epochs=2, learning_rate=0.05).named_parameters())
    for name in before:
        moved = not torch.equal(after[f"graph.genes.{name}"], before[name])
        assert moved == (finetune == "all"), name
        assert (f"graph.genes.{name}" in frozen) == (finetune != "all")
    assert after["graph.head.weight"].requires_grad
    assert after["direct.linear.weight"].any()
    if finetune == "adapters":
        assert after["graph.genes.adapters.0.up"].any()


def test_the_prior_of_pretrained_weights_lies_around_them(make: Any) -> None:
    ready = begun(make, "all")
    network = Network(ready.plan, ready.topology)
    section = ready.experiment.training
    others = sum(
        float(weight.detach().square().sum())
        for name, weight in network.named_parameters()
        if name.startswith("graph.") and not name.startswith("graph.genes.")
    )
    direct = sum(float(w.detach().square().sum()) for w in network.direct.parameters())
    expected = others / (2 * section.graph_prior**2) + direct / (2 * section.direct_prior**2)
    assert float(prior_penalty(network, section).detach()) == pytest.approx(expected, rel=1e-4)
    with torch.no_grad():
        network.get_parameter("graph.genes.identity").add_(1.0)
    moved = network.get_parameter("graph.genes.identity").numel() / (2 * section.graph_prior**2)
    assert float(prior_penalty(network, section).detach()) == pytest.approx(expected + moved, rel=1e-4)


def test_adapters_and_their_rank_go_together_and_need_a_body() -> None:
    small: dict[str, Any] = {"name": "x", "simulation": {"samples": 100}}
    with pytest.raises(ValueError, match=r"finetune: adapters and network\.adapter_rank > 0 go together"):
        Experiment.model_validate({**small, "network": {"adapter_rank": 2}})
    with pytest.raises(ValueError, match=r"finetune: adapters and network\.adapter_rank > 0 go together"):
        Experiment.model_validate({**small, "training": {"finetune": "adapters", "pretrained": "body"}})
    with pytest.raises(ValueError, match=r"finetune: heads needs training\.pretrained"):
        Experiment.model_validate({**small, "training": {"finetune": "heads"}})


SCARCE: dict[str, Any] = {
    "simulation": {"samples": 1700, "signal": 3.0, "treated": 1.0},
    "features": {"direct_genes": 30, "numeric": ["age_years"], "categorical": []},
    "network": {"width": 8, "direct_hidden": 0},
    "pretraining": {"epochs": 60, "batch_size": 32, "mask_assay": 0.0},
    "training": {"epochs": 60, "patience": 8, "batch_size": 16, "learning_rate": 0.01, "direct_prior": 0.1},
}


@pytest.mark.slow
def test_with_80_labels_and_600_without_a_pretrained_body_is_not_worse(make: Any) -> None:
    gains = [_gain(make, seed) for seed in range(3)]
    assert np.mean(gains) > -0.01, gains


def _gain(make: Any, seed: int) -> float:
    """AUROC with adapters in a pretrained body minus that from scratch, mean over the questions."""
    scratch = make.experiment(**SCARCE).model_copy(update={"seed": seed})
    tuned = make.experiment(
        **{
            **SCARCE,
            "network": {**SCARCE["network"], "adapter_rank": 2},
            "training": {**SCARCE["training"], "pretrained": "body", "finetune": "adapters"},
        }
    ).model_copy(update={"seed": seed})
    cohort = make.cohort(scratch)
    free, labelled, test = (cohort.take(np.arange(*ends)) for ends in ((0, 600), (600, 680), (680, 1700)))
    body = pretrain_model(scratch, free, make.topology, lambda _: None).pretrained
    layout, _ = learnable_layout(labelled.endpoints, scratch.tasks)
    areas = []
    for experiment, start in ((scratch, None), (tuned, Start(body, "adapters"))):
        patients = replace(TrainingSet.of(labelled, make.topology, layout, experiment), start=start)
        learned = learn(patients, make.topology, experiment, lambda _: None)
        outputs = learned.ensemble.answers(learned.transform.apply(test))["outputs"].mean(axis=0)
        areas.append([_auroc(test.endpoints[name], outputs[:, at]) for at, name in enumerate(layout.binary)])
    return float(np.mean(areas[1]) - np.mean(areas[0]))


def _auroc(labels: Any, outputs: Any) -> float:
    known = labels.notna().to_numpy()
    return float(roc_auc_score(labels[known], outputs[known]))
