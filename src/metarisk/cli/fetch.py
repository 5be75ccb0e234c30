"""`metarisk fetch STUDY`: public studies, and public files for a topology."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metarisk.cli.options import BaseUrl, Overwrite
from metarisk.errors import ConfigError

if TYPE_CHECKING:
    from metarisk.jobs.fetch import Fetched


def fetch(  # noqa: PLR0913, PLR0917  (an option each)
    study: Annotated[
        str | None, typer.Argument(metavar="[STUDY]", help="Id of a public cBioPortal study.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to make; named after what is fetched.")] = None,
    topology: Annotated[
        str | None, typer.Option(help="Fetch the files of this resource; see --list.")
    ] = None,
    show_list: Annotated[bool, typer.Option("--list", help="Show what is known, and fetch nothing.")] = False,
    base_url: BaseUrl = None,
    sha256: Annotated[str | None, typer.Option(help="What the study's archive must have.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Download a public study, or files for a topology.

    A second try goes on where the first stopped. No other verb asks a public server.
    """
    if show_list:
        _show_list()
        return
    name = _only_one(study, topology, sha256)
    folder = out or Path(name)
    from metarisk.cli.progress import progress
    from metarisk.jobs.fetch import fetch_study, fetch_topology

    with progress() as on_progress:
        if topology is None:
            fetched = fetch_study(
                name, folder, base_url=base_url, sha256=sha256, overwrite=overwrite, on_progress=on_progress
            )
        else:
            fetched = fetch_topology(
                name, folder, base_url=base_url, overwrite=overwrite, on_progress=on_progress
            )
    _tell(fetched, f"metarisk validate {folder}" if topology is None else "")


def _only_one(study: str | None, topology: str | None, sha256: str | None) -> str:
    if (study is None) == (topology is None):
        raise ConfigError(
            "fetch was given both a study and a topology" if study else "fetch was given nothing to fetch",
            do="Name one study, or one --topology; --list shows what is known.",
        )
    if sha256 is not None and topology is not None:
        raise ConfigError("--sha256 is for a study's archive", do="Leave it out with --topology.")
    return study or topology or ""


def _tell(fetched: Fetched, then: str) -> None:
    from metarisk.cli.show import show_facts, show_notes

    show_notes(fetched.notes)
    sources = fetched.sources
    show_facts(
        {
            "folder": fetched.folder,
            "licence": fetched.licence,
            "citation": fetched.citation,
            "files": f"{fetched.files}, {fetched.bytes} bytes",
            **{f"from {number}": source.version.url for number, source in enumerate(sources, start=1)},
            **{f"sha256 {number}": source.sha256 for number, source in enumerate(sources, start=1)},
            "next": then,
        }
    )


def _show_list() -> None:
    from metarisk.cli.show import show_notes, show_rows
    from metarisk.config.public_sources import public_sources

    sources = public_sources()
    hub = sources.study_hub
    show_notes([f"Studies of {hub.base_url} with a configuration here; any other id of it works too:"])
    show_rows(
        ("study", "title", "configuration"),
        [(name, study.title, study.config) for name, study in sources.studies.items()],
    )
    show_notes(["Files for --topology:"])
    show_rows(
        ("name", "title", "licence", "files", "read by"),
        [
            (name, each.title, each.licence, str(len(each.files)), each.reader.rpartition(".")[2])
            for name, each in sources.topologies.items()
        ],
    )
