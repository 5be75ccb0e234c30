"""`metarisk ingest`: a study read, checked, and written as one stored cohort."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metarisk.data.cohort import Cohort
    from metarisk.report.validation import Validation

ANNOTATED = ".h5mu"


@dataclass(frozen=True)
class Ingested:
    """What became of a study.

    Attributes
    ----------
    validation
        Findings, and what was read.
    sha256
        Hash of the stored cohort: of its manifest, which holds the hash of each file, or of the one file.
        Empty where a finding is an error: then nothing was written.
    """

    validation: Validation
    sha256: str


def ingest(study: Path, out: Path, *, data_root: Path | None = None, overwrite: bool = False) -> Ingested:
    """Read a study, check it, and write its cohort; with errors nothing is written.

    Parameters
    ----------
    study
        Study folder, study file, stored cohort, or one table in the row format of `metarisk.data.rows`.
    out
        Folder to make, or a file ending in ``.h5mu``.
    data_root
        Folder that a study file's paths are relative to.
    overwrite
        Replace a stored cohort; anything else is never replaced.

    Raises
    ------
    InputError, ConfigError
        If there is nothing to look at: the path or the study file cannot be read.
    OutputError
        If ``out`` exists, which is known before anything is read, or cannot be written.
    """
    from metarisk.jobs.opening import inspect_samples
    from metarisk.report.validation import Validation

    _check_free(out, overwrite=overwrite)
    reading = inspect_samples(study, data_root=data_root)
    validation = Validation.of(study.name, reading)
    if reading.cohort is None:
        return Ingested(validation, "")
    return Ingested(validation, _write(reading.cohort, out, overwrite=overwrite))


def _check_free(out: Path, *, overwrite: bool) -> None:
    from metarisk.data.store import MANIFEST
    from metarisk.files import check_free, check_free_file

    if out.suffix == ANNOTATED:
        check_free_file(out, overwrite=overwrite)
    else:
        check_free(out, overwrite=overwrite, marker=MANIFEST)


def _write(cohort: Cohort, out: Path, *, overwrite: bool) -> str:
    from metarisk.data.store import MANIFEST, write_cohort
    from metarisk.files import sha256_of

    if out.suffix == ANNOTATED:
        from metarisk.data.annotated import write_h5mu

        write_h5mu(cohort, out, overwrite=overwrite)
        return sha256_of(out)
    write_cohort(cohort, out, overwrite=overwrite)
    return sha256_of(out / MANIFEST)
