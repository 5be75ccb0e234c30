"""What an experiment may choose of how its answers are calibrated, and when they are held back."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from metarisk.config.section import Section
from metarisk.schema.clinical import CATEGORICAL


class CalibrationSection(Section):
    """How outputs become probabilities, and probabilities sets of answers.

    Attributes
    ----------
    method
        Curve of each yes / no endpoint, fitted on held-out folds: ``platt`` (slope and offset of the log
        odds), ``temperature`` (slope only) or ``isotonic`` (any rising curve; an endpoint with too few events
        or non-events keeps Platt's line). Dated endpoints have a line a cause in every case.
    level
        Share of the patients with each true answer, yes or no, whose conformal set holds it.
    within
        Clinical category inside which the level is held; one that is not a feature leaves one group of all.
    min_group
        A group with fewer held-out patients of an answer shares its threshold with the other small ones.
    abstain
        ``never`` keeps every probability and flags the undecided ones; ``undecided`` holds them back too.
    out_of_distribution
        A sample is not answered where a smaller share of the training patients was as far from the others as
        it is; 0 answers all, and flags those under 0.01. It stays 0 unless asked for: another platform sets
        nearly all of a cohort apart, whose ranks a model may still tell, and the audit of the job says so.
    """

    method: Literal["platt", "temperature", "isotonic"] = "platt"
    level: float = Field(default=0.9, ge=0.5, le=0.99)
    within: str = "cancer_type"
    min_group: int = Field(default=30, ge=10)
    abstain: Literal["never", "undecided"] = "never"
    # Left out of what is written where it is not used, so that hashes of experiments stay what they were.
    out_of_distribution: float = Field(default=0.0, ge=0.0, le=0.2, exclude_if=lambda level: level == 0.0)

    @field_validator("within")
    @classmethod
    def _within_is_a_category(cls, within: str) -> str:
        if within not in CATEGORICAL:
            raise ValueError(f"{within!r} is not one of {', '.join(CATEGORICAL)}")
        return within
