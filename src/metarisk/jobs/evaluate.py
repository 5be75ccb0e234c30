"""`metarisk evaluate`: a trained model judged on a cohort that it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from metarisk.data.cohort import Cohort
from metarisk.errors import InputError


@dataclass(frozen=True)
class EvaluateResult:
    """Figures of a model on a cohort.

    Attributes
    ----------
    figures
        As `metarisk.train.figures.held_out_figures`, for the model alone.
    samples
        Samples that were judged.
    notes
        Sentences that a reader of the figures must know.
    """

    figures: pd.DataFrame
    samples: int
    notes: tuple[str, ...]


def evaluate(
    bundle: str, study: Path, *, data_root: Path | None = None, tracking_uri: str | None = None
) -> EvaluateResult:
    """Judge a model on the samples of a study whose patients it was not trained on.

    The experiment's own filter (``cohort.keep``) applies; censoring weights come from this cohort.

    Parameters
    ----------
    bundle
        Bundle folder or ``models:/name@alias``.
    study
        Study file, study folder or stored cohort.
    data_root
        Folder that a study file's paths are relative to.
    tracking_uri
        Registry of a ``models:/`` name.

    Raises
    ------
    InputError
        If every patient was trained on, or no question of the model has an answer in the cohort.
    """
    from metarisk.data.study import read_study
    from metarisk.jobs.opening import open_model
    from metarisk.models.answers import probabilities
    from metarisk.train.coverage import coverage_figures
    from metarisk.train.figures import OURS, answers_of, held_out_figures, joined
    from metarisk.train.run import choose_samples

    model = open_model(bundle, tracking_uri=tracking_uri)
    experiment = model.experiment
    cohort = choose_samples(read_study(study, data_root=data_root), experiment.cohort)
    fresh, notes = _unseen(cohort, model.training_ids.contains(cohort.patient_ids))
    batch = model.transform.apply(fresh)
    answered = probabilities(model.ensemble, model.calibration, batch, experiment.tasks.horizons_days)
    answers = answers_of(answered)
    groups = fresh.clinical.reindex(columns=["patient_id", experiment.evaluation.within])
    judged_on = (fresh.endpoints, fresh.endpoints, groups, experiment.evaluation)
    figures = joined(held_out_figures({OURS: answers}, *judged_on), coverage_figures(answered, *judged_on))
    if figures.empty:
        raise InputError(
            f"{cohort.provenance.name} knows the answer to no question of {model.name}",
            expected=f"endpoints among {', '.join(question.endpoint for question in answers)}",
            do="Map the study's outcome columns in a study file.",
        )
    return EvaluateResult(figures, len(fresh), notes)


def _unseen(
    cohort: Cohort, seen: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> tuple[Cohort, tuple[str, ...]]:
    if seen.all():
        raise InputError(
            f"all {len(cohort)} samples of {cohort.provenance.name} are of patients the model was trained on",
            expected="patients it has not seen",
            do="Evaluate on another cohort; the held-out figures stand in the bundle's figures.json.",
        )
    notes = (f"{int(seen.sum())} samples of training patients were left out",) if seen.any() else ()
    return cohort.take(~seen), notes
