"""The bytes of a text file: inflated, checked to be text at all, newlines and byte-order mark made plain."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from metarisk.data.found import Found, error
from metarisk.schema.findings import Finding

GZIP_MAGIC = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Check = Callable[[str, bytes], Finding | None]


def read_content(path: Path, found: Found) -> bytes | None:
    r"""Text of a file as UTF-8 with ``\n`` line ends, or None with the reason added to ``found``.

    Parameters
    ----------
    path
        A plain or gzipped text file; gzip is known by its first bytes, not by its name.
    """
    raw = _read_bytes(path, found)
    data = _inflated(path.name, raw, found) if raw is not None and raw.startswith(GZIP_MAGIC) else raw
    if data is None:
        return None
    fault = _first_fault(path.name, data, _CHECKS)
    if fault is not None:
        found.append(fault)
        return None
    return data.removeprefix(BYTE_ORDER_MARK).replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def foreign_content(path: Path) -> Finding | None:
    """What a file is that should hold a table in another format: empty, a web page or a git-lfs pointer."""
    with path.open("rb") as stream:
        return foreign_start(path.name, stream.read(2000))


def foreign_start(name: str, data: bytes) -> Finding | None:
    """The same of the first bytes of a file, inflated if it is gzipped."""
    return _first_fault(name, data, (_empty, _web_page, _lfs_pointer, _utf16))


def _first_fault(name: str, data: bytes, checks: Sequence[Check]) -> Finding | None:
    return next((fault for check in checks if (fault := check(name, data)) is not None), None)


def _read_bytes(path: Path, found: Found) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        found.append(error(path.name, "does not exist", "Put the file there or correct its name."))
    except OSError as caught:
        found.append(error(path.name, f"cannot be read ({caught.strerror})", "Check its permissions."))
    return None


def _inflated(name: str, raw: bytes, found: Found) -> bytes | None:
    """Every member of a gzip file; a cut one is named with the bytes it has."""
    parts: list[bytes] = []
    rest = raw
    while rest:
        stream = zlib.decompressobj(wbits=31)
        try:
            parts.append(stream.decompress(rest))
        except zlib.error as caught:
            found.append(error(name, f"is a damaged gzip file ({caught})", "Fetch or export it again."))
            return None
        if not stream.eof:
            size = sum(map(len, parts))
            message = f"is a truncated gzip file: {len(raw)} bytes hold {size} bytes of text and no end mark"
            found.append(error(name, message, "Fetch or export it again; nothing of it was used."))
            return None
        rest = stream.unused_data.lstrip(b"\0")
    return b"".join(parts)


def _empty(name: str, data: bytes) -> Finding | None:
    if data.strip():
        return None
    return error(name, f"is empty ({len(data)} bytes): no samples", "Export the table again.")


def _web_page(name: str, data: bytes) -> Finding | None:
    start = data[:2000].lstrip(BYTE_ORDER_MARK + b" \t\r\n").lower()
    if not start.startswith((b"<!doctype html", b"<html", b"<?xml")):
        return None
    return error(name, "is a web page, not a table", "Download the file itself, often the link called raw.")


def _lfs_pointer(name: str, data: bytes) -> Finding | None:
    if not data.startswith(b"version https://git-lfs.github.com/spec/"):
        return None
    return error(
        name, "is a git-lfs pointer, not the table it points to", "Run `git lfs pull` in its folder."
    )


def _utf16(name: str, data: bytes) -> Finding | None:
    if not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return None
    return error(name, "is UTF-16 text; expected UTF-8", "Save it as UTF-8 text.", lines=(1,))


def _nul(name: str, data: bytes) -> Finding | None:
    at = data.find(b"\0")
    if at < 0:
        return None
    return error(
        name, "holds a NUL byte, so it is not plain text", "Export it again.", lines=(_line(data, at),)
    )


def _not_utf8(name: str, data: bytes) -> Finding | None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as caught:
        message = f"byte 0x{data[caught.start]:02x} is not UTF-8"
        return error(name, message, "Save the file as UTF-8 text.", lines=(_line(data, caught.start),))
    return None


def _line(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1


_CHECKS = (_empty, _web_page, _lfs_pointer, _utf16, _nul, _not_utf8)
