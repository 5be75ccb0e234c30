"""Objectives: masked, stable, free of the rows' order."""

from metarisk.losses.masked import binary_loss, discrete_hazard_loss

__all__ = ["binary_loss", "discrete_hazard_loss"]
