"""From a model and a cohort to the facts of each patient's page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from metarisk import __version__
from metarisk.data.cohort import Cohort
from metarisk.features.batch import Batch
from metarisk.models.base_rates import EVERY_RISK, EVERYBODY, Rate, types_of
from metarisk.models.bundle import ModelBundle
from metarisk.models.scoring import score_cohort
from metarisk.models.training_summary import question_name
from metarisk.report.patient.circuits import Circuits
from metarisk.report.patient.curves import curves_of
from metarisk.report.patient.facts import Answer, Curve, ModelFacts, PatientFacts
from metarisk.report.patient.inputs import assays_of, clinical_of
from metarisk.report.patient.published import scores_of
from metarisk.report.patient.what_if import what_if_of
from metarisk.schema.scores import FLAG_SEPARATOR

ABSTAINED, UNDECIDED, SEEN = "abstained", "undecided", "training-patient"
NO_ANSWERS = "Every answer is withheld, so nothing is explained and nothing is perturbed."
NO_RATES = "The bundle holds no counts by cancer type: train it again with this version to have base rates."


@dataclass(frozen=True)
class Wanted:
    """What is told beyond the answers.

    Attributes
    ----------
    circuits, what_if
        Whether answers are taken apart, and whether the model is asked what if; both cost seconds a patient.
    """

    circuits: bool = True
    what_if: bool = True


def gather_patients(bundle: ModelBundle, cohort: Cohort, wanted: Wanted) -> Iterator[PatientFacts]:
    """Facts of each sample of a cohort, in its order; what a sample's say depends on no other sample."""
    circuits = Circuits(bundle)
    for row in range(len(cohort)):
        yield _facts(bundle, cohort.take(np.array([row], dtype=np.intp)), wanted, circuits)


def _facts(bundle: ModelBundle, one: Cohort, wanted: Wanted, circuits: Circuits) -> PatientFacts:
    batch, table = bundle.transform.apply(one), score_cohort(bundle, one)
    read_as = str(types_of(bundle.transform, batch)[0])
    answers = tuple(_answer(bundle, row, read_as) for row in table.to_dict("records"))
    flags = tuple(_sample_flags(table))
    answered = any(answer.value is not None for answer in answers)
    told = circuits.of(one, batch) if wanted.circuits and answered else circuits.nothing()
    clinical, first = one.clinical.iloc[0], table.iloc[0]
    return PatientFacts(
        sample_id=str(one.sample_ids[0]),
        patient_id=str(one.patient_ids[0]),
        input_name=one.provenance.name,
        input_sha256=str(first["input_sha256"]),
        model=_model(bundle),
        cancer_type=_text(clinical.get("cancer_type")),
        read_as=read_as,
        assays=assays_of(bundle, one, batch),
        clinical=clinical_of(bundle, one),
        flags=flags,
        distance_p=_number(first["distance_p"]),
        training_patient=SEEN in flags,
        therapy_class=_text(clinical.get("therapy_class")),
        therapy_read="therapy_class" in bundle.transform.levels,
        answers=answers,
        curves=_curves(bundle, batch, answers),
        explanations=told.explanations,
        parts=told.parts,
        states=told.states,
        what_if=what_if_of(bundle, one, answers, told.parts) if wanted.what_if and answered else (),
        scores=scores_of(bundle, one),
        notes=(
            *told.notes,
            *([] if answered else [NO_ANSWERS]),
            *([] if bundle.reference.rates else [NO_RATES]),
        ),
    )


def _curves(bundle: ModelBundle, batch: Batch, answers: tuple[Answer, ...]) -> tuple[Curve, ...]:
    """Curves of the endpoints that are answered: one that is withheld at its horizons is not drawn either."""
    told = {(answer.task, answer.target) for answer in answers if answer.value is not None}
    return tuple(curve for curve in curves_of(bundle, batch) if (curve.endpoint, curve.cause) in told)


def _answer(bundle: ModelBundle, row: dict[Any, Any], read_as: str) -> Answer:
    horizon, value = _number(row["horizon_days"]), _number(row["probability"])
    name = question_name(row["task"], row["target"], row["horizon_days"])
    rates = bundle.reference.rates_of(name)
    third = 0 if rates is None or value is None else rates.third_of(value)
    flags = str(row["flags"]).split(FLAG_SEPARATOR)
    return Answer(
        task=row["task"],
        target=row["target"],
        question=name,
        horizon_days=horizon,
        value=value,
        lower=_number(row["lower"]),
        upper=_number(row["upper"]),
        kept=row["conformal_set"],
        free_until_days=_number(row["free_until_days"]),
        graph_share=_number(row["graph_share"]),
        withheld=next((flag for flag in flags if flag.startswith(ABSTAINED)), ""),
        rate=Rate(read_as, EVERY_RISK) if rates is None else rates.of(read_as),
        third_rate=Rate(read_as, third) if rates is None else rates.of(read_as, third),
        third=third,
        everybody=Rate(EVERYBODY, EVERY_RISK) if rates is None else rates.of(EVERYBODY),
    )


def _sample_flags(table: pd.DataFrame) -> Iterator[str]:
    """Flags of the sample, each once, without those that are of one answer alone."""
    for flag in dict.fromkeys(part for flags in table["flags"] for part in flags.split(FLAG_SEPARATOR)):
        if flag and flag != UNDECIDED and not flag.startswith(ABSTAINED):
            yield flag


def _model(bundle: ModelBundle) -> ModelFacts:
    return ModelFacts(
        name=bundle.name,
        version=bundle.version,
        metarisk=__version__,
        bundle_sha256=bundle.sha256,
        topology_sha256=bundle.topology.sha256,
        study=str(bundle.provenance.get("study", "")),
        training_patients=int(bundle.provenance.get("training_patients", bundle.reference.summary.patients)),
        level=bundle.calibration.sets.level,
        members=len(bundle.ensemble.networks),
        through_graph=bundle.ensemble.networks[0].graph is not None,
        has_rates=bool(bundle.reference.rates),
    )


def _number(value: Any) -> float | None:
    return None if value is None or np.isnan(value) else float(value)


def _text(value: Any) -> str:
    return "" if value is None or pd.isna(value) else str(value)
