"""One try at a job: its pinned model, its samples, `metarisk.jobs.score.score`, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from metarisk.errors import InputError
from metarisk.service.intake import Place, check_inside
from metarisk.service.pinning import check_pinned
from metarisk.service.queue import Job

Progress = Callable[[str, int, int], None]
# Column of the queue -> name in the manifest of scores.
COUNTS = {"samples": "samples", "rows": "rows", "abstained": "abstained", "quarantined": "set_aside"}


def score_job(
    job: Job, out: Path, *, tracking_uri: str | None, progress: Progress, stop: Callable[[], bool]
) -> None:
    """Score a job into ``out``; nothing stands there until all of it does.

    The same call again, by another worker, goes on with the work that lies beside ``out``. Scores that
    already stand there are those of a worker that died before it could say so, and are left as they are.

    Parameters
    ----------
    job
        With its model pinned.
    out
        The job's result.
    tracking_uri
        Registry of the pinned model.
    progress
        Told the stage, and how much of how much is done.
    stop
        Asked between parts; when it says True, the call ends without a result.

    Raises
    ------
    MetariskError
        If the samples, the model or the machine do not allow it.
    """
    if whole_result(out) is not None:
        return
    assert job.pinned is not None
    assert job.model_sha256 is not None
    place = Place(Path(job.input_path), Path(job.input_root))
    check_inside(place)
    check_pinned(job.pinned, job.model_sha256, tracking_uri=tracking_uri)
    from metarisk.jobs.score import score

    # The model is pinned, so work that cannot be gone on with is that of other code: it is begun anew.
    score(
        job.pinned,
        place.path,
        out,
        tracking_uri=tracking_uri,
        overwrite=True,
        progress=progress,
        stop=stop,
    )


def whole_result(out: Path) -> Mapping[str, int | None] | None:
    """Counts of the scores in a folder, their hash verified; None where none stand or they are damaged."""
    from metarisk.score.reading import check_scores

    if not out.is_dir():
        return None
    try:
        manifest = check_scores(out)
    except InputError:
        return None
    return {column: _count(manifest.get(name)) for column, name in COUNTS.items()}


def unexpected(error: Exception) -> str:
    """Kind of an error of ours and where it was raised, without its message, which may hold values."""
    frame, trace = "", error.__traceback__
    while trace is not None:
        frame = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return json.dumps({"kind": type(error).__name__, "at": frame})


def _count(value: object) -> int | None:
    return int(value) if isinstance(value, int) else None
