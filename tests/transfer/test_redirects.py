from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from metarisk.errors import InputError
from metarisk.transfer import TransferLimits, download
from metarisk.transfer.address import checked, redirected


def test_redirects_are_followed_and_the_first_address_is_kept(
    server: Any, target: Path, quick: TransferLimits
) -> None:
    server.address("/b", server.status(307, {"Location": f"{server.base}/c d?x=1"}))
    server.address("/c%20d?x=1", server.whole(b"content"))
    url = server.address("/a", server.status(302, {"Location": "b"}))
    assert download(url, target, limits=quick).version.url == url
    assert target.read_bytes() == b"content"


def test_what_is_missing_is_asked_for_through_the_redirect(
    server: Any, target: Path, quick: TransferLimits
) -> None:
    content = bytes(range(1, 256)) * 1000
    server.address("/b", server.dropping(content, after=1 << 16), server.whole(content))
    url = server.address("/a", server.status(302, {"Location": "/b"}))
    download(url, target, limits=quick)
    assert target.read_bytes() == content
    assert server.sent["/b"] == len(content)


def test_a_loop_ends(server: Any, target: Path, quick: TransferLimits) -> None:
    server.address("/b", server.status(301, {"Location": "/a"}))
    url = server.address("/a", server.status(301, {"Location": "/b"}))
    with pytest.raises(InputError, match=r"/a redirects more than 5 times, at last to http"):
        download(url, target, limits=quick)
    assert len(server.requests) == 6


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://host/f", "gopher://host/"])
def test_a_redirect_to_another_scheme_is_refused(
    location: str, server: Any, target: Path, quick: TransferLimits
) -> None:
    url = server.address("/a", server.status(302, {"Location": location}))
    with pytest.raises(InputError, match=r"is of the scheme '(file|ftp|gopher)'"):
        download(url, target, limits=quick)
    assert not target.exists()


def test_a_redirect_to_nowhere_is_refused(server: Any, target: Path, quick: TransferLimits) -> None:
    with pytest.raises(InputError, match="redirects to no address"):
        download(server.address("/a", server.status(302)), target, limits=quick)


def test_https_does_not_go_down_to_http() -> None:
    with pytest.raises(InputError, match=r"redirects to http://b/f, which is not encrypted; expected https"):
        redirected("https://a/f", "http://b/f")
    assert redirected("http://a/f", "https://b/f") == "https://b/f"
    assert redirected("https://a/x/f", "../g?q=%20a") == "https://a/g?q=%20a"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("ftp://host/f", "is of the scheme 'ftp'"),
        ("file:///etc/passwd", "is of the scheme 'file'"),
        ("host/f", "is of the scheme 'none'"),
        ("https:///f", "names no host"),
        ("https://host:99999/f", "is no address"),
        ("https://host:0/f", "names no host, or a port that is none"),
        ("https://host/a b", "holds white space"),
        ("https://host/a\r\nX-Header: 1", "holds white space or a control character"),
        ("https://[::1/f", "is no address"),
    ],
)
def test_an_address_that_is_none_is_refused(url: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        checked(url)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(InputError, match="holds a user name or a password") as refused:
        checked("https://me:secret@host/f")
    assert "secret" not in str(refused.value)
    assert "https://...@host/f" in str(refused.value)
