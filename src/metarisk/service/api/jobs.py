"""Routes of jobs: hand in, follow, fetch, cancel."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from metarisk.service.api.access import KeyedAsker, Owner
from metarisk.service.api.answers import ErrorBody, JobAnswer, JobList, JobRequest, State, UploadRequest
from metarisk.service.api.refusals import ERRORS, Refusal
from metarisk.service.queue import CANCELLED, DONE, ENDED, FAILED, Job, Queue, Submitted
from metarisk.service.submission import Asker, Desk

PARQUET = "application/vnd.apache.parquet"
# A report opens offline and asks nobody; sandboxed, it could not reach this service either.
REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'"
)
QUARANTINE = re.compile(r"quarantine[^/]*\.(parquet|tsv|csv|jsonl?)")
AUDIT_KINDS = {"json": "application/json", "tsv": "text/tab-separated-values; charset=utf-8"}
REPORT = re.compile(r"[^/]*\.html")
NO_JOB: dict[int | str, dict[str, Any]] = {404: {"model": ErrorBody, "description": "No such job."}}
NOT_NOW: dict[int | str, dict[str, Any]] = {
    **NO_JOB,
    409: {"model": ErrorBody, "description": "The job's state does not allow it."},
    410: {"model": ErrorBody, "description": "The results were removed because of their age."},
}
FORMS = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": JobRequest.model_json_schema()},
            "multipart/form-data": {"schema": UploadRequest.model_json_schema()},
        },
    }
}

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], responses=ERRORS)


@router.post(
    "",
    status_code=201,
    openapi_extra=FORMS,
    responses={
        200: {"model": JobAnswer, "description": "The job that this key made before."},
        415: {"model": ErrorBody, "description": "Neither a form nor JSON."},
    },
)
async def submit_job(request: Request, response: Response, asker: KeyedAsker) -> JobAnswer:
    """Submit samples: as an upload (a form), or as JSON that says where the service finds them."""
    desk: Desk = request.app.state.desk
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        submitted = await _upload(request, desk, asker)
    elif kind == "application/json":
        submitted = await _named(await request.body(), desk, asker)
    else:
        raise Refusal(
            415,
            "the request is neither a form nor JSON",
            expected="multipart/form-data with a file, or application/json",
            do="Set the Content-Type.",
        )
    response.status_code = 201 if submitted.new else 200
    response.headers["Location"] = f"/v1/jobs/{submitted.job.id}"
    return JobAnswer.of(submitted.job)


@router.get("")
def list_jobs(
    request: Request,
    owner: Owner,
    state: State | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> JobList:
    """List the asker's jobs, the newest first."""
    queue: Queue = request.app.state.queue
    found = queue.listed(owner=owner, state=state, limit=limit, offset=offset)
    return JobList(jobs=[JobAnswer.of(job) for job in found])


@router.get("/{job_id}", responses=NO_JOB)
def show_job(request: Request, job_id: UUID, owner: Owner) -> JobAnswer:
    """Show a job: its state, how far it is, its model, and why it failed if it did."""
    return JobAnswer.of(_job(request, job_id, owner))


@router.delete("/{job_id}", responses=NOT_NOW)
def cancel_job(request: Request, job_id: UUID, owner: Owner) -> JobAnswer:
    """Cancel a job: at once if it waits, after the part that it is at if it runs."""
    job = _job(request, job_id, owner)
    queue: Queue = request.app.state.queue
    now = queue.cancel(job.id)
    if now is None or now.state in {DONE, FAILED}:
        raise Refusal(409, "the job has ended", do="Fetch its scores, or read its error.")
    if now.state == CANCELLED:  # nobody holds it, and an earlier worker may have left its work
        desk: Desk = request.app.state.desk
        desk.folder.drop_result(job.id)
    return JobAnswer.of(now)


@router.get(
    "/{job_id}/scores",
    response_class=FileResponse,
    responses={**NOT_NOW, 200: {"content": {PARQUET: {}, "text/csv": {}}, "description": "The scores."}},
)
def fetch_scores(
    request: Request, job_id: UUID, owner: Owner, format: Literal["parquet", "csv"] = "parquet"
) -> FileResponse:
    """Fetch a done job's scores; in the CSV no id can act as a formula."""
    from metarisk.score.export import export_csv
    from metarisk.score.layout import SCORES

    result = _result(request, job_id, owner)
    if format == "parquet":
        return FileResponse(result / SCORES, media_type=PARQUET, filename=SCORES)
    table = result.with_name("scores.csv")
    if not table.is_file():
        export_csv(result, table, overwrite=True)
    return FileResponse(table, media_type="text/csv; charset=utf-8", filename="scores.csv")


@router.get(
    "/{job_id}/quarantine",
    response_class=FileResponse,
    responses={**NOT_NOW, 200: {"content": {"application/octet-stream": {}}, "description": "Bad rows."}},
)
def fetch_quarantine(request: Request, job_id: UUID, owner: Owner) -> FileResponse:
    """Fetch the rows that were not scored, each with its reason; 404 where there are none."""
    table = _part(_result(request, job_id, owner), QUARANTINE, "quarantined rows")
    return FileResponse(table, media_type="application/octet-stream", filename=table.name)


@router.get(
    "/{job_id}/audit",
    response_class=FileResponse,
    responses={
        **NOT_NOW,
        200: {"content": {"application/json": {}, "text/tab-separated-values": {}}, "description": "Checks."},
    },
)
def fetch_audit(
    request: Request, job_id: UUID, owner: Owner, format: Literal["json", "tsv"] = "json"
) -> FileResponse:
    """Fetch how a done job's samples and scores differ from the training patients; 404 where it has none."""
    name, kind = f"audit.{format}", AUDIT_KINDS[format]
    table = _part(_result(request, job_id, owner), re.compile(re.escape(name)), "audit")
    return FileResponse(table, media_type=kind, filename=name)


@router.get(
    "/{job_id}/report",
    response_class=FileResponse,
    responses={**NOT_NOW, 200: {"content": {"text/html": {}}, "description": "One offline page."}},
)
def fetch_report(request: Request, job_id: UUID, owner: Owner) -> FileResponse:
    """Fetch the report of a done job; 404 where it has none."""
    page = _part(_result(request, job_id, owner), REPORT, "report")
    return FileResponse(page, media_type="text/html", headers={"Content-Security-Policy": REPORT_POLICY})


async def _upload(request: Request, desk: Desk, asker: Asker) -> Submitted:
    async with request.form(max_files=1, max_fields=4) as form:
        file, model = form.get("file"), form.get("model")
        if not isinstance(file, UploadFile) or isinstance(model, UploadFile):
            raise Refusal(
                422, "the form has no file", expected="a file in the field `file`", do="Attach the samples."
            )
        return await run_in_threadpool(
            desk.submit_upload, file.file, file.filename or "", model or None, asker
        )


async def _named(body: bytes, desk: Desk, asker: Asker) -> Submitted:
    try:
        asked = JobRequest.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False, include_input=False)) from error
    if asked.path is not None:
        return await run_in_threadpool(desk.submit_path, asked.path, asked.model, asker)
    assert asked.dataset is not None
    return await run_in_threadpool(desk.submit_dataset, asked.dataset, asked.model, asker)


def _job(request: Request, job_id: UUID, owner: str) -> Job:
    """A job of the asker; another's is as if it did not exist."""
    queue: Queue = request.app.state.queue
    job = queue.find(str(job_id), owner=owner)
    if job is None:
        raise Refusal(404, "there is no such job", do="List yours: GET /v1/jobs.")
    return job


def _result(request: Request, job_id: UUID, owner: str) -> Path:
    """Folder of a done job's scores."""
    job = _job(request, job_id, owner)
    if job.swept:
        raise Refusal(410, "the results were removed because of their age", do="Submit the job again.")
    if job.state != DONE:
        do = "Read its error." if job.state in ENDED else "Ask again when its state is done."
        raise Refusal(409, f"the job is {job.state}", expected="a job that is done", do=do)
    desk: Desk = request.app.state.desk
    return desk.folder.result(job.id)


def _part(result: Path, name: re.Pattern[str], what: str) -> Path:
    found = [path for path in sorted(result.iterdir()) if name.fullmatch(path.name)]
    if not found:
        raise Refusal(404, f"the job has no {what}", do="Fetch its scores.")
    return found[0]
