"""`metarisk explain`: what each answer is made of, sample by sample and for the cohort, as a folder."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from metarisk import __version__
from metarisk.errors import InputError, first_ten, nearest
from metarisk.files import check_free, placed

if TYPE_CHECKING:
    from metarisk.data.cohort import Cohort
    from metarisk.explain.cohort import CohortTally
    from metarisk.explain.parts import Subject
    from metarisk.jobs.explain_files import ExplainFiles
    from metarisk.models.bundle import ModelBundle
    from metarisk.score import SampleStream

OnProgress = Callable[[str, int, int], None]
MANIFEST = "summary.json"
PORTION = 256  # samples that are read at a time
NO_GRAPH = (
    "The model has no graph path: answers are explained by assays and genes, not by pathways and edges."
)
NO_EDGES = "No gene enters the graph of this model, or it has no edges: there is no table of edges."


class Asked(NamedTuple):
    """What is explained.

    Attributes
    ----------
    tasks
        Answers or endpoints by name; all where there is none.
    samples
        Ids of samples; all where there is none.
    top
        Parts of a kind that are kept for a sample and answer.
    permutations
        How often outcomes are permuted within cancer types.
    seed
        Of the permutations.
    """

    tasks: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    top: int = 10
    permutations: int = 199
    seed: int = 0


EVERYTHING = Asked()


@dataclass(frozen=True)
class ExplainResult:
    """What was explained, and where it lies.

    Attributes
    ----------
    folder
        Attributions, states, tables and figures.
    samples
        Samples that were explained.
    left_out
        Reason -> samples that were not.
    strongest
        One row an answer: its strongest pathway, gene and edge, and samples whose answer what is missing
        drives.
    notes
        Sentences that a reader must know.
    """

    folder: Path
    samples: int
    left_out: dict[str, int]
    strongest: pd.DataFrame
    notes: tuple[str, ...]


def explain(  # noqa: PLR0913  (an option each)
    model: str,
    study: Path,
    out: Path,
    *,
    asked: Asked = EVERYTHING,
    data_root: Path | None = None,
    tracking_uri: str | None = None,
    overwrite: bool = False,
    progress: OnProgress = lambda what, done, of: None,
) -> ExplainResult:
    """Take answers apart and write the folder; nothing stands under ``out`` until all of it is on disk.

    Parameters
    ----------
    model
        Bundle folder, or ``models:/name@alias``.
    study
        Study folder, study file, stored cohort, or one table; with outcomes there are permutation p-values.
    out
        Folder to make.
    asked
        Which answers and samples.
    data_root
        Folder that a study file's paths are relative to.
    tracking_uri
        Registry of a ``models:/`` name.
    overwrite
        Replace explanations that stand in ``out``.
    progress
        Told the stage, how far it is, and of how much.

    Raises
    ------
    OutputError
        If ``out`` exists, which is known before anything is read, or cannot be written.
    BundleError, RegistryError
        If the model cannot be opened.
    InputError
        If a task or a sample is not known, or no sample can be explained.
    """
    from metarisk.explain.cohort import CohortTally
    from metarisk.explain.parts import Subject
    from metarisk.explain.questions import choose_questions
    from metarisk.jobs.explain_files import ExplainFiles
    from metarisk.jobs.opening import open_model, open_stream

    check_free(out, overwrite=overwrite, marker=MANIFEST)
    bundle = open_model(model, tracking_uri=tracking_uri)
    subject = Subject(bundle, choose_questions(bundle, asked.tasks))
    stream = open_stream(study, data_root=data_root)
    tally = CohortTally(subject, permutations=asked.permutations, seed=asked.seed)
    with placed(out, overwrite=overwrite, marker=MANIFEST) as draft:
        with ExplainFiles(draft, subject, asked.top) as files:
            left_out = _run(stream, asked, tally, files, progress)
            counted = files.samples
        _check_any(counted, left_out, stream)
        strongest, notes = _finish(draft, tally, asked, {"samples": counted, "left_out": left_out})
    return ExplainResult(out, counted, left_out, strongest, notes)


def _run(
    stream: SampleStream, asked: Asked, tally: CohortTally, files: ExplainFiles, progress: OnProgress
) -> dict[str, int]:
    """Explain every portion; returns reason -> samples that were left out."""
    left_out: Counter[str] = Counter()
    wanted, done = set(asked.samples), 0
    progress("explaining samples", 0, stream.samples)
    for cohort, unreadable, rows in _portions(stream, files.folder):
        left_out.update(unreadable)
        chosen = cohort if cohort is None or not asked.samples else _among(cohort, wanted)
        if chosen is not None:
            wanted -= set(chosen.sample_ids.tolist())
            left_out.update(_explain_portion(chosen, tally, files))
        done += rows
        progress("explaining samples", done, stream.samples)
    if wanted:
        raise InputError(
            f"{stream.name} has no sample {first_ten(sorted(wanted))}",
            do=nearest(min(wanted), files.met) if files.met else "Name samples as the input does.",
        )
    return dict(left_out)


def _portions(stream: SampleStream, folder: Path) -> Iterator[tuple[Cohort | None, list[str], int]]:
    """Cohort, reasons of rows that cannot be read, and rows, of each portion."""
    from metarisk.score.first_rows import FirstRows

    ids = folder / "ids.part"
    with FirstRows(ids) as met:
        for portion in stream.portions(PORTION, met):
            aside = ["unreadable" for _ in portion.set_aside]
            yield portion.cohort, aside, len(portion.rows) + len(aside)
    ids.unlink()


def _among(cohort: Cohort, wanted: set[str]) -> Cohort | None:
    rows = np.isin(cohort.sample_ids, list(wanted))
    return cohort.take(rows) if rows.any() else None


def _explain_portion(cohort: Cohort, tally: CohortTally, files: ExplainFiles) -> list[str]:
    """Explain what the model answers of a portion; returns the reason of each sample that it does not."""
    bundle = tally.subject.bundle
    reasons = reasons_not_to_explain(bundle, cohort)
    answered = reasons == ""
    files.meet(cohort.sample_ids)
    if answered.any():
        kept = cohort.take(answered)
        batch = bundle.transform.apply(kept)
        for rows, found in tally.portion(kept, batch):
            files.add(found, batch.take(rows), kept.sample_ids[rows])
            tally.driven += (found.missing_share >= files.driven_from).sum(axis=1)
    return [str(reason) for reason in reasons[~answered]]


def reasons_not_to_explain(
    bundle: ModelBundle, cohort: Cohort
) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    """Why a sample is not explained: it cannot be scored, or the model abstains; empty text where it is."""
    from metarisk.models.limits import reasons_to_abstain
    from metarisk.score.unscorable import reasons_not_to_score

    reasons = reasons_not_to_score(cohort)
    sound = np.flatnonzero(reasons == "")
    if len(sound):
        kept = cohort.take(sound)
        batch = bundle.transform.apply(kept)
        reasons[sound] = reasons_to_abstain(bundle, kept, batch, bundle.reference.judge(batch))
    return reasons


def _check_any(samples: int, left_out: dict[str, int], stream: SampleStream) -> None:
    if not samples:
        told = ", ".join(f"{reason} {count}" for reason, count in sorted(left_out.items()))
        raise InputError(
            f"none of the samples of {stream.name} can be explained ({told or 'it has none'})",
            expected="samples that the model answers",
            do="Score them to see the reasons row by row.",
        )


def _finish(
    draft: Path, tally: CohortTally, asked: Asked, counts: dict[str, object]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Cohort tables, figures and the summary."""
    from metarisk.explain.tables import METHOD
    from metarisk.report.plots.attribution import draw_attributions

    tables = tally.tables()
    for kind, table in tables.items():
        name = kind if kind == "completeness" else f"cohort_{kind}s"
        table.to_csv(draft / f"{name}.tsv", sep="\t", index=False, float_format="%.6g", lineterminator="\n")
    draw_attributions(tally.subject.bundle.topology, tables, draft)
    tested = tally.tested()
    strongest = _strongest(tally, tables)
    notes = _notes(tally.subject, tables["completeness"], tested.cases.tolist(), counts)
    summary = {
        "metarisk": __version__,
        "model": f"{tally.subject.bundle.name} {tally.subject.bundle.version}",
        "bundle_sha256": tally.subject.bundle.sha256,
        **counts,
        "permutations": asked.permutations,
        "seed": asked.seed,
        "answers": [
            {**row, "tested_with_event": int(cases), "tested_without": int(controls)}
            for row, cases, controls in zip(
                strongest.to_dict("records"), tested.cases, tested.controls, strict=True
            )
        ],
        "method": METHOD,
        "notes": notes,
    }
    (draft / MANIFEST).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return strongest, notes


def _strongest(tally: CohortTally, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row an answer: the first of each kind, and answers that stand on what is missing."""
    found = pd.DataFrame({"answer": list(tally.subject.questions)})
    for kind in ("pathway", "gene", "edge"):
        if kind in tables:
            first = tables[kind][tables[kind]["rank"] == 1].set_index("answer")["name"]
            found[kind] = found["answer"].map(first).fillna("")
    return found.assign(driven_by_missing=tally.driven)


def _notes(
    subject: Subject, completeness: pd.DataFrame, cases: Sequence[int], counts: dict[str, object]
) -> tuple[str, ...]:
    """What a reader must know beyond the method."""
    notes = []
    if "pathway" not in subject.parts:
        notes.append(NO_GRAPH)
    elif "edge" not in subject.parts:
        notes.append(NO_EDGES)
    over = completeness[completeness["over_tolerance"] > 0]
    if len(over):
        told = ", ".join(f"{row.answer} by {row.kind} {row.over_tolerance}" for row in over.itertuples())
        notes.append(f"Shares that do not add up, see completeness.tsv: {told} samples.")
    if not any(cases):
        notes.append("No outcomes of patients that the model has not seen: no permutation p-values.")
    if len(subject.ensemble.networks) < 2:
        notes.append("The model has one member: nothing can be said of stability.")
    if counts["left_out"]:
        notes.append("Samples that the model does not answer were left out, see summary.json.")
    return tuple(notes)
