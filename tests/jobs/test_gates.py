"""What a model must have shown before it may be published."""

from __future__ import annotations

from typing import Any

import pytest

from metarisk.config.experiment import Experiment, SimulationSection
from metarisk.config.gates import ChampionMargin, FigureGate, GateSection, Margin, SubgroupFloor
from metarisk.errors import GateRefusedError
from metarisk.jobs.gates import Verdict, check_gates, judge


def check(gates: GateSection, figures: list[dict[str, Any]], subgroups: list[dict[str, Any]] = []) -> None:  # noqa: B006
    check_gates(judge(gates, figures, subgroups), "m")


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
    check(GateSection(), [])


def test_a_model_that_shows_what_is_asked_passes() -> None:
    check(GateSection(min_auroc={"site.liver": 0.72}, max_calibration_error=0.09), FIGURES)


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
        (
            {"min_auroc": {"site.brain": 0.5}},
            "site.brain has no AUROC on held-out patients, required at least 0.5",
        ),
        (
            {"max_calibration_error": 0.05},
            "failed 1 gate: response has calibration error 0.090, required at most 0.05",
        ),
    ],
)
def test_a_failed_gate_says_what_was_found_and_what_is_required(gates: dict[str, Any], sentence: str) -> None:
    with pytest.raises(GateRefusedError, match=sentence):
        check(GateSection(**gates), FIGURES)


def test_every_failed_gate_is_named() -> None:
    gates = GateSection(min_auroc={"site.liver": 0.9, "metastasis": 0.65}, max_calibration_error=0.05)
    with pytest.raises(GateRefusedError, match=r"failed 3 gates: metastasis.*; site\.liver.*; response"):
        check(gates, FIGURES)


def test_a_calibration_gate_needs_a_figure() -> None:
    with pytest.raises(GateRefusedError, match="no calibration error on held-out patients"):
        check(GateSection(max_calibration_error=0.5), [])


def group(column: str, name: str, auroc: float | None, n: int, events: int, **other: Any) -> dict[str, Any]:
    row = {"model": "metarisk", "endpoint": "site.liver", "horizon_days": None, "kind": "group"}
    return {**row, "column": column, "group": name, "auroc": auroc, "n": n, "events": events, **other}


SUBGROUPS = [
    group("all", "all", 0.10, 500, 100),
    group("sex", "Female", 0.71, 260, 60),
    group("sex", "Male", 0.64, 240, 40),
    group("cancer_type", "BRCA", 0.58, 90, 30),
    group("cancer_type", "SKCM", 0.41, 60, 12),
    group("cancer_type", "LUAD", 0.30, 40, 10),
    group("cancer_type", "PRAD", 0.35, 80, 75),
    group("cancer_type", "BRCA - SKCM", 0.17, 150, 42, kind="gap"),
    group("stage", "IV", None, 300, 3, kind="too few"),
]
GAPS = [
    *FIGURES,
    figure("site.liver", "auroc", 0.69, model="linear"),
    figure("site.liver", "auroc_difference", 0.22, model="metarisk - no_graph", lower=0.1, upper=0.3),
    figure("site.liver", "auroc_difference", 0.03, model="metarisk - linear", lower=-0.01, upper=0.07),
    figure("site.liver", "brier", 0.19, lower=0.17, upper=0.21),
    figure("metastasis", "harrell_c", 0.66, horizon_days=730.0, lower=0.61, upper=0.70),
]


@pytest.mark.parametrize(
    ("gate", "passes"),
    [
        ({"metric": "brier", "endpoint": "site.liver", "at_most": 0.2}, True),
        ({"metric": "brier", "endpoint": "site.liver", "at_most": 0.2, "by": "bound"}, False),
        ({"metric": "brier", "endpoint": "site.liver", "at_least": 0.18, "at_most": 0.2}, True),
        ({"metric": "harrell_c", "endpoint": "metastasis", "at_least": 0.65}, True),
        ({"metric": "harrell_c", "endpoint": "metastasis", "at_least": 0.65, "by": "bound"}, False),
        ({"metric": "auroc", "endpoint": "metastasis", "horizon_days": 365, "at_least": 0.65}, True),
        ({"metric": "auroc", "endpoint": "metastasis", "at_least": 0.65}, False),
        ({"metric": "uno_c", "endpoint": "metastasis", "at_least": 0.5}, False),
    ],
)
def test_any_figure_of_the_bundle_can_be_a_gate(gate: dict[str, Any], passes: bool) -> None:
    verdicts = judge(GateSection(figures=(FigureGate(**gate),)), GAPS, [])
    assert all(verdict.passed for verdict in verdicts) == passes


def test_a_gate_by_the_bound_says_which_bound() -> None:
    gate = FigureGate(metric="brier", endpoint="site.liver", at_most=0.2, by="bound")
    sentence = r"site.liver has Brier score 0.190 \[0.170-0.210\], required an upper bound of at most 0.2"
    with pytest.raises(GateRefusedError, match=sentence):
        check(GateSection(figures=(gate,)), GAPS)


def test_the_floor_is_of_the_worst_group_that_is_large_enough() -> None:
    floor = SubgroupFloor(min_auroc=0.5, min_samples=50, min_events=10, endpoints=("site.liver",))
    sentence = (
        r"AUROC 0.410 in cancer type SKCM \(60 samples, 12 events\), the worst of 4, required at least 0.5"
    )
    with pytest.raises(GateRefusedError, match=sentence):
        check(GateSection(subgroup_floor=floor), GAPS, SUBGROUPS)


@pytest.mark.parametrize(
    "floor",
    [
        {"min_auroc": 0.41},
        {"min_auroc": 0.5, "min_samples": 70},
        {"min_auroc": 0.5, "min_events": 13},
        {"min_auroc": 0.6, "columns": ("sex",)},
    ],
)
def test_smaller_groups_and_other_columns_do_not_count(floor: dict[str, Any]) -> None:
    gates = GateSection(subgroup_floor=SubgroupFloor(**floor, endpoints=("site.liver",)))
    check(gates, GAPS, SUBGROUPS)


def test_a_floor_without_a_group_to_judge_does_not_let_through() -> None:
    gates = GateSection(subgroup_floor=SubgroupFloor(min_auroc=0.1, endpoints=("site.liver", "site.brain")))
    with pytest.raises(
        GateRefusedError, match=r"failed 2 gates: site.liver has no group that is large enough"
    ):
        check(gates, GAPS, [])


def test_the_margin_is_from_the_control_that_is_best() -> None:
    liver = ("site.liver",)
    check(GateSection(control_margin=Margin(margin=0.03, by="value", endpoints=liver)), GAPS)
    check(GateSection(control_margin=Margin(margin=-0.01, endpoints=liver)), GAPS)
    sentence = r"AUROC \+0.030 \[-0.010 to \+0.070\] against linear, required a lower bound of at least \+0"
    with pytest.raises(GateRefusedError, match=sentence):
        check(GateSection(control_margin=Margin(endpoints=liver)), GAPS)
    with pytest.raises(GateRefusedError, match="response has no control to be compared with"):
        check(GateSection(control_margin=Margin(endpoints=("response",))), GAPS)


def test_a_verdict_is_kept_whether_passed_or_not() -> None:
    gates = GateSection(min_auroc={"site.liver": 0.7, "site.brain": 0.5})
    assert judge(gates, FIGURES, []) == (
        Verdict("auroc", "site.brain", "no AUROC on held-out patients", "at least 0.5", False),
        Verdict("auroc", "site.liver", "AUROC 0.720", "at least 0.7", True),
    )


def test_an_experiment_without_the_newer_gates_keeps_its_hash() -> None:
    plain = Experiment(name="x", simulation=SimulationSection())
    assert plain.model_dump(mode="json")["gates"] == {"min_auroc": {}, "max_calibration_error": 1.0}
    asked = plain.model_copy(update={"gates": GateSection(better_than_champion=ChampionMargin())})
    assert asked.sha256 != plain.sha256
    assert Experiment.model_validate(asked.model_dump(mode="json")) == asked


def test_a_gate_without_a_limit_is_no_gate() -> None:
    with pytest.raises(ValueError, match="at_least, at_most or both"):
        FigureGate(metric="auroc", endpoint="response")
