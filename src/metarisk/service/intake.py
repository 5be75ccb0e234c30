"""What somebody hands in, made a place that a worker may read: inside its root, within its limits."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from metarisk.errors import InputError, LimitError
from metarisk.service.settings import Limits

BLOCK = 1 << 20
START = 2000
TABLES = (".parquet", ".tsv", ".csv", ".txt", ".tsv.gz", ".csv.gz", ".txt.gz")
CONTAINERS = (".h5mu", ".h5ad")
PACKED = (".zip", ".tar", ".tar.gz", ".tgz")
ENDINGS = (*TABLES, *CONTAINERS, *PACKED)


class Place(NamedTuple):
    """Samples, and the folder that nothing among them may lead out of."""

    path: Path
    root: Path


def allowed_path(asked: str, roots: Iterable[Path]) -> Place:
    """A path below one of the roots, every link on the way followed first.

    Raises
    ------
    InputError
        If it lies elsewhere or does not exist: the two are not told apart, or the answer would say what
        other folders hold.
    """
    for root in roots:
        try:
            real_root = root.resolve(strict=True)
            real = (real_root / asked).resolve(strict=True)
            str(real).encode()  # a name that is no text cannot be told to anyone
        except (OSError, ValueError, RuntimeError):
            continue
        if real.is_relative_to(real_root) and real != real_root:
            return Place(real, real_root)
    raise InputError(
        "the path is not below a folder that this service reads, or does not exist",
        expected="a path below one of the service's roots",
        do="Put the samples there, or upload them.",
    )


def check_inside(place: Place) -> None:
    """Refuse samples with a link that leads out of their root; looked at again before they are read.

    Raises
    ------
    InputError
        If there is one, or the samples are gone.
    """
    if not place.path.exists():
        raise InputError("the samples are no longer there", do="Put them back, and submit them again.")
    for path in (place.path, *_below(place.path)):
        if not path.resolve().is_relative_to(place.root):
            raise InputError(
                "the samples hold a link that leads out of their folder",
                expected="files, and links inside the folder",
                do="Replace the link by the file.",
            )


def receive(stream: BinaryIO, file_name: str, folder: Path, limits: Limits) -> tuple[Place, str]:
    """Keep an upload in an empty folder, unpack it where it is an archive, and check its size.

    Parameters
    ----------
    stream
        The bytes.
    file_name
        What the asker calls it; only its ending is looked at, no file gets that name.
    folder
        Folder to make.
    limits
        What it may become.

    Returns
    -------
    tuple
        The samples, and the SHA-256 of the bytes that came.

    Raises
    ------
    InputError
        If it is no table, stored cohort or archive, or is damaged.
    LimitError
        If it, or what it becomes, is too large.
    """
    folder.mkdir(parents=True)
    ending = _ending(file_name)
    kept = folder / f"samples{ending}"
    sha256 = _keep(stream, kept, limits)
    if ending in PACKED:
        packed = kept.rename(folder.with_name(f"upload{ending}"))  # as a refusal names it
        try:
            _unpack(packed, folder, limits)
        finally:
            packed.unlink(missing_ok=True)
    found = samples_in(folder)
    _measure(found, limits)
    return Place(found, folder.resolve()), sha256


def samples_in(folder: Path) -> Path:
    """The one file, study file or folder of an unpacked archive, below folders that hold nothing else."""
    entries = sorted(folder.iterdir())
    if len(entries) == 1:
        return samples_in(entries[0]) if entries[0].is_dir() else entries[0]
    studies = [entry for entry in entries if entry.suffix in {".yaml", ".yml"} and entry.is_file()]
    own = any(entry.name == "metarisk_study.yaml" for entry in studies)
    return studies[0] if len(studies) == 1 and not own else folder


def _ending(file_name: str) -> str:
    lower = file_name.lower()
    known = sorted(ENDINGS, key=len, reverse=True)
    ending = next((each for each in known if lower.endswith(each)), None)
    if ending is None:
        raise InputError(
            "the upload's file name has no known ending",
            expected=", ".join(ENDINGS),
            do="Name the file by its format; pack a study folder or a stored cohort as zip or tar.gz.",
        )
    return ending


def _keep(stream: BinaryIO, path: Path, limits: Limits) -> str:
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as out:
        while block := stream.read(BLOCK):
            size += len(block)
            if size > limits.upload_bytes:
                raise LimitError(
                    f"the upload has more than {limits.upload_bytes} bytes",
                    do="Submit it in parts, or as a path.",
                )
            digest.update(block)
            out.write(block)
        out.flush()
        os.fsync(out.fileno())
    if not size:
        raise InputError("the upload is empty", do="Send the file's bytes.")
    return digest.hexdigest()


def _unpack(packed: Path, folder: Path, limits: Limits) -> None:
    from metarisk.transfer.limits import UnpackLimits
    from metarisk.transfer.unpack import unpack

    most = UnpackLimits(size_bytes=limits.unpacked_bytes, members=limits.members)
    unpack(packed, folder, limits=most)


def _measure(samples: Path, limits: Limits) -> None:
    """Refuse files that grow past the limits where they are read: gzip in an archive, rows of a table."""
    files = [samples] if samples.is_file() else [path for path in _below(samples) if path.is_file()]
    unpacked = 0
    for file in files:
        lines = 0
        for block in _inflated(file):
            unpacked, lines = unpacked + len(block), lines + block.count(b"\n")
            if unpacked > limits.unpacked_bytes:
                raise LimitError(
                    f"the upload unpacks to more than {limits.unpacked_bytes} bytes",
                    do="Submit it in parts, or as a path.",
                )
        if file == samples and file.name.endswith(TABLES):
            _check_rows(_parquet_rows(file) if file.suffix == ".parquet" else lines - 1, limits)


def _check_rows(rows: int, limits: Limits) -> None:
    if rows > limits.samples:
        raise LimitError(
            f"the table has {rows} rows", expected=f"at most {limits.samples}", do="Submit it in parts."
        )


def _inflated(file: Path) -> Iterator[bytes]:
    """Blocks of a file as a reader sees them; gzip is known by its first bytes."""
    with file.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = gzip.GzipFile(fileobj=raw) if packed else raw
        try:
            while block := stream.read(BLOCK):
                yield block
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(
                "the upload holds a gzip file that is cut or damaged", do="Send it again."
            ) from error


def _parquet_rows(file: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.ParquetFile(file).metadata.num_rows)
    except (pa.ArrowException, OSError) as error:
        raise InputError("the upload is no readable parquet file", do="Send it again.") from error


def _below(folder: Path) -> Iterator[Path]:
    """Everything in a folder, links named and not followed."""
    for where, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield Path(where) / name
