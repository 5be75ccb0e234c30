"""Who asks: the holder of a token, or on a service without tokens whoever sits at this machine."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from metarisk.service.api.refusals import Refusal
from metarisk.service.submission import Asker
from metarisk.service.tokens import Tokens

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
KEY = r"^[\x21-\x7e]{1,150}$"

bearer = HTTPBearer(auto_error=False, description="A token of `metarisk serve token add NAME`.")


def owner_of(
    request: Request, sent: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)] = None
) -> str:
    """Name of the token's holder; empty on a service without tokens.

    Raises
    ------
    Refusal
        401 without a token that opens; 403 for a page of another site that uses the asker's browser.
    """
    check_origin(request)
    tokens: Tokens = request.app.state.tokens
    if not tokens.needed():
        _check_host(request)
        return ""
    holder = None if sent is None else tokens.holder(sent.credentials)
    if holder is None:
        raise Refusal(
            401,
            "no token was sent, or one that opens nothing",
            expected="Authorization: Bearer <token>",
            do="Ask the service's operator for a token.",
        )
    return holder


def asker_of(
    owner: Annotated[str, Depends(owner_of)],
    idempotency_key: Annotated[
        str | None, Header(pattern=KEY, description="The same key twice is the same job.")
    ] = None,
) -> Asker:
    """The holder, and their own name for the request."""
    return Asker(owner, None if idempotency_key is None else f"key:{idempotency_key}")


def check_origin(request: Request) -> None:
    """Refuse what a page of another site sends through a browser that can reach this service."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Refusal(403, "the request comes from a page of another site", do="Ask the service directly.")


def _check_host(request: Request) -> None:
    """Without tokens, a name that only looks like this machine (DNS rebinding) opens nothing."""
    host = re.sub(r":\d+$", "", request.headers.get("host", "")).strip("[]")
    if host not in LOOPBACK:
        raise Refusal(
            403,
            "the request names another host, and this service has no tokens",
            expected="localhost or 127.0.0.1",
            do="Ask it there, or make a token: metarisk serve token add NAME.",
        )


Owner = Annotated[str, Depends(owner_of)]
KeyedAsker = Annotated[Asker, Depends(asker_of)]
