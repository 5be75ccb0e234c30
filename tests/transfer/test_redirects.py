from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from metarisk.errors import InputError
from metarisk.transfer import TransferLimits, download
from metarisk.transfer.address import checked, redirected


def test_redirects_are_followed_and_the_first_address_is_kept(
    server: Any, target: Path, quick: TransferLimits
) -> None:
    raw = "/c ü?x=1".encode().decode("latin-1")  # bytes as they are, where their codes should stand
    server.address("/b", server.status(307, {"Location": f"{server.base}{raw}"}))
    server.address("/c%20%C3%BC?x=1", server.whole(b"content"))
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
        ("https://host/a\r\nX-Header: 1", "holds white space, a control character"),
        ("https://höst/a", "a letter that is not ASCII"),
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


@pytest.fixture
def untrusted(tmp_path: Path) -> Iterator[str]:
    """An https server whose certificate nobody has signed but itself."""
    pem = self_signed(tmp_path / "server.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as made:
        made.socket = context.wrap_socket(made.socket, server_side=True)
        made.handle_error = lambda *_: None  # type: ignore[method-assign]
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"https://127.0.0.1:{made.server_port}"
        made.shutdown()
        thread.join()


def self_signed(path: Path) -> Path:
    x509 = pytest.importorskip("cryptography.x509", reason="comes with mlflow")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    certificate = made.sign(key, hashes.SHA256())
    form = serialization.Encoding.PEM
    path.write_bytes(
        certificate.public_bytes(form)
        + key.private_bytes(form, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


def test_a_certificate_that_is_not_trusted_is_refused_at_once(
    untrusted: str, target: Path, quick: TransferLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(InputError, match=r"shows a certificate that is not trusted \(self-signed"):
        download(f"{untrusted}/f", target, limits=quick)
    assert list(target.parent.iterdir()) == []
