"""What a model must show before it is published."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from metarisk.config.section import Section

# The end of a 95 % interval that speaks less for the model, or the figure itself.
Judged = Literal["bound", "value"]


class FigureGate(Section):
    """A limit to one of the figures that a bundle carries, those of ``figures.tsv``.

    Attributes
    ----------
    metric
        ``auroc``, ``brier``, ``harrell_c``, ``uno_c``, ``set_coverage``, ``calibration_slope`` and so on.
    endpoint
        ``site.<organ>``, ``metastasis``, ``response`` and so on.
    horizon_days
        Of a dated endpoint; each of its horizons if left out.
    at_least, at_most
        The limits; one of them or both.
    by
        ``value``, or ``bound``: the lower end of the interval for ``at_least``, the upper for ``at_most``.
    """

    metric: str
    endpoint: str
    horizon_days: float | None = Field(default=None, gt=0.0)
    at_least: float | None = None
    at_most: float | None = None
    by: Judged = "value"

    @model_validator(mode="after")
    def _has_a_limit(self) -> FigureGate:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a gate of a figure has at_least, at_most or both")
        return self


class SubgroupFloor(Section):
    """Least AUROC in the group of patients that is served worst, of those that are large enough.

    Attributes
    ----------
    min_auroc
        The floor.
    min_samples
        Samples that a group needs.
    min_events
        Events, and as many non-events, that it needs.
    endpoints
        Questions that it is asked of; all if left out.
    columns
        What groups are made by, such as ``sex`` and ``cancer_type``; everything recorded if left out.
    """

    min_auroc: float = Field(ge=0.0, le=1.0)
    min_samples: int = Field(default=50, ge=1)
    min_events: int = Field(default=10, ge=1)
    endpoints: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


class Margin(Section):
    """How far the AUROC must lie above another's on the same patients.

    Attributes
    ----------
    margin
        Least difference, ours minus the other: 0 asks to be as good or better, below 0 allows to be that much
        worse.
    by
        ``bound``, the lower end of the paired interval, or ``value``.
    endpoints
        Questions that it is asked of; all if left out.
    """

    margin: float = Field(default=0.0, ge=-1.0, le=1.0)
    by: Judged = "bound"
    endpoints: tuple[str, ...] = ()


class ChampionMargin(Margin):
    """The same against the model that is champion when this one is published.

    Attributes
    ----------
    cohort
        Study file, study folder or stored cohort that both are judged on, without the patients that either
        was trained on; relative to where the command runs. ``--judge`` names another.
    """

    margin: float = Field(default=-0.02, ge=-1.0, le=1.0)
    cohort: Path | None = None


def _unset(value: Any) -> bool:
    return not value


class GateSection(Section):
    """What a model must show before it is published.

    Attributes
    ----------
    min_auroc
        Target -> least AUROC on the held-out patients, e.g. ``site.liver: 0.7``.
    max_calibration_error
        Largest expected calibration error (ten equal-count bins) of any yes / no target.
    figures
        Limits to any other figure on the held-out patients.
    subgroup_floor
        Least AUROC in the worst group.
    control_margin
        Distance from the control that is best on each question.
    better_than_champion
        Distance from the present champion on the same cohort.
    """

    min_auroc: dict[str, float] = Field(default_factory=dict)
    max_calibration_error: float = Field(default=1.0, gt=0.0, le=1.0)
    # Left out of what is written where they are not used, so that hashes of experiments stay what they were.
    figures: tuple[FigureGate, ...] = Field(default=(), exclude_if=_unset)
    subgroup_floor: SubgroupFloor | None = Field(default=None, exclude_if=_unset)
    control_margin: Margin | None = Field(default=None, exclude_if=_unset)
    better_than_champion: ChampionMargin | None = Field(default=None, exclude_if=_unset)
