"""Score a cohort to disk, part by part, so that memory does not grow with the table of scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from metarisk.data.cohort import Cohort, Provenance
from metarisk.errors import InputError
from metarisk.files import placed, sha256_of
from metarisk.score.layout import MANIFEST, SCORES, arrow_of, open_writer, write_manifest
from metarisk.score.report import ScoreReport, Tally

if TYPE_CHECKING:
    from metarisk.models.bundle import ModelBundle

SAMPLES_AT_A_TIME = 512


def score_to(
    bundle: ModelBundle,
    cohort: Cohort,
    out: Path,
    *,
    overwrite: bool = False,
    samples_at_a_time: int = SAMPLES_AT_A_TIME,
) -> ScoreReport:
    """Write ``scores.parquet`` and ``scores.json`` for a cohort; equal inputs give equal bytes.

    Parameters
    ----------
    bundle
        The model.
    cohort
        Samples; the rows of the table keep their order, questions within a sample.
    out
        Folder to make. It appears only when both files are on disk.
    overwrite
        Replace scores that stand there; anything else is never replaced.
    samples_at_a_time
        Samples in memory as features, and in a row group of the table.

    Raises
    ------
    InputError
        If the cohort has no samples.
    OutputError
        If ``out`` exists and may not be replaced, or cannot be written.
    """
    if not len(cohort):
        raise InputError(
            f"{cohort.provenance.name} has no samples",
            expected="at least one to score",
            do="Check the filter that was asked for, or export the study again.",
        )
    with placed(out, overwrite=overwrite, marker=MANIFEST) as draft:
        tally = _write(draft / SCORES, _scored(bundle, cohort, samples_at_a_time))
        report = tally.report(bundle, _source(cohort), out, sha256_of(draft / SCORES))
        write_manifest(draft, report.manifest())
    return report


def _scored(bundle: ModelBundle, cohort: Cohort, samples_at_a_time: int) -> Iterator[pd.DataFrame]:
    from metarisk.models.scoring import score_cohort

    for start in range(0, len(cohort), samples_at_a_time):
        rows = np.arange(start, min(start + samples_at_a_time, len(cohort)))
        yield score_cohort(bundle, cohort.take(rows))


def _write(path: Path, parts: Iterator[pd.DataFrame]) -> Tally:
    tally = Tally()
    with open_writer(path) as writer:
        for part in parts:
            writer.write_table(arrow_of(part), row_group_size=len(part))
            tally.add(part)
    return tally


def _source(cohort: Cohort) -> Provenance:
    """Where the samples come from; a cohort that came from no file is known by its content."""
    source = cohort.provenance
    return source if source.sha256 else replace(source, sha256=cohort.content_sha256())
