"""`metarisk validate`: every problem of an input at once, and what was read of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metarisk.report.validation import Validation


def validate(
    study: Path,
    *,
    data_root: Path | None = None,
    json_file: Path | None = None,
    html_file: Path | None = None,
    overwrite: bool = False,
) -> Validation:
    """All problems of an input, errors first, and counts of what it holds.

    Parameters
    ----------
    study
        Anything that `metarisk.jobs.score.score` takes.
    data_root
        Folder that a study file's paths are relative to.
    json_file, html_file
        Files to write the same to: for machines, and as one page that opens offline.
    overwrite
        Replace files that stand there.

    Raises
    ------
    InputError, ConfigError
        If there is nothing to look at: the path or the study file cannot be read.
    OutputError
        If a file exists or cannot be written; that it exists is known before anything is read.
    """
    from metarisk.data.store import is_stored_cohort
    from metarisk.files import check_free_file
    from metarisk.jobs.opening import inspect_samples
    from metarisk.report.validation import Validation

    for file in filter(None, (json_file, html_file)):
        check_free_file(file, overwrite=overwrite)
    if is_stored_cohort(study):
        validation = _of_stored(study)
    else:
        validation = Validation.of(study.name, inspect_samples(study, data_root=data_root))
    if json_file is not None:
        _write(json_file, json.dumps(validation.as_dict(), indent=2, ensure_ascii=False) + "\n")
    if html_file is not None:
        from metarisk.report.validation_page import validation_page

        _write(html_file, validation_page(validation))
    return validation


def _of_stored(folder: Path) -> Validation:
    """Of a stored cohort every byte is read, and a few hundred samples at a time are in memory."""
    from metarisk.data.cohort import Provenance
    from metarisk.data.found import from_exception
    from metarisk.data.store import open_cohort
    from metarisk.data.summary import summarise_stored
    from metarisk.errors import InputError
    from metarisk.report.validation import Validation

    try:
        stored = open_cohort(folder)
        return Validation(folder.name, stored.provenance, (), summarise_stored(stored))
    except InputError as caught:
        unread = Provenance(folder.name, "not stated", "")
        return Validation(folder.name, unread, (from_exception(folder.name, caught),), None)


def _write(file: Path, text: str) -> None:
    from metarisk.files import written

    with written(file) as draft:
        draft.write_text(text, encoding="utf-8")
