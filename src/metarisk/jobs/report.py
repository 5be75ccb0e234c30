"""`metarisk report`: a page a patient, with JSON and TSV beside it, and an index of several."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from metarisk import __version__
from metarisk.errors import InputError, first_ten, nearest
from metarisk.files import check_free, placed

if TYPE_CHECKING:
    from metarisk.data.cohort import Cohort
    from metarisk.models.bundle import ModelBundle
    from metarisk.report.patient import PatientFacts

OnProgress = Callable[[str, int, int], None]
MANIFEST, INDEX = "report.json", "index.html"
LIMIT = 50
LONGEST_NAME = 60
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Chosen:
    """Whose pages are made, and what is on them.

    Attributes
    ----------
    patients
        Ids of patients or samples.
    everybody, limit
        Whether all samples, and how many of them at most.
    circuits, what_if
        Whether answers are taken apart, and whether the model is asked what if.
    """

    patients: tuple[str, ...] = ()
    everybody: bool = False
    limit: int = LIMIT
    circuits: bool = True
    what_if: bool = True


@dataclass(frozen=True)
class ReportResult:
    """What was made.

    Attributes
    ----------
    folder
        Where it lies.
    first
        Page to open: the index, or the only page.
    pages
        How many patients' pages.
    left_out
        Samples of the input over the limit.
    """

    folder: Path
    first: Path
    pages: int
    left_out: int


def report(  # noqa: PLR0913  (an option each)
    model: str,
    study: Path,
    out: Path,
    chosen: Chosen,
    *,
    data_root: Path | None = None,
    tracking_uri: str | None = None,
    overwrite: bool = False,
    progress: OnProgress = lambda what, done, of: None,
) -> ReportResult:
    """Write a page, JSON and TSV for each sample; the same input gives the same bytes.

    Parameters
    ----------
    model
        Bundle folder, or ``models:/name@alias``.
    study
        Study folder, study file, stored cohort, or one table.
    out
        Folder to make.
    chosen
        Whose pages, and what is on them.
    data_root
        Folder that a study file's paths are relative to.
    tracking_uri
        Registry of a ``models:/`` name.
    overwrite
        Replace reports that stand in ``out``.
    progress
        Told the stage, how far it is, and of how much.

    Raises
    ------
    InputError
        If the input has no sample, an id is unknown, or nobody was named and it has several.
    OutputError
        If ``out`` exists or cannot be written.
    BundleError, RegistryError
        If the model cannot be opened.
    """
    from metarisk.jobs.opening import open_model, open_samples

    check_free(out, overwrite=overwrite, marker=MANIFEST)
    bundle = open_model(model, tracking_uri=tracking_uri)
    cohort = open_samples(study, data_root=data_root)
    rows = chosen_rows(cohort, chosen)
    with placed(out, overwrite=overwrite, marker=MANIFEST) as draft:
        files = _write_all(bundle, cohort.take(rows), chosen, draft, progress)
        first = INDEX if len(files) > 1 else files[0]
        over = len(cohort) - len(rows) if chosen.everybody else 0
        told = {"metarisk": __version__, "bundle_sha256": bundle.sha256, "first": first, "pages": files}
        (draft / MANIFEST).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return ReportResult(out, out / first, len(files), over)


def chosen_rows(cohort: Cohort, chosen: Chosen) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Rows of a cohort whose patient or sample was named, or of all up to the limit.

    Raises
    ------
    InputError
        If there is none, an id is unknown (the nearest is named), or nobody was named of several.
    """
    if not len(cohort):
        raise InputError(
            f"{cohort.provenance.name} has no samples",
            expected="at least one patient to report on",
            do="Check the filter that was asked for, or export the study again.",
        )
    if chosen.patients:
        known = {*map(str, cohort.sample_ids), *map(str, cohort.patient_ids)}
        strange = [name for name in chosen.patients if name not in known]
        if strange:
            raise InputError(
                f"{cohort.provenance.name} has no patient or sample {first_ten(strange)}",
                expected="ids of its patients or samples",
                do=nearest(strange[0], known),
            )
        wanted = list(chosen.patients)
        return np.flatnonzero(np.isin(cohort.sample_ids, wanted) | np.isin(cohort.patient_ids, wanted))
    if chosen.everybody or len(cohort) == 1:
        return np.arange(min(len(cohort), chosen.limit))
    raise InputError(
        f"{cohort.provenance.name} has {len(cohort)} samples, and no patient was named",
        expected="--patient ID, or --all",
        do="Name patients with --patient, or make a page of each with --all --limit N.",
    )


def _write_all(
    bundle: ModelBundle, cohort: Cohort, chosen: Chosen, draft: Path, progress: OnProgress
) -> list[str]:
    """Write every page; returns their names in the order of the input."""
    from metarisk.report.patient import gather_patients
    from metarisk.report.patient.gather import Wanted
    from metarisk.report.patient.page import index_page

    progress("patients' pages", 0, len(cohort))
    entries: list[tuple[PatientFacts, str]] = []
    for facts in gather_patients(bundle, cohort, Wanted(chosen.circuits, chosen.what_if)):
        entries.append((facts, f"{file_name(facts.sample_id, len(entries))}.html"))
        _write(facts, draft / entries[-1][1])
        progress("patients' pages", len(entries), len(cohort))
    if len(entries) > 1:
        (draft / INDEX).write_text(index_page(entries), encoding="utf-8")
    return [file for _, file in entries]


def _write(facts: PatientFacts, page: Path) -> None:
    from metarisk.report.patient import patient_page
    from metarisk.report.patient.rows import COLUMNS, patient_rows
    from metarisk.score.export import escape_formula

    page.write_text(patient_page(facts), encoding="utf-8")
    tree = json.dumps(facts.as_dict(), indent=1, ensure_ascii=False, allow_nan=False)
    page.with_suffix(".json").write_text(tree + "\n", encoding="utf-8")
    with page.with_suffix(".tsv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerows([COLUMNS, *(_safe(row, escape_formula) for row in patient_rows(facts))])


def _safe(row: Sequence[str], escape: Callable[[str], str]) -> list[str]:
    """A row whose words no spreadsheet runs; its numbers stand as they are."""
    words = {0, 1, 6, 7}
    return [escape(cell) if at in words else cell for at, cell in enumerate(row)]


def file_name(sample_id: str, place: int) -> str:
    """Name of a sample's files: its id where that is a plain name, else what is plain of it and a hash."""
    plain = _UNSAFE.sub("_", sample_id)[:LONGEST_NAME].strip("_")
    if plain == sample_id and plain.casefold() not in {"index", "report"}:
        return f"patient_{place + 1:04d}_{plain}"
    return f"patient_{place + 1:04d}_{plain}_{hashlib.sha256(sample_id.encode()).hexdigest()[:8]}"
