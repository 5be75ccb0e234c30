"""What the service answers, as its OpenAPI document says it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from metarisk.schema.scores import COLUMNS, DTYPES
from metarisk.service.queue import Job

State = Literal["queued", "running", "done", "failed", "cancelled"]
Cell = str | float | dict[str, float | None] | None


class ErrorBody(BaseModel):
    """Why a request, or a job, came to nothing: what was found, what was expected, what to do."""

    found: str
    expected: str = ""
    do: str


class Progress(BaseModel):
    """How far a running job is; ``of`` is 0 while that is not known."""

    stage: str
    done: int
    of: int


class JobModel(BaseModel):
    """The model of a job: the version is resolved when the job starts, and never changes after."""

    name: str
    version: str | None
    sha256: str | None


class Counts(BaseModel):
    """What a done job scored; rows are samples times questions."""

    samples: int | None
    rows: int | None
    abstained: int | None
    quarantined: int | None


class JobAnswer(BaseModel):
    """A job. Times are UTC."""

    id: str
    state: State
    kind: Literal["upload", "path", "dataset"]
    input: str
    model: JobModel
    created: datetime
    started: datetime | None
    ended: datetime | None
    progress: Progress
    cancel_asked: bool
    tries: int = Field(description="Workers that began it; more than one after a worker died or left.")
    counts: Counts | None
    error: ErrorBody | None
    results_kept: bool = Field(description="False once the results were removed because of their age.")

    @classmethod
    def of(cls, job: Job) -> Self:
        """The answer about a job."""
        fault = job.told_fault if job.state == "failed" else None
        return cls.model_validate(
            {
                "id": job.id,
                "state": job.state,
                "kind": job.kind,
                "input": job.input_name,
                "model": {"name": job.model, "version": job.model_version, "sha256": job.model_sha256},
                "created": _time(job.created_s),
                "started": _time(job.started_s),
                "ended": _time(job.ended_s),
                "progress": {"stage": job.stage, "done": job.done, "of": job.of},
                "cancel_asked": job.cancel_asked,
                "tries": job.attempt,
                "counts": vars_of(job) if job.state == "done" else None,
                "error": fault,
                "results_kept": job.state == "done" and not job.swept,
            }
        )


class JobList(BaseModel):
    """Jobs of the asker, the newest first."""

    jobs: list[JobAnswer]


class JobRequest(BaseModel):
    """Samples that the service can reach: exactly one of ``path`` and ``dataset``."""

    model_config = ConfigDict(extra="forbid")

    path: str | None = Field(default=None, max_length=4096, description="Below one of the service's roots.")
    dataset: str | None = Field(default=None, max_length=64, description="A name of the service's own.")
    model: str | None = Field(default=None, max_length=200)

    @model_validator(mode="after")
    def _one_input(self) -> Self:
        if (self.path is None) == (self.dataset is None):
            raise ValueError("exactly one of path and dataset")
        return self


class UploadRequest(BaseModel):
    """Samples that come with the request, as a form."""

    file: bytes = Field(
        description="A table, an .h5mu or .h5ad, or a study folder or stored cohort packed as zip or tar.gz."
    )
    model: str | None = None


class SampleRow(BaseModel):
    """One sample: clinical columns, a map from gene to number an assay, its unit in ``<assay>_unit``."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)
    __pydantic_extra__: dict[str, Cell]

    sample_id: str = Field(max_length=200)


class IntakeAnswer(BaseModel):
    """What may be handed in."""

    endings: list[str] = Field(description="Of an upload's file name.")
    upload_bytes: int = Field(description="Largest upload.")
    unpacked_bytes: int = Field(description="What an upload may become when it is unpacked.")
    samples: int = Field(description="Rows of one uploaded table.")
    paths: bool = Field(description="True where samples below a folder of the service's may be named.")
    datasets: list[str] = Field(description="Names of samples that the service knows.")
    keep_days: float = Field(description="How long results are kept.")


class ScoreRequest(BaseModel):
    """Few samples, scored while the asker waits."""

    model_config = ConfigDict(extra="forbid")

    rows: list[SampleRow] = Field(min_length=1)
    model: str | None = Field(default=None, max_length=200)


_COLUMNS: dict[str, Any] = {name: (float | None if name in DTYPES else str, ...) for name in COLUMNS}
ScoreRow = create_model(
    "ScoreRow",
    __doc__="One answer; ``probability`` is higher for worse, for ``response`` for better.",
    **_COLUMNS,
)


class ScoreAnswer(BaseModel):
    """Answers, sample by sample in the order of the request."""

    scores: list[ScoreRow]


class ModelAnswer(BaseModel):
    """A model that may be asked for, and what its name leads to now."""

    name: str
    default: bool
    registered: str | None = Field(description="Its name in the registry, where it has one.")
    version: str | None
    available: bool


class ModelList(BaseModel):
    """Every model of the service."""

    models: list[ModelAnswer]


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """The database and the default model are there."""

    status: Literal["ready"] = "ready"
    model: str
    version: str


def vars_of(job: Job) -> dict[str, Any]:
    """Counts of a job, by name."""
    return {name: getattr(job, name) for name in Counts.model_fields}


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
