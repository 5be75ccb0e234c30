"""From the words of an operator to a model and to samples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from metarisk.errors import BundleError, InputError, InvalidStudyError

if TYPE_CHECKING:
    from metarisk.data.cohort import Cohort
    from metarisk.data.study import StudyReading
    from metarisk.models.bundle import ModelBundle
    from metarisk.score import SampleStream

REGISTRY = "models:/"


def open_model(model: str, *, tracking_uri: str | None = None) -> ModelBundle:
    """Bundle of a folder or of a registered model; MLflow is needed only for the second.

    Parameters
    ----------
    model
        Bundle folder, or ``models:/name@alias`` or ``models:/name/version``.
    tracking_uri
        Registry to ask; the default of `metarisk.tracking` if None.

    Raises
    ------
    BundleError
        If the folder is no bundle, or was altered.
    RegistryError
        If the name, the alias or the registry cannot be resolved.
    """
    from metarisk.models.bundle import load_bundle

    if model.startswith(REGISTRY):
        from metarisk.tracking.registry import resolve

        found = resolve(model, tracking_uri)
        return load_bundle(found.folder).as_version(found.version)
    if not Path(model).is_dir():
        raise BundleError(
            f"{model} {'is a file' if Path(model).exists() else 'does not exist'}",
            expected=f"a bundle folder, or {REGISTRY}name@alias",
            do="Pass the bundle folder that `train` wrote, or the name it was published under.",
        )
    return load_bundle(Path(model))


def open_samples(path: Path, *, data_root: Path | None = None) -> Cohort:
    """Cohort of a study folder, a study file, a stored cohort or a single table.

    Parameters
    ----------
    path
        Any of these; see `metarisk.data.read_study` and `metarisk.score.read_table`.
    data_root
        Folder that a study file's paths are relative to.

    Raises
    ------
    InputError
        If it is none of these, or has errors; `InvalidStudyError` carries all of them.
    """
    from metarisk.score.intake import is_table, read_table

    if is_table(path):
        return read_table(path)
    from metarisk.data.study import read_study

    return read_study(path, data_root=data_root)


def open_stream(path: Path, *, data_root: Path | None = None) -> SampleStream:
    """Samples of the same inputs, some at a time.

    Memory is bounded for a stored cohort and for a single table. A study, an ``.h5mu`` or an ``.h5ad`` is
    read whole before it is handed over in slices; `metarisk ingest` makes a stored cohort of it.

    Raises
    ------
    InputError
        If it is none of these, or has errors; of a table, only those that concern it as a whole.
    """
    from metarisk.data.store import is_stored_cohort
    from metarisk.score import is_table, stream_cohort, stream_stored, stream_table

    if is_table(path):
        return stream_table(path)
    return (
        stream_stored(path)
        if is_stored_cohort(path)
        else stream_cohort(open_samples(path, data_root=data_root))
    )


def inspect_samples(path: Path, *, data_root: Path | None = None) -> StudyReading:
    """The same with everything seen on the way; findings that stop are told, not raised.

    Raises
    ------
    InputError, ConfigError
        If there is nothing to look at: the path or the study file cannot be read.
    """
    from metarisk.score.intake import is_table

    if is_table(path):
        return _inspect_table(path)
    from metarisk.data.study import inspect_study

    return inspect_study(path, data_root=data_root)


def _inspect_table(path: Path) -> StudyReading:
    from metarisk.data.cohort import Provenance
    from metarisk.data.found import from_exception
    from metarisk.data.study import StudyReading
    from metarisk.schema.findings import Finding
    from metarisk.score.intake import read_table

    unread = Provenance(path.name, "not stated", "")
    try:
        cohort = read_table(path)
    except InvalidStudyError as caught:
        told = tuple(item for item in caught.findings if isinstance(item, Finding))
        return StudyReading(None, told, unread)
    except InputError as caught:
        return StudyReading(None, (from_exception(path.name, caught),), unread)
    return StudyReading(cohort, (), cohort.provenance)
