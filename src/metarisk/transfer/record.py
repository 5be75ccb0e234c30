"""What is known of a download: where it came from, which version the server called it, its size and hash."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from metarisk.files import written
from metarisk.transfer.reply import Reply


@dataclass(frozen=True)
class Version:
    """Which bytes an address stood for when it was asked.

    Attributes
    ----------
    url
        The address asked, before any redirect.
    etag, last_modified
        The server's own marks, empty where it has none.
    """

    url: str
    etag: str = ""
    last_modified: str = ""

    @staticmethod
    def of(url: str, reply: Reply) -> Version:
        """Version that a reply is of."""
        return Version(url, reply.header("ETag"), reply.header("Last-Modified"))

    @property
    def validator(self) -> str:
        """What ``If-Range`` may say: only equal bytes have it; empty if the server gives nothing of the kind.

        A weak ETag is none: RFC 9110, section 13.1.5.
        """
        return self.etag if self.etag.startswith('"') else self.last_modified

    def allows(self, later: Version) -> bool:
        """True unless a later reply contradicts a mark; the reply to a range may leave marks out."""
        pairs = ((self.etag, later.etag), (self.last_modified, later.last_modified))
        return self.url == later.url and all(now in ("", before) for before, now in pairs)


@dataclass(frozen=True)
class Downloaded:
    """A whole file, and where it came from.

    Attributes
    ----------
    version
        Address and marks.
    bytes
        Size.
    sha256
        Hash of the content, hexadecimal.
    fetched_at
        When its last byte arrived, ISO 8601, UTC.
    """

    version: Version
    bytes: int
    sha256: str
    fetched_at: str


def record_of(path: Path) -> Path:
    """File beside a download that says where it came from."""
    return path.with_name(f"{path.name}.json")


def write_version(path: Path, version: Version) -> None:
    """Write a version as JSON."""
    _write(path, asdict(version))


def read_version(path: Path) -> Version | None:
    """A version that `write_version` wrote, None if there is none that can be read."""
    return _version(_read(path))


def write_record(path: Path, record: Downloaded) -> None:
    """Write what is known of the file ``path`` beside it."""
    _write(record_of(path), asdict(record))


def read_record(path: Path) -> Downloaded | None:
    """What `write_record` wrote of a file that still has that size, else None."""
    tree = _read(record_of(path))
    version = _version(tree.get("version"))
    size, sha256, fetched_at = (tree.get(key) for key in ("bytes", "sha256", "fetched_at"))
    if version is None or not isinstance(sha256, str) or not isinstance(fetched_at, str):
        return None
    if not isinstance(size, int) or not path.is_file() or path.stat().st_size != size:
        return None
    return Downloaded(version, size, sha256, fetched_at)


def _write(path: Path, tree: dict[str, object]) -> None:
    with written(path) as draft:
        draft.write_text(json.dumps(tree, indent=2) + "\n", encoding="utf-8")


def _read(path: Path) -> dict[str, object]:
    """Keys of a JSON file, none if it is not there or is something else."""
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return tree if isinstance(tree, dict) else {}


def _version(tree: object) -> Version | None:
    """A version whose marks may stand in a header."""
    if not isinstance(tree, dict) or set(tree) != {"url", "etag", "last_modified"}:
        return None
    sound = all(isinstance(value, str) and value.isascii() and value.isprintable() for value in tree.values())
    return Version(**tree) if sound else None
