"""Routes of models: which there are, and a few samples scored while the asker waits."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pandas as pd
from fastapi import APIRouter, Request

from metarisk.errors import LimitError, MetariskError
from metarisk.schema.assays import ASSAYS
from metarisk.service.api.access import Owner
from metarisk.service.api.answers import (
    ErrorBody,
    ModelAnswer,
    ModelList,
    SampleRow,
    ScoreAnswer,
    ScoreRequest,
)
from metarisk.service.api.refusals import ERRORS, Refusal
from metarisk.service.settings import REGISTRY, Settings
from metarisk.service.warm import WarmModels

if TYPE_CHECKING:
    from metarisk.models.bundle import ModelBundle

BUSY: dict[int | str, dict[str, Any]] = {429: {"model": ErrorBody, "description": "Busy with others."}}
LONGEST_WAIT_S = 10.0
# A dense table of every gene that any row names, for each row: 100 MB of single precision.
MOST_VALUES = 25_000_000

router = APIRouter(prefix="/v1", tags=["models"], responses=ERRORS)
_one_at_a_time = threading.Lock()


@router.get("/models")
def list_models(request: Request, owner: Owner) -> ModelList:
    """List the models that may be asked for, and the version that each leads to, as looked up lately."""
    settings: Settings = request.app.state.settings
    warm: WarmModels = request.app.state.warm
    default, _ = settings.model(None)
    answers = []
    for name, location in settings.models.items():
        registered = location if location.startswith(REGISTRY) else None
        try:
            version = warm.resolution(name).version
        except MetariskError:
            version = None
        answers.append(
            ModelAnswer(
                name=name,
                default=name == default,
                registered=registered,
                version=version,
                available=version is not None,
            )
        )
    return ModelList(models=answers)


@router.post("/score", responses=BUSY)
def score_rows(request: Request, asked: ScoreRequest, owner: Owner) -> ScoreAnswer:
    """Score a few samples now, in the row format of `metarisk.data.rows`; many samples are a job."""
    settings: Settings = request.app.state.settings
    warm: WarmModels = request.app.state.warm
    name, _ = settings.model(asked.model)
    _check_size(asked.rows, settings.limits.score_samples)
    if not _one_at_a_time.acquire(timeout=LONGEST_WAIT_S):
        raise Refusal(429, "the service is busy with other requests", do="Try again, or submit a job.")
    try:
        return ScoreAnswer.model_validate({"scores": _scored(warm.bundle(name), asked.rows)})
    finally:
        _one_at_a_time.release()


def _scored(bundle: ModelBundle, rows: list[SampleRow]) -> list[dict[str, Any]]:
    from metarisk.data.rows import cohort_of
    from metarisk.models.scoring import score_cohort

    table = pd.DataFrame([row.model_dump() for row in rows], dtype=object)
    scores = score_cohort(bundle, cohort_of(table, "the request"))
    return [
        {str(name): None if pd.isna(value) else value for name, value in record.items()}
        for record in scores.to_dict("records")  # NaN is null in JSON
    ]


def _check_size(rows: list[SampleRow], most: int) -> None:
    """Refuse what would make the service slow for everybody else."""
    if len(rows) > most:
        raise LimitError(
            f"the request has {len(rows)} samples", expected=f"at most {most}", do="Submit them as a job."
        )
    for assay in ASSAYS:
        keys = {key for row in rows if isinstance(cell := _cell(row, assay.value), dict) for key in cell}
        if len(keys) * len(rows) * len(ASSAYS[assay].channels) > MOST_VALUES:
            raise LimitError(
                f"the rows name {len(keys)} different keys of {assay.value}", do="Submit them as a job."
            )


def _cell(row: SampleRow, name: str) -> object:
    return (row.__pydantic_extra__ or {}).get(name)
