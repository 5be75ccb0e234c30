"""Every refusal has one form: found, expected, do. None shows a traceback, a folder or a value."""

from __future__ import annotations

import errno
import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from metarisk.errors import InputError, LimitError, MetariskError
from metarisk.service.api.answers import ErrorBody

UNREADY, FULL = 503, 507
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
WORDS = {
    400: ("the request cannot be read", "Send what /openapi.json says."),
    404: ("there is nothing at this address", "See /openapi.json for what there is."),
    405: ("this address does not take that method", "See /openapi.json for the ones it takes."),
}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": text}
    for status, text in (
        (400, "The request cannot be read."),
        (401, "A token is needed, and none that opens was sent."),
        (403, "The request comes by way of another site."),
        (408, "The body came too slowly."),
        (413, "Larger than the service takes, packed or unpacked."),
        (422, "Not what it must be."),
        (503, "The database or the model cannot be reached now."),
        (FULL, "The service's disk is full."),
    )
}

_log = logging.getLogger(__name__)


class Refusal(Exception):  # noqa: N818  (an answer, not a fault of ours)
    """An answer other than the one that was asked for.

    Parameters
    ----------
    status
        Of HTTP.
    found, do, expected
        The sentence.
    """

    def __init__(self, status: int, found: str, *, do: str, expected: str = "") -> None:
        super().__init__(found)
        self.status = status
        self.body = {"found": found, "expected": expected, "do": do}


def install_refusals(app: FastAPI) -> None:
    """Answer every error of a route in the one form."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(MetariskError, _ours)
    app.add_exception_handler(OSError, _full)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def status_of(error: MetariskError) -> int:
    """The asker's fault, or the service's for now."""
    if isinstance(error, LimitError):
        return 413
    return 422 if isinstance(error, InputError) else UNREADY


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refusal)
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    headers |= {"Retry-After": "5"} if error.status in {429, UNREADY} else {}
    return JSONResponse(error.body, error.status, headers)


async def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, MetariskError)
    status = status_of(error)
    if status != UNREADY:
        return JSONResponse({"found": error.found, "expected": error.expected, "do": error.do}, status)
    # What is wrong with the machine is the operator's, and may name folders.
    _log.error("a request could not be served: %s", type(error).__name__)
    body = {
        "found": f"the service cannot do this now ({type(error).__name__})",
        "expected": "",
        "do": "Try again later; its operator can see why in /readyz and in the log.",
    }
    return JSONResponse(body, status, {"Retry-After": "5"})


async def _full(request: Request, error: Exception) -> JSONResponse:
    """No room on the service's disk; any other refusal of the system is a bug of ours, and goes on."""
    assert isinstance(error, OSError)
    if error.errno not in NO_ROOM:
        raise error
    _log.error("a request could not be served: no space left")
    body = {
        "found": "the service has no space left for this",
        "expected": "",
        "do": "Tell its operator, and send it again later.",
    }
    return JSONResponse(body, FULL, {"Retry-After": "60"})


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems = error.errors()
    first = problems[0]
    where = ".".join(str(part)[:80] for part in first["loc"][:6])
    more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
    found = f"{where}: {first['msg'].removeprefix('Value error, ')[:200]}{more}"
    body = {"found": found, "expected": "what /openapi.json says", "do": "Correct the request."}
    return JSONResponse(_printable(body), 422)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    found, do = WORDS.get(error.status_code, ("the request was refused", "See /openapi.json."))
    return JSONResponse({"found": found, "expected": "", "do": do}, error.status_code, error.headers)


def _printable(body: dict[str, str]) -> dict[str, str]:
    """Lone surrogates, which JSON may hold and UTF-8 may not, as their codes."""
    return {key: text.encode("utf-8", "backslashreplace").decode() for key, text in body.items()}
