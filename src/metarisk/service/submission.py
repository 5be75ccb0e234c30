"""From what somebody asks for to a job in the queue."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path, PureWindowsPath
from typing import BinaryIO, NamedTuple
from uuid import uuid4

from metarisk.errors import InputError, nearest
from metarisk.schema.findings import visible
from metarisk.service.folders import DataFolder
from metarisk.service.intake import Place, allowed_path, check_inside, receive
from metarisk.service.queue import Order, Queue, Submitted
from metarisk.service.settings import Settings


class Asker(NamedTuple):
    """Who asks, and by which name of their own for the request.

    Attributes
    ----------
    owner
        Name of a token; empty on a service without tokens.
    key
        The same key twice is the same job.
    """

    owner: str
    key: str | None = None


class Desk:
    """Where jobs are handed in.

    Parameters
    ----------
    settings
        What may be asked for.
    queue
        Where jobs wait.
    """

    def __init__(self, settings: Settings, queue: Queue) -> None:
        self.settings = settings
        self.queue = queue
        self.folder = DataFolder.made(settings.data)

    def submit_path(self, asked: str, model: str | None, asker: Asker) -> Submitted:
        """Submit samples below an allowed root; raises `InputError` for what may not be read."""
        place = allowed_path(asked, self.settings.roots)
        check_inside(place)
        return self._submit(("path", place.path.name, str(place.path)), place, model, asker)

    def submit_dataset(self, name: str, model: str | None, asker: Asker) -> Submitted:
        """Submit samples that the settings name; raises `InputError` for another name."""
        if name not in self.settings.datasets:
            raise InputError(
                f"there is no dataset {name[:80]!r} here", do=nearest(name[:80], self.settings.datasets)
            )
        where = self.settings.datasets[name]
        if not where.exists():
            raise InputError(f"the dataset {name!r} is not there", do="Tell the service's operator.")
        real = where.resolve()
        place = Place(real, real if real.is_dir() else real.parent)
        return self._submit(("dataset", name, str(real)), place, model, asker)

    def submit_upload(self, stream: BinaryIO, file_name: str, model: str | None, asker: Asker) -> Submitted:
        """Submit samples that came with the request.

        Raises
        ------
        InputError
            If they are no table, stored cohort or archive; `LimitError` if they are too large.
        """
        self.settings.model(model)  # before the bytes are looked at
        job_id = str(uuid4())
        try:
            place, sha256 = receive(stream, file_name, self.folder.input(job_id), self.settings.limits)
            submitted = self._submit(("upload", _told(file_name), sha256), place, model, asker, job_id=job_id)
        except BaseException:
            self.folder.drop(job_id)
            raise
        if not submitted.new:
            self.folder.drop(job_id)
        return submitted

    def submit_taken(self, path: Path, model: str | None, asker: Asker) -> Submitted:
        """Submit what a watched folder took; an archive is unpacked into the job's folder."""
        root = path.parent.resolve()
        place = Place(root / path.name, root)  # the entry itself may be a link, so it is not followed here
        check_inside(place)
        if path.is_file() and path.name.lower().endswith((".zip", ".tar", ".tar.gz", ".tgz")):
            with path.open("rb") as stream:
                return self.submit_upload(stream, path.name, model, asker)
        return self._submit(("path", path.name, str(place.path)), place, model, asker)

    def _submit(
        self,
        what: tuple[str, str, str],
        place: Place,
        model: str | None,
        asker: Asker,
        job_id: str | None = None,
    ) -> Submitted:
        kind, name, content = what
        model_name, location = self.settings.model(model)
        request = json.dumps([kind, content, model_name])
        order = Order(
            id=job_id or str(uuid4()),
            owner=asker.owner,
            kind=kind,
            input_name=name[:200],
            input_path=str(place.path),
            input_root=str(place.root),
            model=model_name,
            model_location=location,
            request_sha256=hashlib.sha256(request.encode()).hexdigest(),
            key=asker.key,
        )
        return self.queue.submit(order)


def _told(file_name: str) -> str:
    """What the asker calls an upload, without the folders that some browsers send; no file has this name."""
    return visible(PureWindowsPath(file_name).name) or "an upload"
