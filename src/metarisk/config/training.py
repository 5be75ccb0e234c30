"""What an experiment may choose of the fit."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from metarisk.config.section import Section


class TrainingSection(Section):
    """How it is fitted.

    Attributes
    ----------
    folds
        Patient-level folds; each leaves one fold out for early stopping and calibration.
    seeds
        Members a fold; the ensemble has folds x seeds members.
    epochs, patience
        Most epochs, and how many without a better held-out loss before stopping.
    imbalance
        How much more a rare answer of a yes / no endpoint counts while learning: ``root`` by the square root
        of its inverse frequency, ``balanced`` by all of it. The logit that is learned stays that of the true
        rate (the loss adds the weights' shift), so nothing needs restoring afterwards.
    assay_dropout
        Chance that a training sample loses an assay in a step, so that any subset scores.
    direct_prior, graph_prior
        Standard deviation that a weight is thought to have before anything is seen, of the direct path and of
        the graph path: the penalty is the Gaussian prior of that width, so it fades as samples come.
    pretrained
        Folder that `metarisk pretrain` wrote, whose graph body the fit starts from; relative to this
        configuration. From scratch if left out.
    finetune
        What of a pretrained network is fitted: ``all``; ``adapters``, low-rank maps inside its body, and all
        outside it; ``heads``, only what is outside its body.
    device
        ``auto`` takes CUDA where there is one.
    precision
        ``bf16`` runs the network's products in bfloat16; weights, hazards and losses stay float32.
    checkpoint_every
        Epochs between two checkpoints of a member.
    processes_per_member
        Processes that share a member's minibatches; more processes than that share the members out. The
        number of processes that are started must be a multiple of it.
    """

    folds: int = Field(default=5, ge=2, le=20)
    seeds: int = Field(default=1, ge=1, le=20)
    epochs: int = Field(default=60, ge=1, le=1000)
    patience: int = Field(default=8, ge=1)
    imbalance: Literal["none", "root", "balanced"] = "none"
    batch_size: int = Field(default=128, ge=2)
    learning_rate: float = Field(default=3e-3, gt=0.0, le=1.0)
    direct_prior: float = Field(default=1.0, gt=0.0)
    graph_prior: float = Field(default=0.5, gt=0.0)
    assay_dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
    pretrained: Path | None = None
    finetune: Literal["all", "adapters", "heads"] = "all"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["float32", "bf16"] = "float32"
    checkpoint_every: int = Field(default=1, ge=1)
    processes_per_member: int = Field(default=1, ge=1, le=1024)
