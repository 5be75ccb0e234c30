"""The items of TRIPOD+AI with what a run says to each; what software cannot know is left to the authors.

Numbers and topics follow the checklist of Collins et al., BMJ 2024;385:e078378; the words are our own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from metarisk.report.cohort.words import methods
from metarisk.report.tables import figure_text, question_text
from metarisk.train.figures import OURS
from metarisk.train.subgroups import GAP, worst_in_words

if TYPE_CHECKING:
    from metarisk.report.cohort.told import Told

CITATION = "Collins et al., BMJ 2024;385:e078378"
AUTHORS = "Not reported by software: to be written by the authors."


class Item(NamedTuple):
    """An item of the checklist.

    Attributes
    ----------
    number, part, topic
        As in the checklist: its number, the part of a paper, what it asks for.
    said
        What the run says to it.
    by_run
        False where only the authors can say it.
    """

    number: str
    part: str
    topic: str
    said: str
    by_run: bool


def items(told: Told) -> Iterator[Item]:
    """Every item of the checklist, in its order."""
    for number, part, topic, say in ITEMS:
        said = say(told) if say is not None else ""
        yield Item(number, part, topic, said or AUTHORS, bool(said))


def as_table(told: Told) -> pd.DataFrame:
    """The items as ``item, part, topic, by, said``."""
    rows = [
        {
            "item": one.number,
            "part": one.part,
            "topic": one.topic,
            "by": "run" if one.by_run else "authors",
            "said": one.said,
        }
        for one in items(told)
    ]
    return pd.DataFrame(rows)


def as_markdown(told: Told) -> str:
    """The items as a Markdown table."""
    lines = [f"# TRIPOD+AI ({CITATION}): what this run says", ""]
    lines += ["| item | part | topic | what this run says |", "|---|---|---|---|"]
    for one in items(told):
        cells = (one.number, one.part, one.topic, one.said)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _title(told: Told) -> str:
    kind = "Development and evaluation" if told.training else "Evaluation"
    return (
        f"{kind} of a prediction model ({told.model.name} {told.model.version}) in {told.name}: "
        f"{_asked(told)}."
    )


def _objectives(told: Told) -> str:
    if told.training:
        return "Development, with evaluation on held-out patients of the same study."
    return "Evaluation of a model that stands, on patients that it was not trained on."


def _sources(told: Told) -> str:
    of = told.model.provenance
    return (
        f"Judged: {told.name} (content SHA-256 {told.heading.get('cohort_sha256', 'not stated')}). Trained "
        f"on: {of.get('study', 'not stated')}, licence {of.get('licence', 'not stated')}. How "
        "representative they are: to be written by the authors."
    )


def _eligibility(told: Told) -> str:
    cohort = told.model.experiment.cohort
    kept = "; ".join(f"{column} in {', '.join(map(str, values))}" for column, values in cohort.keep.items())
    one = ", one sample a patient" if cohort.one_sample_per_patient else ""
    measured = f", measured by {', '.join(cohort.measured)}" if cohort.measured else ""
    return (
        f"The software kept: {kept or 'every sample'}{measured}{one}. The study's own criteria: to be "
        "written by the authors."
    )


def _preparation(told: Told) -> str:
    return (
        f"{methods(told)[2]} Transforms (scales, levels, bins) come from the training patients alone and "
        "travel in the bundle."
    )


def _outcomes(told: Told) -> str:
    horizons = ", ".join(f"{days:g}" for days in told.model.experiment.tasks.horizons_days)
    return (
        f"{_asked(told)}; dated outcomes at {horizons} days. How each was ascertained: to be written by the "
        "authors."
    )


def _predictors(told: Told) -> str:
    features = told.model.experiment.features
    return (
        f"Chosen before the fit, in the configuration: {', '.join(map(str, features.assays))}; "
        f"{', '.join((*features.numeric, *features.categorical))}. Why these: to be written by the authors."
    )


def _size(told: Told) -> str:
    return (
        f"{told.summary.samples:,} samples; events a question: {_counts(told)}. Whether that "
        "suffices: to be written by the authors."
    )


def _handled(told: Told) -> str:
    features = told.model.experiment.features
    return (
        f"Clinical numbers by {told.model.experiment.network.number_embedding} embedding in "
        f"{features.numeric_bins} bins; categories of fewer than {features.min_category_count} training "
        f"samples joined; channels altered in fewer than {features.min_alterations} left out of the direct "
        "path."
    )


def _model(told: Told) -> str:
    return methods(told)[0]


def _heterogeneity(told: Told) -> str:
    within = told.model.experiment.evaluation.within.replace("_", " ")
    return (
        f"Figures are also given within {within}, and in each subgroup with ten events and non-events or "
        "more."
    )


def _measures(told: Told) -> str:
    names = ", ".join(str(name).replace("_", " ") for name in told.figures["metric"].unique())
    return f"{names}; decision curves. {methods(told)[3]}"


def _updating(told: Told) -> str:
    return "None: the model was not changed after it was evaluated." if not told.training else ""


def _how_evaluated(told: Told) -> str:
    return (
        f"By the bundle {told.model.sha256 or 'of this run'}, command: "
        f"{told.heading.get('command', 'metarisk train')}."
    )


def _imbalance(told: Told) -> str:
    how = told.model.experiment.training.imbalance
    weighed = (
        "answers were not weighted" if how == "none" else f"rare answers were weighted ({how}) while learning"
    )
    return f"{weighed[0].upper()}{weighed[1:]}; probabilities keep the true rate."


def _fairness(told: Told) -> str:
    columns = [str(name) for name in told.subgroups["column"].unique() if name != "all"]
    if not columns:
        return "No subgroup could be judged: none is recorded, or all are alike."
    return f"Figures by {', '.join(columns).replace('_', ' ')}. Nothing was done to make groups alike."


def _output(told: Told) -> str:
    level = told.model.experiment.calibration.level
    return (
        f"A calibrated probability a question with a 95 % interval and a conformal set at level {level:g}. "
        "No threshold is built in; decision curves show what each would gain."
    )


def _differences(told: Told) -> str:
    if told.training:
        return "Held-out patients are of the same study, chosen by a hash of the patient's id."
    if told.audit is None:
        return "The bundle tells nothing of its training patients."
    moved = [check.name for check in told.audit.checks if check.verdict in ("look", "alarm")]
    return (
        f"Drift audit: {told.audit.verdict}; moved: {', '.join(moved) or 'nothing'}. The page has each "
        "comparison."
    )


def _sharing(told: Told) -> str:
    return (
        f"Training data under: {told.model.provenance.get('licence', 'not stated')}. Access: to be written "
        "by the authors."
    )


def _code(told: Told) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in told.software.items())
    return f"{versions}. Where the authors' own code is: to be written by the authors."


def _flow(told: Told) -> str:
    left = told.heading.get("left_out", "")
    return methods(told)[1] + (f" Left out: {left}." if left else "")


def _participants(told: Told) -> str:
    known = ", ".join(
        f"{one.name.replace('_', ' ')} known for {one.known:,}" for one in told.summary.clinical
    )
    return (
        f"{told.summary.patients:,} patients, {told.summary.samples:,} samples; "
        f"{known or 'no clinical column is known'}."
    )


def _per_analysis(told: Told) -> str:
    learned = told.model.provenance.get("training_patients", "not stated")
    return (
        f"Development, with its inner folds for tuning and calibration: {learned} patients. Evaluation, "
        f"samples / events a question: {_counts(told)}."
    )


def _specification(told: Told) -> str:
    return (
        "The whole model is the bundle: weights, transform, topology, calibration and conformal tables "
        f"under a manifest of SHA-256 ({told.model.sha256 or 'of this run'}); it scores without the "
        "training code."
    )


def _performance(told: Told) -> str:
    rows = _ours(told, "auroc")
    said = [
        f"{_question(row)} AUROC {figure_text(row['value'], row['lower'], row['upper'])}"
        for row in rows.to_dict("records")
    ]
    worst = list(worst_in_words(told.subgroups)) if len(told.subgroups) else []
    lowest = f" Lowest subgroup a question: {' | '.join(worst)}." if worst else ""
    return f"{'; '.join(said)}.{lowest}" if said else ""


def _spread(told: Told) -> str:
    gaps = told.subgroups[(told.subgroups["model"] == OURS) & (told.subgroups["kind"] == GAP)]
    said = [
        f"{_question(row)} by {str(row['column']).replace('_', ' ')}: {row['auroc']:.3f} ({row['group']})"
        for row in gaps.to_dict("records")
    ]
    return f"Widest gap of AUROC between groups: {'; '.join(said)}." if said else ""


def _limits(told: Told) -> str:
    rest = "The model card lists the rest; their meaning here: to be written by the authors."
    return " ".join((*told.notes, rest))


def _poor_input(told: Told) -> str:
    held = sum(told.audit.abstained.values()) if told.audit is not None else None
    here = "" if held is None else f" Withheld here: {held:,} answers."
    return (
        "Missing assays and unknown columns are read as missing and widen the interval; input unlike "
        f"training is flagged, and answers that the model has no right to give are withheld.{here}"
    )


def _asked(told: Told) -> str:
    pairs = told.figures[["endpoint", "horizon_days"]].drop_duplicates().itertuples(index=False)
    return ", ".join(question_text(str(name), float(days), "all") for name, days in pairs)


def _counts(told: Told) -> str:
    rows = _ours(told, "auroc").to_dict("records")
    return "; ".join(f"{_question(row)} {int(row['n'])} / {int(row['events'])}" for row in rows)


def _question(row: Mapping[Hashable, Any]) -> str:
    return question_text(str(row["endpoint"]), float(row["horizon_days"]), "all")


def _ours(told: Told, metric: str) -> pd.DataFrame:
    figures = told.figures
    return figures[
        (figures["model"] == OURS) & (figures["metric"] == metric) & (figures["stratum"] == "all")
    ].replace({None: np.nan})


Say = Callable[["Told"], str] | None
INTRODUCTION, METHODS, OPEN, RESULTS, DISCUSSION = (
    "introduction",
    "methods",
    "open science",
    "results",
    "discussion",
)
ITEMS: tuple[tuple[str, str, str, Say], ...] = (
    ("1", "title", "development or evaluation, population and outcome", _title),
    ("2", "abstract", "structured abstract", None),
    ("3a", INTRODUCTION, "clinical setting and reason for the model", None),
    ("3b", INTRODUCTION, "target population, purpose and users", None),
    ("3c", INTRODUCTION, "known inequalities between groups", None),
    ("4", INTRODUCTION, "objectives: development, evaluation or both", _objectives),
    ("5a", METHODS, "sources of data, and how representative", _sources),
    ("5b", METHODS, "dates of recruitment and follow-up", None),
    ("6a", METHODS, "setting and centres", None),
    ("6b", METHODS, "who was eligible", _eligibility),
    ("6c", METHODS, "treatments received", None),
    ("7", METHODS, "preparation and quality of the data", _preparation),
    ("8a", METHODS, "outcome and time horizon", _outcomes),
    ("8b", METHODS, "who assessed the outcome", None),
    ("8c", METHODS, "blinding of the outcome's assessment", None),
    ("9a", METHODS, "choice of predictors", _predictors),
    ("9b", METHODS, "definition and measurement of predictors", None),
    ("9c", METHODS, "who assessed predictors", None),
    ("10", METHODS, "sample size", _size),
    ("11", METHODS, "missing data", lambda told: methods(told)[2]),
    ("12a", METHODS, "how the data were split and used", lambda told: methods(told)[1]),
    ("12b", METHODS, "how predictors were handled", _handled),
    ("12c", METHODS, "type of model, building and internal validation", _model),
    ("12d", METHODS, "heterogeneity between clusters", _heterogeneity),
    ("12e", METHODS, "measures of performance", _measures),
    ("12f", METHODS, "updating of the model", _updating),
    ("12g", METHODS, "how predictions were computed", _how_evaluated),
    ("13", METHODS, "class imbalance", _imbalance),
    ("14", METHODS, "fairness", _fairness),
    ("15", METHODS, "output of the model and thresholds", _output),
    ("16", METHODS, "differences between training and evaluation data", _differences),
    ("17", METHODS, "ethical approval and consent", None),
    ("18a", OPEN, "funding", None),
    ("18b", OPEN, "conflicts of interest", None),
    ("18c", OPEN, "protocol", None),
    ("18d", OPEN, "registration", None),
    ("18e", OPEN, "sharing of data", _sharing),
    ("18f", OPEN, "sharing of code", _code),
    ("19", "patient and public involvement", "involvement of patients and the public", None),
    ("20a", RESULTS, "flow of participants and follow-up", _flow),
    ("20b", RESULTS, "characteristics of participants", _participants),
    ("20c", RESULTS, "comparison with the training data", _differences),
    ("21", RESULTS, "participants and events in each analysis", _per_analysis),
    ("22", RESULTS, "full specification of the model", _specification),
    ("23a", RESULTS, "performance with intervals, also of subgroups", _performance),
    ("23b", RESULTS, "spread of performance between clusters", _spread),
    ("24", RESULTS, "results of updating", _updating),
    ("25", DISCUSSION, "interpretation, also of fairness", None),
    ("26", DISCUSSION, "limitations", _limits),
    ("27a", DISCUSSION, "poor or missing input when it is used", _poor_input),
    ("27b", DISCUSSION, "what users must do and know", None),
    ("27c", DISCUSSION, "next steps of research", None),
)
