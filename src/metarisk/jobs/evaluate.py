"""`metarisk evaluate`: a trained model judged on a cohort that it was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from metarisk import __version__
from metarisk.data.cohort import Cohort
from metarisk.errors import InputError
from metarisk.files import check_free, placed
from metarisk.jobs.cohort_report import PAGE
from metarisk.jobs.train import Output, write_figures

if TYPE_CHECKING:
    from metarisk.jobs.cohort_report import Judgements
    from metarisk.models.answers import Probability
    from metarisk.models.bundle import ModelBundle
    from metarisk.train.figures import Answers
    from metarisk.train.held_out import HeldOut
    from metarisk.train.judgement import Judgement

MANIFEST = "evaluation.json"
SEED = 0  # of the resamples
Seen = np.ndarray[tuple[int], np.dtype[np.bool_]]


def _no_scores(cohort: Cohort) -> Mapping[str, Answers]:
    return {}


@dataclass(frozen=True)
class Beside:
    """What a model is compared with on the same samples.

    Attributes
    ----------
    model
        Bundle folder or ``models:/name@alias`` of another model; samples of its training patients are left
        out too. Empty for none.
    scores
        Gives further answers by name for the samples that are judged, shape (N,) each, such as a published
        clinical score; NaN where a sample lacks what the score reads. One that is no probability of every
        sample is compared in ``versus.tsv`` alone.
    """

    model: str = ""
    scores: Callable[[Cohort], Mapping[str, Answers]] = _no_scores


@dataclass(frozen=True)
class EvaluateResult:
    """Figures of a model on a cohort.

    Attributes
    ----------
    figures
        As `metarisk.train.figures.held_out_figures`, the model alone or beside others.
    samples
        Samples that were judged.
    notes
        Sentences that a reader of the figures must know.
    tables
        The other tables by name: ``versus`` where there was something to compare with, ``subgroups`` and
        ``decisions`` where they were written.
    folder
        Where they were written, with ``report.html``, the page to open first.
    """

    figures: pd.DataFrame
    samples: int
    notes: tuple[str, ...]
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    folder: Path | None = None

    @property
    def page(self) -> Path | None:
        """The page, None where nothing was written."""
        return None if self.folder is None else self.folder / PAGE


class Judged(NamedTuple):
    """What is judged, and on whom.

    Attributes
    ----------
    models
        Model -> question -> answer of each of N samples, ours first.
    answered
        Our answers with their sets.
    samples, held_out
        The samples, and what is needed to judge them.
    heading
        What the tables rest on.
    notes
        Sentences that a reader must know.
    """

    models: dict[str, Answers]
    answered: list[Probability]
    samples: Cohort
    held_out: HeldOut
    heading: dict[str, str]
    notes: tuple[str, ...]

    @property
    def complete(self) -> dict[str, Answers]:
        """The models whose every answer is a probability."""
        return {
            name: answers
            for name, answers in self.models.items()
            if all(((answer >= 0) & (answer <= 1)).all() for answer in answers.values())
        }


def evaluate(
    bundle: str,
    study: Path,
    *,
    output: Output | None = None,
    beside: Beside | None = None,
    data_root: Path | None = None,
    tracking_uri: str | None = None,
) -> EvaluateResult:
    """Judge a model on the samples of a study whose patients it was not trained on.

    The experiment's own filter (``cohort.keep``) applies; censoring weights come from this cohort. No file
    has a row a patient.

    Parameters
    ----------
    bundle
        Bundle folder or ``models:/name@alias``.
    study
        Study file, study folder or stored cohort.
    output
        Folder to make for the page, tables and figures; without one there are the figures, and ``versus``,
        alone.
    beside
        What it is compared with.
    data_root
        Folder that a study file's paths are relative to.
    tracking_uri
        Registry of a ``models:/`` name.

    Raises
    ------
    InputError
        If every patient was trained on, or no question of the model has an answer in the cohort, or another
        model shares none with it.
    OutputError
        If the folder exists or cannot be written; known before anything is read.
    """
    from metarisk.jobs.opening import open_model
    from metarisk.train.judgement import held_figures
    from metarisk.train.versus import paired_figures

    beside = beside or Beside()
    if output is not None:
        check_free(output.folder, overwrite=output.overwrite, marker=MANIFEST)
    model = open_model(bundle, tracking_uri=tracking_uri)
    other = open_model(beside.model, tracking_uri=tracking_uri) if beside.model else None
    command = f"metarisk evaluate {bundle} {study}" + (f" --versus {beside.model}" if other else "")
    cohort = _cohort_for(model, study, data_root)
    judged = _ask(model, other, cohort, beside, command)
    figures = held_figures(judged.complete, judged.answered, judged.held_out)
    _check_answered(figures, model, judged, cohort)
    tables = {"versus": paired_figures(judged.models, judged.held_out)} if len(judged.models) > 1 else {}
    result = EvaluateResult(figures, len(judged.held_out.clinical), judged.notes, tables)
    return result if output is None else _write(result, judged, model, output)


def _cohort_for(model: ModelBundle, study: Path, data_root: Path | None) -> Cohort:
    from metarisk.data.study import read_study
    from metarisk.train.run import choose_samples

    return choose_samples(read_study(study, data_root=data_root), model.experiment.cohort)


def _ask(
    model: ModelBundle, other: ModelBundle | None, cohort: Cohort, beside: Beside, command: str
) -> Judged:
    """Answers of every model for the samples that none was trained on."""
    from metarisk.train.figures import OURS, answers_of
    from metarisk.train.held_out import HeldOut

    opened = [model] if other is None else [model, other]
    seen = np.any([one.training_ids.contains(cohort.patient_ids) for one in opened], axis=0)
    fresh, notes = _unseen(cohort, seen)
    answered = _answers(model, fresh)
    models: dict[str, Answers] = {OURS: answers_of(answered)}
    if other is not None:
        models[_name_beside(other)] = answers_of(_answers(other, fresh))
    models |= beside.scores(fresh)
    section = model.experiment.evaluation
    held_out = HeldOut(fresh.endpoints, fresh.endpoints, fresh.clinical, section)
    heading = {
        "command": command,
        "metarisk": __version__,
        "model": f"{model.name} {model.version} ({model.experiment.name})",
        "bundle_sha256": model.sha256,
        **({} if other is None else {"versus_sha256": other.sha256}),
        "cohort": cohort.provenance.name,
        "cohort_sha256": cohort.content_sha256(),
        "samples": f"{len(fresh)} of {len(np.unique(fresh.patient_ids))} patients",
        "left_out": f"{int(seen.sum())} samples of training patients",
        "intervals": f"patient bootstrap, {section.bootstrap} resamples, seed {SEED}",
    }
    return Judged(models, answered, fresh, held_out, heading, notes)


def _answers(model: ModelBundle, samples: Cohort) -> list[Probability]:
    from metarisk.models.answers import probabilities

    batch = model.transform.apply(samples)
    return probabilities(model.ensemble, model.calibration, batch, model.experiment.tasks.horizons_days)


def _name_beside(other: ModelBundle) -> str:
    """Name of another model in tables, told from ours by its experiment and version."""
    return f"{other.experiment.name} {other.version}"


def _unseen(cohort: Cohort, seen: Seen) -> tuple[Cohort, tuple[str, ...]]:
    if seen.all():
        raise InputError(
            f"all {len(cohort)} samples of {cohort.provenance.name} are of patients the model was trained on",
            expected="patients it has not seen",
            do="Evaluate on another cohort; the held-out figures stand in the bundle's figures.json.",
        )
    left_out = f"{int(seen.sum())} samples of training patients were left out, of {len(cohort)} in all"
    return cohort.take(~seen), (left_out,) if seen.any() else ()


def _check_answered(figures: pd.DataFrame, model: ModelBundle, judged: Judged, cohort: Cohort) -> None:
    (_, ours), *others = judged.models.items()
    asked = ", ".join(dict.fromkeys(question.endpoint for question in ours))
    if figures.empty:
        raise InputError(
            f"{cohort.provenance.name} knows the answer to no question of {model.name}",
            expected=f"endpoints among {asked}",
            do="Map the study's outcome columns in a study file.",
        )
    for name, theirs in others:
        if not set(ours) & set(theirs):
            raise InputError(
                f"{name} answers no question of {model.name}",
                expected=f"answers to some of {asked}, by the same horizons",
                do="Compare models that were asked the same.",
            )


def _write(result: EvaluateResult, judged: Judged, model: ModelBundle, output: Output) -> EvaluateResult:
    """Tables, figures, the page and the manifest, all at once."""
    import json

    from metarisk.jobs.cohort_report import write_report
    from metarisk.report.plots.evaluation import draw_evaluation
    from metarisk.train.decisions import decision_figures
    from metarisk.train.figures import joined
    from metarisk.train.judgement import Judgement
    from metarisk.train.probability_figures import probability_figures
    from metarisk.train.subgroups import subgroup_figures, ungrouped_note

    complete, held_out = judged.complete, judged.held_out
    judgement = Judgement(
        joined(result.figures, probability_figures(complete, held_out)),
        subgroup_figures(complete, held_out),
        decision_figures(complete, held_out),
    )
    tables = {**judgement._asdict(), **result.tables}
    notes = (*result.notes, *ungrouped_note(held_out.clinical))
    with placed(output.folder, overwrite=output.overwrite, marker=MANIFEST) as draft:
        for name, table in tables.items():
            write_figures(table, draft / f"{name}.tsv", judged.heading)
        draw_evaluation(draft, list(held_out.asked(complete)), judgement)
        manifest = {**judged.heading, "notes": notes}
        (draft / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        write_report(_told(judged, model, judgement, notes, result.tables), draft)
    return EvaluateResult(tables.pop("figures"), result.samples, notes, tables, output.folder)


def _told(
    judged: Judged,
    model: ModelBundle,
    judgement: Judgement,
    notes: tuple[str, ...],
    tables: Mapping[str, pd.DataFrame],
) -> Judgements:
    from metarisk.jobs.cohort_report import Judgements

    return Judgements(
        bundle=model,
        samples=judged.samples,
        held_out=judged.held_out,
        models=judged.complete,
        judgement=judgement,
        heading=judged.heading,
        notes=notes,
        versus=tables.get("versus", pd.DataFrame()),
    )
