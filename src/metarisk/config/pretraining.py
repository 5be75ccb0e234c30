"""What an experiment may choose of pretraining: what is hidden, and how the network learns to find it."""

from __future__ import annotations

from pydantic import Field

from metarisk.config.section import Section


class PretrainingSection(Section):
    """How a graph body is fitted to samples without labels.

    Attributes
    ----------
    mask_genes
        Share of the measured genes of an assay that is hidden from a sample in a step.
    mask_assay
        Chance that a sample loses a whole assay in a step and it is predicted from the others; only where
        another assay was measured.
    epochs, patience
        Most epochs, and how many without a better loss on held-out patients before stopping.
    valid_fraction
        Share of the learning patients that the fit stops on.
    partners
        Most correlated genes that the ridge control predicts a hidden gene from; 0 leaves that control out.
    """

    mask_genes: float = Field(default=0.15, gt=0.0, lt=1.0)
    mask_assay: float = Field(default=0.15, ge=0.0, lt=1.0)
    epochs: int = Field(default=40, ge=1, le=1000)
    patience: int = Field(default=8, ge=1)
    batch_size: int = Field(default=64, ge=2)
    learning_rate: float = Field(default=0.02, gt=0.0, le=1.0)
    valid_fraction: float = Field(default=0.15, gt=0.0, lt=0.9)
    partners: int = Field(default=20, ge=0, le=500)
