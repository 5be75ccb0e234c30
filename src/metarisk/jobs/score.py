"""`metarisk score`: a model and samples to a folder of scores."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metarisk.score import ScoreReport
    from metarisk.score.ray_connection import RayPlan


OnProgress = Callable[[str, int, int], None]


def score(  # noqa: PLR0913  (an option each)
    model: str,
    study: Path,
    out: Path,
    *,
    data_root: Path | None = None,
    tracking_uri: str | None = None,
    overwrite: bool = False,
    ray: RayPlan | None = None,
    progress: OnProgress | None = None,
    stop: Callable[[], bool] | None = None,
) -> ScoreReport:
    """Score samples and write the table; nothing stands under ``out`` until all of it is on disk.

    The same call goes on where an earlier one was cut off, and gives the bytes that it would have given.

    Parameters
    ----------
    model
        Bundle folder, or ``models:/name@alias`` (needs MLflow).
    study
        Study folder, study file, stored cohort, or one table in the row format of `metarisk.data.rows`.
    out
        Folder to make.
    data_root
        Folder that a study file's paths are relative to.
    tracking_uri
        Registry of a ``models:/`` name.
    overwrite
        Replace scores that stand in ``out``, and unfinished work of another model; anything else is never
        replaced.
    ray
        Where Ray scores; this process does if None. The bytes are the same, and either goes on with what the
        other left.
    progress
        Told the stage, how far it is, and of how much.
    stop
        Asked between parts whether to stop.

    Raises
    ------
    OutputError
        If ``out`` exists, which is known before anything is read, or cannot be written, or another process
        writes it, or unfinished work there is of another model.
    BundleError, RegistryError
        If the model cannot be opened.
    InputError
        If the samples cannot be read, or none of them can be scored.
    ResourceError
        If Ray was asked for and is not there, or its workers die again and again.
    StoppedError
        If it was asked to stop.
    """
    from metarisk.jobs.audit import AuditOfJob
    from metarisk.jobs.opening import open_model, open_stream
    from metarisk.score import Conduct, score_stream
    from metarisk.score.conduct import Hooks
    from metarisk.score.job import check_result

    check_result(out, overwrite=overwrite)
    bundle = open_model(model, tracking_uri=tracking_uri)
    stream = open_stream(study, data_root=data_root)
    audit = AuditOfJob(bundle)
    hooks = Hooks(audit.input_seen, audit.scores_composed, audit.finishing)
    with ExitStack() as held:
        engine = None
        if ray is not None:
            from metarisk.score.ray_engine import on_ray

            engine = held.enter_context(on_ray(bundle, ray))
        conduct = Conduct(engine, progress or _silent, stop or _never, hooks)
        return score_stream(bundle, stream, out, overwrite=overwrite, conduct=conduct)


def _silent(*_: object) -> None:
    pass


def _never() -> bool:
    return False
