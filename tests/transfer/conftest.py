"""A real HTTP server on this machine that serves well or badly, as each test asks."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from metarisk.transfer import TransferLimits

BLOCK = 1 << 14


class Handler(BaseHTTPRequestHandler):
    """Answers by the next of the path's replies; the last one stays."""

    protocol_version = "HTTP/1.1"
    server: FaultyServer

    def do_GET(self) -> None:
        self.close_connection = True
        self.server.requests.append(dict(self.headers.items()))
        replies = self.server.replies.get(self.path)
        if not replies:
            self.head(404, {"Content-Length": "0"})
            return
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        with suppress(BrokenPipeError, ConnectionResetError):
            reply(self)

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Connection": "close", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def body(self, content: bytes) -> None:
        for start in range(0, len(content), BLOCK):
            block = content[start : start + BLOCK]
            self.wfile.write(block)
            self.server.sent[self.path] += len(block)
        self.wfile.flush()

    def drop(self) -> None:
        """End the connection as a dead machine or a cut cable does."""
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:
        pass


Reply = Callable[[Handler], None]


@dataclass(frozen=True)
class Whole:
    """A good server: ranges, ETag, conditions; or as much of one as the flags leave."""

    content: bytes
    etag: str = '"v1"'
    ranges: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, handler: Handler) -> None:
        asked = handler.headers
        marks = {"ETag": self.etag} if self.etag else {}
        if self.etag and asked.get("If-None-Match") == self.etag:
            handler.head(304, marks)
            return
        start = 0
        if self.ranges and asked.get("Range") and asked.get("If-Range") in (None, self.etag):
            start = int(asked["Range"].removeprefix("bytes=").rstrip("-"))
        rest, size = self.content[start:], len(self.content)
        if start:
            marks = marks | {"Content-Range": f"bytes {start}-{size - 1}/{size}"}
        handler.head(206 if start else 200, {"Content-Length": str(len(rest)), **marks, **self.headers})
        self.send(handler, rest)

    def send(self, handler: Handler, rest: bytes) -> None:
        handler.body(rest)


@dataclass(frozen=True)
class Dropping(Whole):
    """Sends some of what was asked for, then is gone."""

    after: int = 0

    def send(self, handler: Handler, rest: bytes) -> None:
        handler.body(rest[: self.after])
        handler.drop()


@dataclass(frozen=True)
class Stalling(Whole):
    """Sends some of what was asked for, then nothing, with the connection open."""

    after: int = 0

    def send(self, handler: Handler, rest: bytes) -> None:
        handler.body(rest[: self.after])
        handler.server.done.wait(10)


@dataclass(frozen=True)
class Status:
    """Only a status, with headers."""

    code: int
    headers: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, handler: Handler) -> None:
        handler.head(self.code, {"Content-Length": "0", **self.headers})


@dataclass(frozen=True)
class Raw:
    """Any headers over any body."""

    content: bytes
    headers: Mapping[str, str]
    status: int = 200

    def __call__(self, handler: Handler) -> None:
        handler.head(self.status, self.headers)
        handler.body(self.content)


def endless(handler: Handler) -> None:
    """Never announces an end and never comes to one."""
    handler.head(200, {})
    while not handler.server.done.is_set():
        handler.body(b"0" * BLOCK)


class FaultyServer(ThreadingHTTPServer):
    """Replies by path, the requests that came, and the bytes of bodies that went out."""

    daemon_threads = True
    whole, dropping, stalling, status, raw = Whole, Dropping, Stalling, Status, Raw
    endless = staticmethod(endless)

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: dict[str, list[Reply]] = {}
        self.requests: list[dict[str, str]] = []
        self.sent: Counter[str] = Counter()
        self.done = threading.Event()

    def address(self, path: str, *replies: Reply) -> str:
        """Address of a path that gets these replies, the last one for ever."""
        self.replies[path] = list(replies)
        return f"{self.base}{path}"

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with FaultyServer() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.done.set()
        made.shutdown()
        thread.join()


@pytest.fixture
def quick() -> TransferLimits:
    """Patience of tenths of a second."""
    return TransferLimits(timeout_s=0.3, attempts=3, wait_s=0.01, longest_wait_s=0.05)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "in" / "file.tar.gz"
