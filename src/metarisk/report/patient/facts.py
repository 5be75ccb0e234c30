"""Everything that a patient's page tells, as plain values: the page, the JSON and the TSV say the same."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from metarisk.models.base_rates import Rate

FORMAT, FORMAT_VERSION = "metarisk.patient_report", 1
RESEARCH_ONLY = "Research use only; not a medical device; not for decisions on patients."


class AssayFact(NamedTuple):
    """One assay that the model reads, in this sample.

    Attributes
    ----------
    name
        Of the assay.
    reads, measured
        Columns that the model reads, and those of them that this sample has.
    unit, panel
        As declared; empty text where not.
    """

    name: str
    reads: int
    measured: int
    unit: str
    panel: str

    @property
    def share(self) -> float:
        """Share of what the model reads that was measured, 0 .. 1."""
        return self.measured / self.reads if self.reads else 0.0


class ClinicalFact(NamedTuple):
    """One clinical value that the model reads: its text (empty if unknown) and unit."""

    name: str
    value: str
    unit: str


class Answer(NamedTuple):
    """One answer as scored.

    Attributes
    ----------
    task, target, question
        Of the table of scores; the question's name in the bundle's counts.
    horizon_days
        By when; None for ever.
    value, lower, upper
        Probability and its 95 % interval, 0 .. 1; None where withheld.
    kept
        Conformal set: ``yes``, ``no``, ``yes or no``, ``none``, or empty text.
    free_until_days
        Until when such patients are free of it at the level of the sets; None where not told.
    graph_share
        Share of the answer that came through the graph; None where withheld.
    withheld
        Why there is no answer, as flagged; empty text where there is one.
    rate, third_rate
        How often it was true of training patients of the cancer type, and of its third of risk.
    third
        Third of predicted risk, 1 .. 3; 0 where not told.
    everybody
        Rate of all training patients.
    """

    task: str
    target: str
    question: str
    horizon_days: float | None
    value: float | None
    lower: float | None
    upper: float | None
    kept: str
    free_until_days: float | None
    graph_share: float | None
    withheld: str
    rate: Rate
    third_rate: Rate
    third: int
    everybody: Rate


class Curve(NamedTuple):
    """Cumulative incidence of one cause of a dated endpoint, calibrated, from 0 at day 0.

    Attributes
    ----------
    endpoint, cause
        Which event of which endpoint.
    days, value, lower, upper
        Ends of the intervals, and the probability by then with its 95 % interval.
    """

    endpoint: str
    cause: str
    days: tuple[float, ...]
    value: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]


class Part(NamedTuple):
    """What pushed an answer.

    Attributes
    ----------
    answer, kind, name, title
        Answer (``metastasis@365``), ``pathway``, ``gene`` or ``assay``, its name, and in words.
    assay
        Of a gene.
    measured
        What was measured of a gene, in words.
    share
        Calibrated log odds that it adds, against the average training patient.
    agreement
        Share of the members that agree on its sign; None for one member.
    """

    answer: str
    kind: str
    name: str
    title: str
    assay: str
    measured: str
    share: float
    agreement: float | None


class Explanation(NamedTuple):
    """An answer's distance from the average training patient.

    Attributes
    ----------
    answer
        Its name.
    distance
        Calibrated log odds.
    missing_share, driven_by_missing
        Share of it that vanishes when what is unknown is filled in, and whether that is half or more.
    """

    answer: str
    distance: float
    missing_share: float
    driven_by_missing: bool


class StateFact(NamedTuple):
    """State of a circuit.

    Attributes
    ----------
    name, title
        Id, and what a high score means.
    score
        In training standard deviations; None where not told.
    call
        Of EMT; empty text of others.
    genes_measured, genes
        Read of this sample, and of one that has them all.
    flag
        Why there is no score, or no percentile; empty text where there are both.
    percentile, lower, upper
        Percent of training patients that are lower, and between which it lies for sure; None where not told.
    training_type, training_n
        Whom it is compared with: a cancer type, or all of them, and how many.
    """

    name: str
    title: str
    score: float | None
    call: str
    genes_measured: int
    genes: int
    flag: str
    percentile: float | None
    lower: float | None
    upper: float | None
    training_type: str
    training_n: int


class WhatIf(NamedTuple):
    """What the model would answer to a changed input: probabilities before and change, with its interval."""

    answer: str
    kind: str
    name: str
    title: str
    before: float
    change: float
    lower: float | None
    upper: float | None
    source: str


class ClinicalScore(NamedTuple):
    """A published score beside the response: value None where its inputs are not there."""

    name: str
    title: str
    value: float | None
    unit: str
    reads: str
    standing: str


class ModelFacts(NamedTuple):
    """Which model answered, and what it was trained on."""

    name: str
    version: str
    metarisk: str
    bundle_sha256: str
    topology_sha256: str
    study: str
    training_patients: int
    level: float
    members: int
    through_graph: bool
    has_rates: bool


@dataclass(frozen=True)
class PatientFacts:
    """One sample's page.

    Attributes
    ----------
    sample_id, patient_id
        As the input has them.
    input_name, input_sha256
        Name of the input, and the hash of what the model read of this sample.
    model
        Which model.
    cancer_type
        As the input has it; empty text where unknown.
    read_as
        The type as the model reads it.
    assays, clinical
        What was measured.
    flags
        As scored, those of the sample.
    distance_p
        Share of training patients at least as unlike the others; None where it cannot be told.
    training_patient
        Whether the model was trained on this patient.
    answers, curves, explanations, parts, states, what_if, scores
        The answers and what stands beside them.
    therapy_class
        As the input has it; empty text where unknown.
    therapy_read
        Whether the model reads the class of therapy.
    notes
        Sentences on parts of the page that are not there.
    """

    sample_id: str
    patient_id: str
    input_name: str
    input_sha256: str
    model: ModelFacts
    cancer_type: str
    read_as: str
    assays: tuple[AssayFact, ...]
    clinical: tuple[ClinicalFact, ...]
    flags: tuple[str, ...]
    distance_p: float | None
    training_patient: bool
    therapy_class: str
    therapy_read: bool
    answers: tuple[Answer, ...]
    curves: tuple[Curve, ...]
    explanations: tuple[Explanation, ...]
    parts: tuple[Part, ...]
    states: tuple[StateFact, ...]
    what_if: tuple[WhatIf, ...]
    scores: tuple[ClinicalScore, ...]
    notes: tuple[str, ...]

    def of_task(self, task: str) -> tuple[Answer, ...]:
        """Answers of one task, in order."""
        return tuple(answer for answer in self.answers if answer.task == task)

    @property
    def answered(self) -> tuple[Answer, ...]:
        """Answers that are not withheld."""
        return tuple(answer for answer in self.answers if answer.value is not None)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, named fields all the way down."""
        names = [field.name for field in fields(self)]
        tree = {name: _plain(getattr(self, name)) for name in names}
        return {"format": FORMAT, "format_version": FORMAT_VERSION, "notice": RESEARCH_ONLY, **tree}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _plain(part) for name, part in value._asdict().items()}
    return [_plain(part) for part in value] if isinstance(value, tuple) else value
