"""Figures of merit: discrimination, calibration, survival, and the intervals of all of them."""

from metarisk.metrics.calibration import brier, d_calibration, expected_calibration_error, reliability
from metarisk.metrics.censoring import (
    brier_at_horizon,
    censoring_curve,
    integrated_brier,
    status_at_horizon,
)
from metarisk.metrics.concordance import cause_specific_c, harrell_c, uno_c
from metarisk.metrics.decision import decision_curve
from metarisk.metrics.delong import delong
from metarisk.metrics.discrimination import auroc, average_precision, time_dependent_auroc
from metarisk.metrics.intervals import Difference, Interval, bootstrap, holm, paired_difference
from metarisk.metrics.recalibration import recalibrate
from metarisk.metrics.survival import aalen_johansen, kaplan_meier
from metarisk.metrics.within import choose_strata, stratified_auroc, stratified_interval

__all__ = [
    "auroc",
    "average_precision",
    "time_dependent_auroc",
    "harrell_c",
    "cause_specific_c",
    "uno_c",
    "kaplan_meier",
    "aalen_johansen",
    "censoring_curve",
    "status_at_horizon",
    "brier_at_horizon",
    "integrated_brier",
    "brier",
    "reliability",
    "expected_calibration_error",
    "recalibrate",
    "d_calibration",
    "decision_curve",
    "Interval",
    "Difference",
    "bootstrap",
    "paired_difference",
    "delong",
    "holm",
    "choose_strata",
    "stratified_auroc",
    "stratified_interval",
]
