"""Learned on training data, replayed for ever: cohort to batch."""

from metarisk.features.batch import AssayInput, Batch, Targets
from metarisk.features.transform import FeatureTransform

__all__ = ["AssayInput", "Batch", "FeatureTransform", "Targets"]
