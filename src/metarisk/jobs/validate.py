"""`metarisk validate`: every problem of a study or a table at once."""

from __future__ import annotations

from pathlib import Path

from metarisk.errors import InputError, InvalidStudyError
from metarisk.schema.findings import Finding


def validate(study: Path, *, data_root: Path | None = None) -> tuple[Finding, ...]:
    """All problems of an input, errors first; empty where there is none.

    Parameters
    ----------
    study
        Anything that `metarisk.jobs.score.score` takes.
    data_root
        Folder that a study file's paths are relative to.

    Raises
    ------
    InputError, ConfigError
        If there is nothing to look at: the path or the study file cannot be read.
    """
    from metarisk.score.intake import is_table

    if is_table(study):
        return _of_table(study)
    from metarisk.data.study import validate_study

    return validate_study(study, data_root=data_root)


def _of_table(path: Path) -> tuple[Finding, ...]:
    from metarisk.data.found import from_exception
    from metarisk.score.intake import read_table

    try:
        read_table(path)
    except InvalidStudyError as caught:
        return tuple(item for item in caught.findings if isinstance(item, Finding))
    except InputError as caught:
        return (from_exception(path.name, caught),)
    return ()
