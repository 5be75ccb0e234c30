"""One request to a server, its redirects followed by our rules, and the reply's body block by block."""

from __future__ import annotations

import re
import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from urllib.error import URLError

from metarisk import __version__
from metarisk.errors import InputError
from metarisk.transfer.address import redirected
from metarisk.transfer.limits import TransferLimits

REDIRECTS = (301, 302, 303, 307, 308)
COUNT = re.compile(r"[0-9]{1,18}")  # any longer is no size of a file
BLOCK_BYTES = 1 << 18


class DroppedError(Exception):
    """A connection or a server that may do better when it is asked again.

    Parameters
    ----------
    reason
        What happened, to go behind the address in a sentence.
    wait_s
        Pause that the server asked for, if any.
    """

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


@dataclass(frozen=True)
class Reply:
    """A reply whose body has not been read.

    Attributes
    ----------
    url
        Where the redirects ended.
    stream
        Status, headers and body.
    """

    url: str
    stream: HTTPResponse

    @property
    def status(self) -> int:
        """Status code of HTTP."""
        return self.stream.status

    def header(self, name: str) -> str:
        """A header as one line, empty if the reply has none."""
        return " ".join((self.stream.headers.get(name) or "").split())

    def number(self, name: str) -> int | None:
        """A header that is a count, None if it is not there or is none."""
        text = self.header(name)
        return int(text) if COUNT.fullmatch(text) else None


def ask(url: str, headers: Mapping[str, str], limits: TransferLimits) -> Reply:
    """The reply at the end of the redirects; the caller closes its stream.

    Raises
    ------
    InputError
        If a redirect leads where none may, there are too many, or the certificate is not trusted.
    DroppedError
        If there is no reply.
    """
    at = url
    for _ in range(limits.redirects + 1):
        stream = _open(at, headers, limits.timeout_s)
        if stream.status not in REDIRECTS:
            return Reply(at, stream)
        with stream:
            at = redirected(at, stream.headers.get("Location"))
    raise InputError(
        f"{url} redirects more than {limits.redirects} times, at last to {at}",
        do="Tell those who run the server, or use a mirror.",
    )


def read_to_the_end(stream: HTTPResponse) -> None:
    """Make the body end where the server ends it, so that bytes beyond Content-Length are seen.

    The standard library would stop at that header's count and a longer file would pass for a whole one.
    """
    stream.length = None


def next_block(stream: HTTPResponse) -> bytes:
    """What has arrived, empty at the end; raises `DroppedError` if the connection fails or stalls."""
    try:
        return stream.read1(BLOCK_BYTES)
    except TimeoutError as error:
        raise DroppedError("stopped sending") from error
    except (OSError, HTTPException) as error:
        raise DroppedError(f"broke off ({_reason(error)})") from error


def _open(url: str, headers: Mapping[str, str], timeout_s: float) -> HTTPResponse:
    every = {"User-Agent": f"metarisk/{__version__}", "Accept-Encoding": "identity", **headers}
    request = urllib.request.Request(url, headers=every)
    try:
        reply = _opener().open(request, timeout=timeout_s)
    except (OSError, HTTPException) as error:
        cause = error.reason if isinstance(error, URLError) else error
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise InputError(
                f"{url} shows a certificate that is not trusted ({cause.verify_message})",
                do="Check the address, and the certificates of this machine.",
            ) from error
        raise DroppedError(f"did not answer ({_reason(cause)})") from error
    assert isinstance(reply, HTTPResponse)
    return reply


def _opener() -> urllib.request.OpenerDirector:
    """HTTP, HTTPS and the system's proxies; nothing that opens files, follows redirects or hides a status."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _reason(cause: object) -> str:
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(cause) or type(cause).__name__
