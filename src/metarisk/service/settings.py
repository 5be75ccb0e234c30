"""What an operator decides about a service: where it keeps things, what it may read, and its limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator, model_validator

from metarisk.config.load import load_section
from metarisk.config.section import Section
from metarisk.errors import ConfigError, InputError, nearest

MIB = 1 << 20
GIB = 1 << 30
REGISTRY = "models:/"
TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d")

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class Limits(Section):
    """How much one request may ask of the service.

    Attributes
    ----------
    upload_bytes
        Largest upload.
    request_bytes
        Largest request of any other kind.
    unpacked_bytes
        What an upload may become when it is unpacked.
    members
        Files and folders in an archive.
    samples
        Rows of one uploaded table.
    score_samples
        Samples that are scored while the asker waits.
    patience_s, bytes_per_s
        A request's body may take so long, and so much longer as it has bytes at this rate.
    headers_s
        Seconds for a request's first lines.
    connections
        Open at once.
    """

    upload_bytes: int = Field(default=2 * GIB, gt=0)
    request_bytes: int = Field(default=16 * MIB, gt=0)
    unpacked_bytes: int = Field(default=20 * GIB, gt=0)
    members: int = Field(default=5_000, gt=0)
    samples: int = Field(default=1_000_000, gt=0)
    score_samples: int = Field(default=256, gt=0)
    patience_s: float = Field(default=20.0, gt=0)
    bytes_per_s: float = Field(default=20_000.0, gt=0)
    headers_s: float = Field(default=10.0, gt=0)
    connections: int = Field(default=200, gt=1)


class Schedule(Section):
    """A job that is submitted once a day.

    Attributes
    ----------
    name
        Also the name under which its jobs are once a day and not twice.
    at
        HH:MM, by the clocks of ``timezone``.
    timezone
        IANA name.
    path
        Samples; ``{date}`` in it is the day, e.g. ``2026-11-26``.
    model
        Name in ``models``; the default one if left out.
    owner
        Name of the token that may see its jobs; empty on a service without tokens.
    """

    name: Name
    at: str
    timezone: str = "UTC"
    path: str
    model: str | None = None
    owner: str = ""

    @field_validator("at")
    @classmethod
    def _is_a_time(cls, at: str) -> str:
        if TIME_OF_DAY.fullmatch(at) is None:
            raise ValueError("a time of day, HH:MM in quotes")
        return at

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("an IANA time zone such as Europe/Berlin") from error
        return zone


class Settings(Section):
    """A service; all paths absolute once `load_settings` has read it.

    Attributes
    ----------
    data
        Folder of jobs, of pinned models, and of the database where that is SQLite.
    database
        ``sqlite:////...`` or ``postgresql://...``; SQLite in ``data`` if None.
    models
        Name -> bundle folder, or ``models:/name@alias``. Nothing else can be asked for.
    default_model
        The first of them if None.
    tracking_uri
        Registry of ``models:/`` names.
    roots
        Folders below which a path may be submitted.
    datasets
        Name -> samples that may be submitted by name.
    keep_days
        How long results are kept.
    lease_s
        Seconds after which a silent worker's job is another's.
    stalled_s
        Seconds without progress after which a worker takes itself for hung, lets its job go, and ends. A
        step that takes longer, such as reading a large file from a slow disk, needs a higher one.
    poll_s
        Seconds between two looks of an idle worker.
    refresh_s
        Seconds after which the model of small requests is compared with its alias.
    """

    data: Path
    database: str | None = None
    models: dict[Name, str] = Field(min_length=1)
    default_model: str | None = None
    tracking_uri: str | None = None
    roots: tuple[Path, ...] = ()
    datasets: dict[Name, Path] = Field(default_factory=dict)
    schedules: tuple[Schedule, ...] = ()
    limits: Limits = Limits()
    keep_days: float = Field(default=30.0, gt=0)
    lease_s: float = Field(default=60.0, gt=0)
    stalled_s: float = Field(default=1800.0, gt=0)
    poll_s: float = Field(default=1.0, gt=0)
    refresh_s: float = Field(default=5.0, ge=0)

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        asked = [self.default_model, *(schedule.model for schedule in self.schedules)]
        for name in asked:
            if name is not None and name not in self.models:
                raise ValueError(f"names of `models` where a model is named, not {name!r}")
        if len({schedule.name for schedule in self.schedules}) < len(self.schedules):
            raise ValueError("schedules of different names")
        return self

    @property
    def database_uri(self) -> str:
        """Address of the database."""
        return self.database or f"sqlite:///{self.data / 'service.db'}"

    def model(self, asked: str | None) -> tuple[str, str]:
        """Name and location of a model that may be asked for, by its name or by its registered name.

        Raises
        ------
        InputError
            If it is none of them.
        """
        name = asked or self.default_model or next(iter(self.models))
        registered = {where: known for known, where in self.models.items() if where.startswith(REGISTRY)}
        name = registered.get(name, name)
        if name not in self.models:
            raise InputError(
                f"there is no model {name[:80]!r} here",
                expected="a name that GET /v1/models lists",
                do=nearest(name[:80], self.models),
            )
        return name, self.models[name]


def load_settings(path: Path | None, given: Mapping[str, Any]) -> Settings:
    """Settings of a YAML file, of options, or of both; an option wins.

    Parameters
    ----------
    path
        File whose keys are those of `Settings`; its paths are relative to its own folder.
    given
        Keys of `Settings`; those that are None or empty were not given.

    Raises
    ------
    ConfigError
        If a key is unknown, missing or out of range.
    """
    options = {key: value for key, value in given.items() if value}
    read: dict[str, Any] = {}
    if path is not None:
        read = _placed(load_section(path, Settings), path.absolute().parent).model_dump()
    try:
        settings = Settings.model_validate({**read, **options})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the settings"
        raise ConfigError(
            f"{key}: {first['msg'].removeprefix('Value error, ')[:200]}",
            do="Pass --config FILE, or at least --data FOLDER and --model BUNDLE.",
        ) from error
    return _placed(settings, Path.cwd())


def _placed(settings: Settings, base: Path) -> Settings:
    models = {
        name: where if where.startswith(REGISTRY) else str(base / where)
        for name, where in settings.models.items()
    }
    return settings.model_copy(
        update={
            "data": base / settings.data,
            "models": models,
            "roots": tuple(base / root for root in settings.roots),
            "datasets": {name: base / where for name, where in settings.datasets.items()},
        }
    )
