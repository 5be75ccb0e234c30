"""Results past their time, and files that belong to no job, removed."""

from __future__ import annotations

import logging
from pathlib import Path

from metarisk.service.folders import DataFolder
from metarisk.service.queue import QUEUED, RUNNING, Queue

DAY_S = 86_400.0
_log = logging.getLogger(__name__)


def sweep(queue: Queue, folder: DataFolder, keep_days: float) -> int:
    """Remove results that were kept long enough, and folders without a job; the number of jobs swept.

    Any number of workers may do it at once. A job's row stays, for the counts and for its key.
    """
    old = queue.expired(keep_days * DAY_S)
    for job in old:
        folder.drop(job.id)
        queue.mark_swept(job)
        _log.info("job %s: its files are past their time", job.id)
    for job_id in folder.orphans():
        if queue.find(job_id) is None:
            folder.drop(job_id)
    folder.drop_models(needed={Path(pinned).name for pinned in queue.pinned((QUEUED, RUNNING))})
    return len(old)
