"""What a model must have shown before it may be published."""

from __future__ import annotations

from typing import Any

import pytest

from metarisk.config.experiment import GateSection
from metarisk.errors import GateRefusedError
from metarisk.jobs.gates import check_gates


def figure(endpoint: str, metric: str, value: float | None, **other: Any) -> dict[str, Any]:
    row = {"model": "metarisk", "stratum": "all", "horizon_days": None, "lower": None, "upper": None}
    return {**row, "endpoint": endpoint, "metric": metric, "value": value, **other}


FIGURES = [
    figure("site.liver", "auroc", 0.72),
    figure("site.liver", "auroc", 0.55, stratum="within cancer_type"),
    figure("site.liver", "auroc", 0.50, model="no_graph"),
    figure("site.liver", "calibration_error", 0.04),
    figure("metastasis", "auroc", 0.70, horizon_days=365.0),
    figure("metastasis", "auroc", 0.64, horizon_days=730.0),
    figure("metastasis", "calibration_error", 0.30, horizon_days=365.0),
    figure("response", "auroc", None),
    figure("response", "calibration_error", 0.09),
]


def test_no_gates_let_everything_through() -> None:
    check_gates(GateSection(), [], "m")


def test_a_model_that_shows_what_is_asked_passes() -> None:
    check_gates(GateSection(min_auroc={"site.liver": 0.72}, max_calibration_error=0.09), FIGURES, "m")


@pytest.mark.parametrize(
    ("gates", "sentence"),
    [
        (
            {"min_auroc": {"site.liver": 0.75}},
            r"m failed 1 gate: site.liver has AUROC 0.720, required at least 0.75",
        ),
        (
            {"min_auroc": {"metastasis": 0.65}},
            "metastasis within 730 days has AUROC 0.640, required at least",
        ),
        ({"min_auroc": {"response": 0.5}}, "response has AUROC not known, required at least 0.5"),
        ({"min_auroc": {"site.brain": 0.5}}, "site.brain has no AUROC on held-out patients, required 0.5"),
        (
            {"max_calibration_error": 0.05},
            "failed 1 gate: response has calibration error 0.090, required at most 0.05",
        ),
    ],
)
def test_a_failed_gate_says_what_was_found_and_what_is_required(gates: dict[str, Any], sentence: str) -> None:
    with pytest.raises(GateRefusedError, match=sentence):
        check_gates(GateSection(**gates), FIGURES, "m")


def test_every_failed_gate_is_named() -> None:
    gates = GateSection(min_auroc={"site.liver": 0.9, "metastasis": 0.65}, max_calibration_error=0.05)
    with pytest.raises(GateRefusedError, match=r"failed 3 gates: metastasis.*; site\.liver.*; response"):
        check_gates(gates, FIGURES, "m")


def test_a_calibration_gate_needs_a_figure() -> None:
    with pytest.raises(GateRefusedError, match="no calibration error on held-out patients"):
        check_gates(GateSection(max_calibration_error=0.5), [], "m")
