"""`metarisk fetch`: public studies and files for topologies, into a folder that says where they came from."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from metarisk import __version__
from metarisk.config.public_sources import public_sources
from metarisk.errors import ConfigError, InputError, nearest
from metarisk.files import check_free, placed
from metarisk.jobs.study_terms import StudyTerms, study_terms
from metarisk.transfer import Downloaded, download, unpack
from metarisk.transfer.record import record_of

if TYPE_CHECKING:
    from metarisk.config.public_sources import PublicFile

OnProgress = Callable[[str, int, int], None]

PROVENANCE = "provenance.json"
STUDY_ID = re.compile(r"[a-z0-9_][a-z0-9_.-]*")
MB = 1_000_000


@dataclass(frozen=True)
class Fetched:
    """A folder of public files, and where they came from.

    Attributes
    ----------
    name
        The study's id, or the resource's name.
    folder
        Where the files are, with `PROVENANCE` beside them.
    licence
        Terms as the source states them.
    citation
        What to cite, empty if the source does not say.
    files, bytes
        What came, unpacked.
    sources
        What was downloaded.
    notes
        What the reader should know.
    """

    name: str
    folder: Path
    licence: str
    citation: str
    files: int
    bytes: int
    sources: tuple[Downloaded, ...]
    notes: tuple[str, ...] = ()


def fetch_study(
    study: str,
    out: Path,
    *,
    base_url: str | None = None,
    sha256: str | None = None,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> Fetched:
    """Bring a public cBioPortal study by its id; a second try goes on where the first stopped.

    Parameters
    ----------
    study
        Id as in the portal's addresses, such as ``msk_met_2021``.
    out
        Folder to make. The hidden folder ``.<name>.incoming`` beside it keeps what has arrived until then.
    base_url
        Server that holds ``<study>.tar.gz``; the portal's public data hub if None.
    sha256
        Of the archive, if known.
    overwrite
        Replace a folder that was fetched.
    on_progress
        Takes a stage, megabytes done, and megabytes in all.

    Raises
    ------
    ConfigError
        If the id is none.
    InputError
        If the server or the archive cannot be accepted.
    OutputError
        If ``out`` exists or cannot be written.
    """
    if not STUDY_ID.fullmatch(study):
        raise ConfigError(
            f"{study!r} is no id of a study",
            expected="small letters, digits, _ . -",
            do="Copy it from the address of the study's page on cbioportal.org (?id=...).",
        )
    sources = public_sources()
    archive = f"{study}{sources.study_hub.suffix}"
    url = f"{(base_url or sources.study_hub.base_url).rstrip('/')}/{archive}"
    with _incoming(out, overwrite) as incoming:
        got = _bring(url, incoming / archive, on_progress, sha256)
        with placed(out, overwrite=overwrite, marker=PROVENANCE) as draft:
            files, size = _open(incoming / archive, draft)
            with _forgotten_if_refused(incoming / archive):
                terms = study_terms(draft)
            notes = _notes(study, terms)
            fetched = Fetched(study, out, terms.licence, terms.citation, files, size, (got,), notes)
            _write_provenance(draft, fetched)
    return fetched


def fetch_topology(
    name: str,
    out: Path,
    *,
    base_url: str | None = None,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> Fetched:
    """Bring the public files of a resource that an importer of this package reads.

    Parameters
    ----------
    name
        Resource, as `metarisk.config.public_sources.public_sources` lists them.
    out
        Folder to make; see `fetch_study`.
    base_url
        Server that holds the files under their names; each provider's own if None.
    overwrite, on_progress
        See `fetch_study`.

    Raises
    ------
    ConfigError
        If the name is none.
    InputError, OutputError
        See `fetch_study`.
    """
    topologies = public_sources().topologies
    if name not in topologies:
        raise ConfigError(f"{name!r} is no public topology that is known", do=nearest(name, topologies))
    resource = topologies[name]
    with _incoming(out, overwrite) as incoming:
        got = [_bring(_url(file, base_url), incoming / file.name, on_progress) for file in resource.files]
        with placed(out, overwrite=overwrite, marker=PROVENANCE) as draft:
            for file in resource.files:
                _settle(incoming / file.name, draft, packed=file.unpack)
            sizes = [path.stat().st_size for path in draft.iterdir()]
            notes = (f"Read it with {resource.reader}.",)
            fetched = Fetched(name, out, resource.licence, "", len(sizes), sum(sizes), tuple(got), notes)
            _write_provenance(draft, fetched)
    return fetched


@contextmanager
def _incoming(out: Path, overwrite: bool) -> Iterator[Path]:
    """Folder beside ``out`` that outlives a failure, so that the next try finds what had arrived."""
    check_free(out.absolute(), overwrite=overwrite, marker=PROVENANCE)
    folder = out.absolute().with_name(f".{out.absolute().name}.incoming")
    try:
        yield folder
    except BaseException:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _bring(url: str, path: Path, on_progress: OnProgress | None, sha256: str | None = None) -> Downloaded:
    stage = f"{path.name} (MB)"

    def report(done: int, of: int | None) -> None:
        if on_progress is not None:  # of a size that is not told, only the start and the end are
            on_progress(stage, *((0, 1) if of is None else (-(-done // MB), -(-of // MB))))

    got = download(url, path, sha256=sha256, progress=report)
    report(got.bytes, got.bytes)
    return got


def _notes(study: str, terms: StudyTerms) -> tuple[str, ...]:
    known = public_sources().studies.get(study)
    told = (
        f"The archive calls itself {terms.identifier!r}." if terms.identifier != study else "",
        f"{known.config} says what its columns mean." if known else "",
    )
    return tuple(filter(None, told))


def _url(file: PublicFile, base_url: str | None) -> str:
    return f"{base_url.rstrip('/')}/{file.name}" if base_url else file.url


def _open(archive: Path, folder: Path) -> tuple[int, int]:
    """Unpack into an empty folder, without the one folder that archives wrap around their files.

    Returns the number of files and their bytes.
    """
    with _forgotten_if_refused(archive):
        unpacked = unpack(archive, folder)
    inner = list(folder.iterdir())
    if len(inner) == 1 and inner[0].is_dir():
        wrapping = inner[0].rename(folder / ".wrapping")  # a file in it may have its name
        _pour(list(wrapping.iterdir()), folder)
        wrapping.rmdir()
    return unpacked.files, unpacked.bytes


def _settle(path: Path, draft: Path, *, packed: bool) -> None:
    """Move a file that has arrived, or what is packed in it, into the draft."""
    if not packed:
        _pour([path], draft)
        return
    room = draft / ".unpacking"
    room.mkdir()
    _open(path, room)
    _pour(list(room.iterdir()), draft)
    room.rmdir()


def _pour(paths: Sequence[Path], folder: Path) -> None:
    for path in paths:
        path.rename(folder / path.name)


@contextmanager
def _forgotten_if_refused(archive: Path) -> Iterator[None]:
    """Keep a good archive for the next try, where a full disk stopped this one, but no bad one."""
    try:
        yield
    except InputError:
        archive.unlink()
        record_of(archive).unlink()
        raise


def _write_provenance(draft: Path, fetched: Fetched) -> None:
    tree = {
        "name": fetched.name,
        "licence": fetched.licence,
        "citation": fetched.citation,
        "files": fetched.files,
        "bytes": fetched.bytes,
        "downloads": [
            {
                **asdict(source.version),
                "bytes": source.bytes,
                "sha256": source.sha256,
                "fetched_at": source.fetched_at,
            }
            for source in fetched.sources
        ],
        "metarisk": __version__,
    }
    (draft / PROVENANCE).write_text(json.dumps(tree, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
