"""The gate before every route: sizes, patience, headers, latency, and a log line without values."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import dataclass, field

from prometheus_client import Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from metarisk.service.metrics import METHODS
from metarisk.service.scoring import unexpected
from metarisk.service.settings import Limits

FORM_OVERHEAD = 64 * 1024
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
CLOSED = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")

_log = logging.getLogger(__name__)


class BodyRefusedError(Exception):
    """The body is too large or too slow: whatever reads it stops."""


@dataclass
class Visit:
    """One request on its way through the gate.

    Attributes
    ----------
    started_s
        By the process's own clock.
    received
        Bytes of the body so far.
    refusal
        Status and sentence that the asker gets, whatever the route answers.
    status
        Of the answer; 0 while there is none.
    """

    started_s: float = field(default_factory=time.monotonic)
    received: int = 0
    refusal: tuple[int, str, str] | None = None
    status: int = 0


class Gate:
    """Middleware around the whole application.

    Parameters
    ----------
    app
        The application.
    limits
        Sizes and patience.
    latency
        Where seconds are noted.
    """

    def __init__(self, app: ASGIApp, limits: Limits, latency: Histogram) -> None:
        self._app = app
        self._limits = limits
        self._latency = latency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = Visit()
        most = self._most(scope)

        async def counted() -> Message:
            return await self._receive(visit, receive, most)

        async def guarded(message: Message) -> None:
            await _send(visit, message, send)

        try:
            if _announced(scope) > most:
                _too_large(visit, most)
            else:
                await self._app(scope, counted, guarded)
        except BodyRefusedError:
            pass
        except Exception as error:  # a bug of ours: told to the operator without the message
            _log.error("a bug of ours: %s", unexpected(error))
            visit.refusal = visit.refusal or (500, "the service met an error of its own", "Report it.")
        if visit.refusal is not None and not visit.status:
            await _refuse(visit, send)
        self._note(scope, visit)

    def _most(self, scope: Scope) -> int:
        """Largest body of a request."""
        form = _header(scope, b"content-type").startswith(b"multipart/form-data")
        upload = form and scope["path"] == "/v1/jobs"
        return self._limits.upload_bytes + FORM_OVERHEAD if upload else self._limits.request_bytes

    async def _receive(self, visit: Visit, receive: Receive, most: int) -> Message:
        """The next part of a body that is neither too large nor too slow."""
        allowed_s = self._limits.patience_s + visit.received / self._limits.bytes_per_s
        left_s = visit.started_s + allowed_s - time.monotonic()
        # Once the answer has begun, the body is read: what is awaited then is the end of the connection.
        if visit.status:
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), max(left_s, 0.001))
        except TimeoutError as error:
            rate = f"{self._limits.bytes_per_s:g} bytes a second"
            visit.refusal = (408, f"the body came more slowly than {rate}", "Send it again, faster.")
            raise BodyRefusedError from error
        visit.received += len(message.get("body", b""))
        if visit.received > most:
            _too_large(visit, most)
            raise BodyRefusedError
        return message

    def _note(self, scope: Scope, visit: Visit) -> None:
        seconds = time.monotonic() - visit.started_s
        route = getattr(scope.get("route"), "path", "unknown")
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._latency.labels(method, route, str(visit.status)).observe(seconds)
        _log.info("%s %s %d %.0f ms", method, route, visit.status, seconds * 1000)


async def _send(visit: Visit, message: Message, send: Send) -> None:
    """Pass an answer on with the headers of safety; a route's own answer to a refused body is dropped."""
    if visit.refusal is not None:
        return
    if message["type"] == "http.response.start":
        visit.status = int(message["status"])
        own = list(message.get("headers", []))
        names = {name.lower() for name, _ in own}
        own += [(name, value) for name, value in (*HEADERS, CLOSED) if name not in names]
        message = {**message, "headers": own}
    await send(message)


async def _refuse(visit: Visit, send: Send) -> None:
    assert visit.refusal is not None
    visit.status, found, do = visit.refusal
    body = json.dumps({"found": found, "expected": "", "do": do}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),  # what is left of the body is not read
        *HEADERS,
        CLOSED,
    ]
    await send({"type": "http.response.start", "status": visit.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _too_large(visit: Visit, most: int) -> None:
    visit.refusal = (413, f"the request has more than {most} bytes", "Send it in parts, or as a path.")


def _announced(scope: Scope) -> int:
    text = _header(scope, b"content-length")
    return int(text) if text.isdigit() else 0


def _header(scope: Scope, name: bytes) -> bytes:
    found: bytes = next((value for key, value in scope["headers"] if key == name), b"")
    return found
