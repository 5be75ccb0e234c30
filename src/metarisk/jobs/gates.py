"""The gates: what a model must have shown on held-out patients before anyone may use it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from metarisk.config.experiment import GateSection
from metarisk.errors import GateRefusedError

Figure = Mapping[str, Any]

EVERYBODY = "all"


def check_gates(gates: GateSection, figures: Sequence[Figure], name: str) -> None:
    """Compare a model's held-out figures with its gates.

    An AUROC gate asks each horizon of a dated endpoint. A figure that a gate asks for and that is absent, or
    could not be computed, fails.

    Parameters
    ----------
    gates
        What is required.
    figures
        Rows of `metarisk.train.figures.held_out_figures`.
    name
        What to call the model.

    Raises
    ------
    GateRefusedError
        If a gate fails; every one that does is named with what was found and what is required.
    """
    from metarisk.train.figures import OURS

    ours = [row for row in figures if row["model"] == OURS and row["stratum"] == EVERYBODY]
    failed = [*_weak(gates, ours), *_miscalibrated(gates, ours)]
    if failed:
        count = len(failed)
        raise GateRefusedError(
            f"{name} failed {count} gate{'s' if count > 1 else ''}: {'; '.join(failed)}",
            do="Train a better model, or change the gates of its configuration and train again.",
        )


def _weak(gates: GateSection, ours: Sequence[Figure]) -> Iterator[str]:
    """Sentences about endpoints that were ranked too badly, or not judged at all."""
    for endpoint, required in sorted(gates.min_auroc.items()):
        rows = [row for row in ours if row["metric"] == "auroc" and row["endpoint"] == endpoint]
        if not rows:
            yield f"{endpoint} has no AUROC on held-out patients, required {required:g}"
        for row in rows:
            if not _at_least(row["value"], required):
                yield f"{_question(row)} has AUROC {_shown(row['value'])}, required at least {required:g}"


def _miscalibrated(gates: GateSection, ours: Sequence[Figure]) -> Iterator[str]:
    """Sentences about yes / no endpoints whose calibration error is too large, or not known."""
    limit = gates.max_calibration_error
    if limit >= GateSection.model_fields["max_calibration_error"].default:
        return
    rows = [row for row in ours if row["metric"] == "calibration_error" and row["horizon_days"] is None]
    if not rows:
        yield f"no calibration error on held-out patients, required at most {limit:g}"
    for row in rows:
        if row["value"] is None or not row["value"] <= limit:
            shown = _shown(row["value"])
            yield f"{_question(row)} has calibration error {shown}, required at most {limit:g}"


def _at_least(value: float | None, required: float) -> bool:
    return value is not None and value >= required


def _question(row: Figure) -> str:
    horizon = row["horizon_days"]
    return str(row["endpoint"]) if horizon is None else f"{row['endpoint']} within {horizon:g} days"


def _shown(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3f}"
