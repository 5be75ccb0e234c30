"""The server: loopback unless there is a token, and no patience with slow first lines."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import threading
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from metarisk.errors import ConfigError
from metarisk.service.api.app import build_app
from metarisk.service.database import open_database
from metarisk.service.settings import Settings
from metarisk.service.tokens import Tokens

_log = logging.getLogger(__name__)
_LATE = {"found": "the request's first lines came too slowly", "expected": "", "do": "Send it again."}


def serve(settings: Settings, *, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Answer requests until told to end.

    Parameters
    ----------
    settings
        The service.
    host, port
        Where to listen.

    Raises
    ------
    ConfigError
        If it should listen beyond this machine and there is no token.
    ResourceError
        If the database does not answer.
    """
    engine = open_database(settings.database_uri)
    check_host(host, Tokens(engine))
    app = build_app(settings, engine)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=type("Patient", (PatientProtocol,), {"headers_s": settings.limits.headers_s}),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=settings.limits.connections,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=30,
    )
    threading.Thread(target=app.state.warm.preload, daemon=True).start()
    _log.info("listening on http://%s:%d", host, port)
    uvicorn.Server(config).run()
    engine.dispose()


def check_host(host: str, tokens: Tokens) -> None:
    """Refuse to listen beyond this machine unless a token that opens exists; raises `ConfigError`."""
    if _is_loopback(host) or any(not token.revoked for token in tokens.listed()):
        return
    raise ConfigError(
        f"the service should listen on {host}, where others can reach it, and it has no token",
        expected="127.0.0.1, or at least one token",
        do="Make one first: metarisk serve token add NAME.",
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class PatientProtocol(H11Protocol):
    """Protocol of uvicorn, which waits for ever for a request's first lines, with an end to that.

    Attributes
    ----------
    headers_s
        Seconds from the first moment that a request may begin, or from its first byte on a connection that
        served one before, to the end of its headers.
    """

    headers_s = 10.0
    _alarm: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait."""
        super().connection_made(transport)
        self._alarm = self.loop.call_later(self.headers_s, self._late)

    def data_received(self, data: bytes) -> None:
        """Take what came; wait on while the headers are not whole."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE or self.conn.our_state is not h11.IDLE:
            self._rest()
        elif self._alarm is None:
            self._alarm = self.loop.call_later(self.headers_s, self._late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._rest()
        super().connection_lost(exc)

    def _rest(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _late(self) -> None:
        body = json.dumps(_LATE).encode()
        head = f"HTTP/1.1 408 Request Timeout\r\ncontent-length: {len(body)}\r\n"
        kind = "content-type: application/json\r\nconnection: close\r\n\r\n"
        self.transport.write(f"{head}{kind}".encode() + body)
        self.transport.close()
