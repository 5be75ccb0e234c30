"""Score a cohort with a bundle: one row a sample and question."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.cohort import Cohort
from metarisk.features.batch import Batch
from metarisk.models.answers import PARTLY_MEASURED, Probability, probabilities
from metarisk.models.bundle import ModelBundle
from metarisk.models.conformal import set_text
from metarisk.models.limits import beyond_range, reasons_to_abstain
from metarisk.models.reference import Judged
from metarisk.schema.endpoints import task_of
from metarisk.schema.scores import COLUMNS, DTYPES, FLAG_SEPARATOR, QUESTIONS, UNDECIDED_SETS

NOT_TRAINED = "abstained:not-trained"
# Beyond the training range by less than this share of it is a rounding of single precision.
BARELY = 1e-6
UNDECIDED, HELD_BACK = "undecided", "abstained:undecided"


def score_cohort(bundle: ModelBundle, cohort: Cohort) -> pd.DataFrame:
    """Answers to every question for every sample of a cohort.

    A question the model was not trained on is answered with a null probability and the flag
    ``abstained:not-trained``; a sample that the model has no right to answer, with one of
    `metarisk.models.limits.reasons_to_abstain`. An answer whose conformal set holds both yes and no, or
    neither, has the flag ``undecided`` and keeps its probability, or is held back as ``abstained:undecided``
    where the configuration asks for that.

    Returns
    -------
    DataFrame
        Columns of `metarisk.schema.scores`, sample by sample in the cohort's order. ``probability`` is of the
        target within ``horizon_days`` (ever, when null); higher is worse for sites and metastasis, better for
        response.
    """
    batch = bundle.transform.apply(cohort)
    horizons = bundle.experiment.tasks.horizons_days
    answers = _reported(probabilities(bundle.ensemble, bundle.calibration, batch, horizons))
    judged = bundle.reference.judge(batch)
    reasons = reasons_to_abstain(bundle, cohort, batch, judged)
    held_back = bundle.experiment.calibration.abstain == "undecided"
    parts = [_answered(cohort, answer, reasons, held_back) for answer in answers]
    parts += [_abstained(cohort, question) for question in _unanswered(answers)]
    table = pd.concat(parts, ignore_index=True)
    table = table.sort_values("row", kind="stable", ignore_index=True)
    flags = np.array(list(sample_flags(bundle, cohort, batch, judged)), dtype=object)
    own = table["flags"].to_numpy(dtype=object)
    shared = flags[table["row"].to_numpy()]
    table["flags"] = [FLAG_SEPARATOR.join(filter(None, pair)) for pair in zip(own, shared, strict=True)]
    table["distance_p"] = judged.p[table["row"].to_numpy()]
    table["input_sha256"] = np.array(content_hashes(batch), dtype=object)[table["row"].to_numpy()]
    table["model_name"] = bundle.name
    table["model_version"] = bundle.version
    table["bundle_sha256"] = bundle.sha256
    table["topology_sha256"] = bundle.topology.sha256
    return table[list(COLUMNS)].astype(DTYPES)


def sample_flags(bundle: ModelBundle, cohort: Cohort, batch: Batch, judged: Judged) -> Iterator[str]:
    """What a reader of a sample's row must know, parts joined by ``;``.

    ``missing:<assay>``, ``unit:<assay>`` (missing because training never saw such units), ``partial:<assay>``
    (under half of the model's genes: the interval is wider), ``too-few:<assay>`` (so few that they are not
    read, so missing too), ``other:<column>`` (a value that training did not keep), ``unknown:<column>``,
    ``outside:<column>`` (a clinical number that no training patient reached: read as the nearest of theirs),
    ``far:<block>`` (the sample's distance p-value is under 0.01, and it is this that sets it apart: an assay,
    or ``clinical``), ``training-patient``.
    """
    seen_before = bundle.training_ids.contains(cohort.patient_ids)
    other = bundle.transform.unknown_levels(cohort)
    measured = {assay.value: entry.measured.mean(axis=1) for assay, entry in batch.assays.items()}
    unscaled, scraps = bundle.transform.unscaled(cohort), bundle.transform.too_few(cohort)
    columns = bundle.transform.numeric
    unknown = {name: np.isnan(batch.flat[:, at]) for name, at in bundle.transform.first_columns().items()}
    outside = beyond_range(bundle, batch)
    for row in range(len(cohort)):
        flags = ["training-patient"] if seen_before[row] else []
        flags += [f"missing:{name}" for name, share in measured.items() if share[row] == 0.0]
        flags += [f"unit:{name}" for name, lost in unscaled.items() if lost[row]]
        flags += [f"too-few:{name}" for name, few in scraps.items() if few[row]]
        flags += [f"partial:{name}" for name, share in measured.items() if 0.0 < share[row] < PARTLY_MEASURED]
        flags += [f"other:{name}" for name, rare in other.items() if rare[row]]
        flags += [f"unknown:{name}" for name in (*columns, *other) if unknown[name][row]]
        flags += [f"outside:{name}" for name, distance in outside.items() if distance[row] > BARELY]
        flags += [f"far:{name}" for name, far in judged.far.items() if far[row]]
        yield FLAG_SEPARATOR.join(flags)


def content_hashes(batch: Batch) -> list[str]:
    """Hash of everything that the model reads of each sample, length N."""
    parts = [np.ascontiguousarray(batch.flat)]
    parts += [np.ascontiguousarray(entry.values) for entry in batch.assays.values()]
    parts += [np.ascontiguousarray(entry.measured) for entry in batch.assays.values()]
    hashes = []
    for row in range(len(batch)):
        digest = hashlib.sha256()
        for part in parts:
            digest.update(part[row].tobytes())
        hashes.append(digest.hexdigest())
    return hashes


def _answered(
    cohort: Cohort, answer: Probability, reasons: NDArray[np.object_], held_back: bool
) -> pd.DataFrame:
    task, target = task_of(answer.endpoint)
    text = np.full(len(cohort), "", dtype=object) if answer.kept is None else set_text(answer.kept)
    undecided = np.isin(text, UNDECIDED_SETS)
    own = np.where(undecided & (reasons == ""), HELD_BACK if held_back else UNDECIDED, reasons)
    blank = (reasons != "") | (undecided & held_back)
    known = {
        name: np.where(blank, np.nan, values)
        for name, values in (
            ("probability", answer.value),
            ("lower", answer.lower),
            ("upper", answer.upper),
            ("free_until_days", np.nan if answer.free_until_days is None else answer.free_until_days),
            ("graph_share", np.nan if answer.graph_share is None else answer.graph_share),
        )
    }
    return pd.DataFrame(
        {
            "row": np.arange(len(cohort)),
            "sample_id": cohort.sample_ids,
            "task": task,
            "target": answer.cause or target,
            "horizon_days": answer.horizon_days,
            **known,
            "conformal_set": np.where(blank, "", text),
            "flags": own,
        }
    )


def _reported(answers: list[Probability]) -> list[Probability]:
    """Answers that a table of scores has: of a dated organ its own cause alone, under the organ's name.

    So ``site.bone`` by a horizon is task ``site``, target ``bone``, like its yes / no; death before it is
    reported of ``metastasis`` and ``os``.
    """
    organs = {answer.endpoint for answer in answers if task_of(answer.endpoint)[0] == "site"}
    return [
        answer._replace(cause="") if answer.cause == answer.endpoint else answer
        for answer in answers
        if answer.endpoint not in organs or answer.cause in {"", answer.endpoint}
    ]


def _unanswered(answers: list[Probability]) -> list[str]:
    answered = {task_of(answer.endpoint)[0] for answer in answers}
    return [question for question in QUESTIONS if question not in answered]


def _abstained(cohort: Cohort, question: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "row": np.arange(len(cohort)),
            "sample_id": cohort.sample_ids,
            "task": question,
            "target": question,
            "horizon_days": np.nan,
            "probability": np.nan,
            "lower": np.nan,
            "upper": np.nan,
            "conformal_set": "",
            "free_until_days": np.nan,
            "graph_share": np.nan,
            "flags": NOT_TRAINED,
        }
    )
