"""Addresses that may be asked: http and https, no passwords in them, never from https down to http."""

from __future__ import annotations

from urllib.parse import quote, urljoin, urlsplit

from metarisk.errors import InputError

SCHEMES = ("http", "https")


def checked(url: str) -> str:
    """The address as it stands.

    Raises
    ------
    InputError
        If it is not an http(s) address with a host, or holds a password, or anything but printed ASCII.
    """
    reason = _fault(url)
    if reason:
        raise InputError(
            f"{_without_password(url)!r} {reason}",
            expected="an address such as https://host/file.tar.gz",
            do="Correct the address.",
        )
    return url


def redirected(url: str, location: str | None) -> str:
    """Where a redirect from ``url`` leads.

    Raises
    ------
    InputError
        If it leads nowhere, to another scheme than http(s), or from https down to http.
    """
    if not location:
        raise InputError(f"{url} redirects to no address", do="Tell those who run the server.")
    # Some servers send bytes where their codes should stand; the library reads them as Latin-1.
    target = checked(quote(urljoin(url, location), safe="%/:=&?~#+!$,;'@()*[]", encoding="latin-1"))
    if urlsplit(url).scheme == "https" and urlsplit(target).scheme == "http":
        raise InputError(
            f"{url} redirects to {target}, which is not encrypted",
            expected="https all the way",
            do="Use another address, or a mirror that you trust.",
        )
    return target


def _fault(url: str) -> str:
    if any(not "!" <= letter <= "~" for letter in url):
        return "holds white space, a control character or a letter that is not ASCII"
    try:
        parts = urlsplit(url)
        port_is_sound = parts.port is None or parts.port > 0
    except ValueError as error:
        return f"is no address ({error})"
    if parts.scheme not in SCHEMES:
        return f"is of the scheme {parts.scheme or 'none'!r}"
    if not parts.hostname or not port_is_sound:
        return "names no host, or a port that is none"
    return "holds a user name or a password" if parts.username is not None else ""


def _without_password(url: str) -> str:
    """The address as it may be shown: what stands before an @ of its host is left out."""
    before, at, host = url.partition("@")
    scheme = before.partition("//")[0]
    return f"{scheme}//...@{host}" if at and "/" not in before.partition("//")[2] else url
