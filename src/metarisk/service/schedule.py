"""Jobs that are submitted once a day, by whichever worker looks first."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, time
from zoneinfo import ZoneInfo

from metarisk.errors import InputError
from metarisk.service.queue import Submitted
from metarisk.service.settings import Schedule
from metarisk.service.submission import Asker, Desk

_log = logging.getLogger(__name__)


def submit_due(schedules: Iterable[Schedule], desk: Desk, now: datetime) -> list[Submitted]:
    """Submit each schedule whose time of today has come.

    The schedule's name and the day are the job's key, so a day's job is one however many workers look and
    however often. A worker that starts later in the day still submits it; an earlier day is not made up for.

    Parameters
    ----------
    schedules
        From the settings.
    desk
        Where jobs are handed in.
    now
        With a time zone.
    """
    submitted = []
    for schedule in schedules:
        local = now.astimezone(ZoneInfo(schedule.timezone))
        if local.time() < time.fromisoformat(schedule.at):
            continue
        key = f"schedule:{schedule.name}:{local.date().isoformat()}"
        if desk.queue.find_key(schedule.owner, key) is not None:
            continue
        path = schedule.path.replace("{date}", local.date().isoformat())
        try:
            submitted.append(desk.submit_path(path, schedule.model, Asker(schedule.owner, key)))
        except InputError as error:
            # Tonight's samples may not be there yet: the next look tries again.
            _log.warning("schedule %s: %s", schedule.name, error.found)
    return submitted
