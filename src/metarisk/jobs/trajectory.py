"""`metarisk trajectory`: a patient's risk over several dated samples."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from metarisk import __version__
from metarisk.errors import InputError, InvalidStudyError, first_ten
from metarisk.files import check_free, placed

if TYPE_CHECKING:
    from metarisk.data.cohort import Cohort
    from metarisk.explain.moments import Moments
    from metarisk.models.bundle import ModelBundle

TABLE, SUMMARY = "trajectory.tsv", "summary.json"
SAMPLE, DAYS, DATE = "sample_id", "time_days", "date"
FIGURES = 12  # patients with a figure of their own
READ = (
    "Each probability is of the horizon that begins at its moment. Its interval says how far other training "
    "patients would move it; a change has an interval of its own, paired by fold. Where not the same was "
    "measured both times, read `comparable` and `common_change` first. A change of an answer is not "
    "a change of the tumour: nothing here was judged on repeated samples of the same patients."
)


@dataclass(frozen=True)
class TrajectoryResult:
    """What was found.

    Attributes
    ----------
    table
        As `metarisk.explain.trajectory.trajectory` returns it.
    folder
        Where the table and the figures are.
    notes
        Sentences that a reader must know.
    """

    table: pd.DataFrame
    folder: Path
    notes: tuple[str, ...]


def trajectory(  # noqa: PLR0913  (an option each)
    model: str,
    study: Path,
    out: Path,
    *,
    dates: Path | None = None,
    data_root: Path | None = None,
    tracking_uri: str | None = None,
    overwrite: bool = False,
) -> TrajectoryResult:
    """Answer every moment of every patient who has two or more, and write a table and figures.

    Parameters
    ----------
    model
        Bundle folder, or ``models:/name@alias``.
    study
        Study folder, study file, stored cohort, or one table.
    out
        Folder to make: ``trajectory.tsv``, ``summary.json``, ``trajectories.png`` and figures of the
        `FIGURES` patients with most moments.
    dates
        Table of ``sample_id`` and ``time_days`` (from the patient's baseline) or ``date`` (YYYY-MM-DD,
        counted from the patient's first); the study's ``extra.sample_day`` if None.
    data_root
        Folder that a study file's paths are relative to.
    tracking_uri
        Registry of a ``models:/`` name.
    overwrite
        Replace an earlier result there.

    Raises
    ------
    InputError
        If no patient has two dated moments, or the table of dates cannot be read.
    OutputError
        If ``out`` exists or cannot be written.
    BundleError, RegistryError
        If the model cannot be opened.
    """
    from metarisk.explain.moments import moments_of
    from metarisk.explain.trajectory import trajectory as follow
    from metarisk.jobs.opening import open_model, open_samples

    check_free(out, overwrite=overwrite, marker=SUMMARY)
    bundle = open_model(model, tracking_uri=tracking_uri)
    cohort = open_samples(study, data_root=data_root)
    days = None if dates is None else read_dates(dates, cohort)
    moments = moments_of(cohort, frozenset(bundle.transform.numeric), days)
    table = follow(bundle, moments)
    notes = tuple(_notes(moments, table))
    with placed(out, overwrite=overwrite, marker=SUMMARY) as draft:
        table.to_csv(draft / TABLE, sep="\t", index=False, float_format="%.6g", lineterminator="\n")
        figures = _draw(table, draft)
        _write_summary(bundle, moments, notes, figures, draft / SUMMARY)
    return TrajectoryResult(table, out, notes)


def read_dates(path: Path, cohort: Cohort) -> pd.Series[float]:
    """Day of each sample from its patient's baseline, NaN where the table leaves it empty, by sample id.

    Raises
    ------
    InputError
        If the table cannot be read, lacks its columns, names a sample twice or one that is not there, or a
        cell is no day.
    """
    from metarisk.data.found import Found
    from metarisk.data.text import check_ids, is_missing, read_text, require_columns
    from metarisk.schema.findings import errors_of

    found: Found = []
    table = read_text(path, found)
    column = DATE if table is not None and DATE in table.frame else DAYS
    sound = table is not None and require_columns(table, [SAMPLE, column], found)
    if table is None or not sound or not check_ids(table, SAMPLE, found, unique=True):
        first = errors_of(found)[0]
        raise InvalidStudyError(f"{path.name}: {first.message}", do=first.do, findings=found)
    cells = table.frame[column].str.strip()
    days = _dated(table.frame[SAMPLE], cells, cohort) if column == DATE else pd.to_numeric(cells, "coerce")
    wrong = ~np.isfinite(days.to_numpy(np.float64)) & ~np.asarray(is_missing(table.frame[column]))
    if wrong.any():
        raise InputError(
            f"{path.name}: {wrong.sum()} cells of {column} are no {'dates' if column == DATE else 'numbers'}",
            expected="YYYY-MM-DD" if column == DATE else "days from the patient's baseline",
            do="Correct them, or leave an unknown one empty.",
        )
    strange = sorted(set(table.frame[SAMPLE]) - set(map(str, cohort.sample_ids)))
    if strange:
        raise InputError(
            f"{path.name}: samples {first_ten(strange)} are not in the input", do="Check their ids."
        )
    return pd.Series(days.to_numpy(np.float64), index=table.frame[SAMPLE].to_numpy(dtype=object))


def _dated(samples: pd.Series[str], cells: pd.Series[str], cohort: Cohort) -> pd.Series[float]:
    """Days since the first date of each sample's patient."""
    dates = pd.to_datetime(cells, format="%Y-%m-%d", errors="coerce")
    patient = samples.map(dict(zip(cohort.sample_ids, cohort.patient_ids, strict=True)))
    return (dates - dates.groupby(patient).transform("min")).dt.days.astype(np.float64)


def _notes(moments: Moments, table: pd.DataFrame) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for patient, why in moments.set_aside.items():
        reasons.setdefault(why, []).append(patient)
    notes = [f"{first_ten(patients)}: left out, {why}" for why, patients in list(reasons.items())[:10]]
    if len(reasons) > 10:
        notes.append(f"{len(moments.set_aside)} patients were left out in all")
    changes = table[table["comparable"] != ""]
    broken = int(changes["comparable"].str.startswith("no").sum())
    if broken:
        notes.append(f"{broken} of {len(changes)} changes are due to what was measured, see `comparable`")
    return notes


def _draw(table: pd.DataFrame, folder: Path) -> dict[str, str]:
    """Figures of the patients with most moments, and one of all; file name -> what it shows."""
    from metarisk.report.plots.trajectory import draw_cohort, draw_patient

    moments = (
        table.groupby("patient_id", sort=False)["moment"]
        .nunique()
        .sort_values(ascending=False, kind="stable")
    )
    drawn = [
        draw_patient(table[table["patient_id"] == patient], folder, f"patient_{number:02d}")
        for number, patient in enumerate(moments.index[:FIGURES], start=1)
    ]
    if len(moments) > 1:
        drawn.append(draw_cohort(table, folder))
    return {figure.file.name: figure.caption for figure in drawn}


def _write_summary(
    bundle: ModelBundle, moments: Moments, notes: tuple[str, ...], figures: dict[str, str], file: Path
) -> None:
    tree = {
        "format": "metarisk.trajectory",
        "format_version": 1,
        "metarisk": __version__,
        "read_this_first": READ,
        "model": bundle.name,
        "model_version": bundle.version,
        "bundle_sha256": bundle.sha256,
        "patients": len(set(moments.patient.tolist())),
        "moments": len(moments),
        "set_aside": dict(moments.set_aside),
        "notes": list(notes),
        "figures": figures,
    }
    text = json.dumps(tree, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    file.write_text(text, encoding="utf-8")
