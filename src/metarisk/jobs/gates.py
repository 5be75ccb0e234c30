"""The gates: what a model must have shown on held-out patients before anyone may use it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from metarisk.config.gates import FigureGate, GateSection, Judged, Margin, SubgroupFloor
from metarisk.errors import GateRefusedError

Figure = Mapping[str, Any]

EVERYBODY = "all"
NAMES = {"auroc": "AUROC", "brier": "Brier score", "harrell_c": "Harrell's c", "uno_c": "Uno's c"}


class Verdict(NamedTuple):
    """What a gate found.

    Attributes
    ----------
    gate
        What it asks about, such as ``auroc``.
    question
        Endpoint, and by when.
    found, required
        In words.
    passed
        Whether what was found is what is required.
    """

    gate: str
    question: str
    found: str
    required: str
    passed: bool

    def __str__(self) -> str:
        return f"{self.question} has {self.found}, required {self.required}"


def judge(gates: GateSection, figures: Sequence[Figure], subgroups: Sequence[Figure]) -> tuple[Verdict, ...]:
    """What each gate that a bundle alone can answer finds; see `metarisk.jobs.champion` for the other.

    A gate asks each horizon of a dated endpoint. A figure that a gate asks for and that is absent, or could
    not be computed, does not pass.

    Parameters
    ----------
    gates
        What is required.
    figures
        Rows of `metarisk.train.figures.held_out_figures`.
    subgroups
        Rows of `metarisk.train.subgroups.subgroup_figures`.
    """
    ranked = [
        FigureGate(metric="auroc", endpoint=endpoint, at_least=required)
        for endpoint, required in sorted(gates.min_auroc.items())
    ]
    found = [verdict for gate in (*ranked, *gates.figures) for verdict in _of_figure(gate, figures)]
    found += _of_calibration(gates.max_calibration_error, figures)
    if gates.subgroup_floor is not None:
        found += _of_subgroups(gates.subgroup_floor, figures, subgroups)
    if gates.control_margin is not None:
        found += _of_controls(gates.control_margin, figures)
    return tuple(found)


def check_gates(verdicts: Iterable[Verdict], name: str) -> None:
    """Refuse a model that a gate does not let through.

    Raises
    ------
    GateRefusedError
        If a gate fails; every one that does is named with what was found and what is required.
    """
    failed = [str(verdict) for verdict in verdicts if not verdict.passed]
    if failed:
        count = len(failed)
        raise GateRefusedError(
            f"{name} failed {count} gate{'s' if count > 1 else ''}: {'; '.join(failed)}",
            do="Train a better model, or change the gates of its configuration and train again.",
        )


def margin_verdict(gate: str, question: str, against: str, row: Figure, required: Margin) -> Verdict:
    """Whether a paired difference is as large as a margin asks.

    Parameters
    ----------
    gate, question
        As in `Verdict`.
    against
        What ours is compared with.
    row
        ``value``, ``lower``, ``upper`` of ours minus the other.
    required
        The margin.
    """
    judged = row["lower"] if required.by == "bound" else row["value"]
    shown = f"AUROC {_shown(row['value'], signed=True)}{_interval(row, signed=True)} against {against}"
    asked = f"{'a lower bound of ' if required.by == 'bound' else ''}at least {required.margin:+g}"
    return Verdict(gate, question, shown, asked, judged is not None and judged >= required.margin)


def question_of(row: Figure) -> str:
    """Endpoint, and by when for a dated one."""
    horizon = row["horizon_days"]
    return str(row["endpoint"]) if horizon is None else f"{row['endpoint']} within {horizon:g} days"


def _of_figure(gate: FigureGate, figures: Sequence[Figure]) -> Iterator[Verdict]:
    """One verdict a horizon of the figure, or one that there is none."""
    name, required = NAMES.get(gate.metric, gate.metric.replace("_", " ")), _limits(gate)
    rows = [
        row
        for row in _ours(figures, gate.metric)
        if row["endpoint"] == gate.endpoint and gate.horizon_days in {None, row["horizon_days"]}
    ]
    if not rows:
        question = question_of({"endpoint": gate.endpoint, "horizon_days": gate.horizon_days})
        yield Verdict(gate.metric, question, f"no {name} on held-out patients", required, False)
    for row in rows:
        shown = f"{name} {_shown(row['value'])}{_interval(row) if gate.by == 'bound' else ''}"
        yield Verdict(gate.metric, question_of(row), shown, required, _within(gate, row))


def _limits(gate: FigureGate) -> str:
    ends: dict[Judged, tuple[str, str]] = {
        "value": ("", ""),
        "bound": ("a lower bound of ", "an upper bound of "),
    }
    low, high = ends[gate.by]
    least = [] if gate.at_least is None else [f"{low}at least {gate.at_least:g}"]
    most = [] if gate.at_most is None else [f"{high}at most {gate.at_most:g}"]
    return " and ".join([*least, *most])


def _within(gate: FigureGate, row: Figure) -> bool:
    low, high = (row["lower"], row["upper"]) if gate.by == "bound" else (row["value"], row["value"])
    above = gate.at_least is None or (low is not None and low >= gate.at_least)
    return above and (gate.at_most is None or (high is not None and high <= gate.at_most))


def _of_calibration(limit: float, figures: Sequence[Figure]) -> Iterator[Verdict]:
    """One verdict a yes / no endpoint."""
    if limit >= GateSection.model_fields["max_calibration_error"].default:
        return
    rows = [row for row in _ours(figures, "calibration_error") if row["horizon_days"] is None]
    required = f"at most {limit:g}"
    if not rows:
        missing = "no calibration error on held-out patients"
        yield Verdict("calibration_error", "the model", missing, required, False)
    for row in rows:
        passed = row["value"] is not None and row["value"] <= limit
        shown = f"calibration error {_shown(row['value'])}"
        yield Verdict("calibration_error", question_of(row), shown, required, passed)


def _of_subgroups(
    floor: SubgroupFloor, figures: Sequence[Figure], subgroups: Sequence[Figure]
) -> Iterator[Verdict]:
    """One verdict a question, about the worst of the groups that are large enough."""
    from metarisk.train.subgroups import EVERYBODY as NO_GROUP
    from metarisk.train.subgroups import GROUP

    required = (
        f"at least {floor.min_auroc:g} in each group of {floor.min_samples} samples or more, "
        f"{floor.min_events} of them with the event and as many without it"
    )
    for question in _questions(figures, floor.endpoints):
        large = [
            row
            for row in subgroups
            if question_of(row) == question and row["kind"] == GROUP and row["column"] != NO_GROUP
            if not floor.columns or row["column"] in floor.columns
            if _is_large(row, floor) and row["auroc"] is not None
        ]
        if not large:
            yield Verdict("subgroup_floor", question, "no group that is large enough", required, False)
            continue
        worst = min(large, key=lambda row: float(row["auroc"]))
        shown = (
            f"AUROC {_shown(worst['auroc'])} in {worst['column'].replace('_', ' ')} {worst['group']} "
            f"({worst['n']} samples, {worst['events']} events), the worst of {len(large)}"
        )
        yield Verdict("subgroup_floor", question, shown, required, worst["auroc"] >= floor.min_auroc)


def _is_large(row: Figure, floor: SubgroupFloor) -> bool:
    rarer = min(row["events"], row["n"] - row["events"])
    return bool(row["n"] >= floor.min_samples and rarer >= floor.min_events)


def _of_controls(required: Margin, figures: Sequence[Figure]) -> Iterator[Verdict]:
    """One verdict a question, about the control that does best on it."""
    from metarisk.train.figures import OURS

    for question in _questions(figures, required.endpoints):
        asked = [row for row in figures if row["stratum"] == EVERYBODY and question_of(row) == question]
        known = [row for row in asked if row["metric"] == "auroc" and row["value"] is not None]
        controls = {row["model"]: row["value"] for row in known if row["model"] != OURS}
        best = max(controls, key=lambda name: controls[name], default="")
        gaps = [row for row in asked if row["model"] == f"{OURS} - {best}"]
        if gaps:
            yield margin_verdict("control_margin", question, best, gaps[0], required)
        else:
            missing = "no control to be compared with"
            yield Verdict("control_margin", question, missing, f"at least {required.margin:+g}", False)


def _questions(figures: Sequence[Figure], endpoints: Sequence[str]) -> list[str]:
    """Questions of ours with an AUROC, of some endpoints or of all; an endpoint without one by its name."""
    rows = _ours(figures, "auroc")
    missing = sorted(set(endpoints) - {str(row["endpoint"]) for row in rows})
    asked = [question_of(row) for row in rows if not endpoints or row["endpoint"] in endpoints]
    return [*asked, *missing]


def _ours(figures: Sequence[Figure], metric: str) -> list[Figure]:
    from metarisk.train.figures import OURS

    of_all = [row for row in figures if row["model"] == OURS and row["stratum"] == EVERYBODY]
    return [row for row in of_all if row["metric"] == metric]


def _shown(value: float | None, *, signed: bool = False) -> str:
    return "not known" if value is None else f"{value:{'+' if signed else ''}.3f}"


def _interval(row: Figure, *, signed: bool = False) -> str:
    if row["lower"] is None or row["upper"] is None:
        return ""
    form, to = ("+.3f", " to ") if signed else (".3f", "-")
    return f" [{row['lower']:{form}}{to}{row['upper']:{form}}]"
