"""`metarisk serve`, `work` and `watch`: the batch service's three processes, and its tokens."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metarisk.cli.options import TrackingUri

if TYPE_CHECKING:
    from metarisk.service.settings import Settings
    from metarisk.service.tokens import Tokens

Config = Annotated[
    Path | None,
    typer.Option(envvar="METARISK_SERVICE", help="YAML file of the service's settings; options win over it."),
]
Data = Annotated[
    Path | None,
    typer.Option(envvar="METARISK_SERVICE_DATA", help="Folder of jobs, and of the SQLite database."),
]
Database = Annotated[
    str | None,
    typer.Option(
        envvar="METARISK_DATABASE",
        help="sqlite:////... or postgresql://user:password@host/name; SQLite in --data if left out.",
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", help="NAME=BUNDLE or NAME=models:/name@alias; may be given again."),
]
Roots = Annotated[
    list[Path] | None,
    typer.Option("--root", help="Folder below which paths may be submitted; may be given again."),
]

serve = typer.Typer(
    help="Answer HTTP requests for scores, or manage the tokens that they need.", rich_markup_mode=None
)
token = typer.Typer(
    help="Make, list and revoke the tokens of a service.", no_args_is_help=True, rich_markup_mode=None
)
serve.add_typer(token, name="token")


@serve.callback(invoke_without_command=True)
def listen(  # noqa: PLR0913, PLR0917  (an option each)
    context: typer.Context,
    config: Config = None,
    data: Data = None,
    database: Database = None,
    models: Models = None,
    roots: Roots = None,
    tracking_uri: TrackingUri = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; beyond loopback only with a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
) -> None:
    """Answer HTTP requests; `metarisk work` processes do the jobs."""
    if context.invoked_subcommand is not None:
        return
    settings = _settings(config, data, database, models, roots, tracking_uri)
    from metarisk.service.api.server import serve as run
    from metarisk.service.logs import log_for_operators

    log_for_operators()
    run(settings, host=host, port=port)


def work(  # noqa: PLR0913, PLR0917  (an option each)
    config: Config = None,
    data: Data = None,
    database: Database = None,
    models: Models = None,
    roots: Roots = None,
    tracking_uri: TrackingUri = None,
    until_empty: Annotated[bool, typer.Option("--until-empty", help="End as soon as no job waits.")] = False,
) -> None:
    """Do the jobs of a service, one at a time; run as many of these processes as there is work for."""
    settings = _settings(config, data, database, models, roots, tracking_uri)
    from metarisk.service.database import open_database
    from metarisk.service.logs import log_for_operators
    from metarisk.service.queue import Queue
    from metarisk.service.worker import Worker

    log_for_operators()
    engine = open_database(settings.database_uri)
    worker = Worker(settings, Queue(engine, lease_s=settings.lease_s))
    worker.leave_on_signals()
    worker.run(until_empty=until_empty)
    engine.dispose()


def watch(  # noqa: PLR0913, PLR0917  (an option each)
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Files put here are scored, each once.")],
    config: Config = None,
    data: Data = None,
    database: Database = None,
    models: Models = None,
    tracking_uri: TrackingUri = None,
    settle_s: Annotated[
        float, typer.Option(help="A file is whole when it has not changed for so long.")
    ] = 5.0,
    until_empty: Annotated[
        bool, typer.Option("--until-empty", help="End when nothing is left to hand over.")
    ] = False,
) -> None:
    """Hand files of a folder to a service, and its results back: done/NAME or failed/NAME."""
    settings = _settings(config, data, database, models, None, tracking_uri)
    from metarisk.service.database import open_database
    from metarisk.service.logs import log_for_operators
    from metarisk.service.queue import Queue
    from metarisk.service.submission import Desk
    from metarisk.service.watching import Watcher

    log_for_operators()
    engine = open_database(settings.database_uri)
    watcher = Watcher(folder, Desk(settings, Queue(engine, lease_s=settings.lease_s)), settle_s=settle_s)
    watcher.leave_on_signals()
    watcher.run(until_empty=until_empty)
    engine.dispose()


@token.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who will hold it.")],
    config: Config = None,
    data: Data = None,
    database: Database = None,
) -> None:
    """Make a token and show it once; only a salted hash of it is kept."""
    typer.echo(_tokens(config, data, database).add(name))


@token.command()
def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose token opens nothing from now on.")],
    config: Config = None,
    data: Data = None,
    database: Database = None,
) -> None:
    """Let a token open nothing from now on."""
    _tokens(config, data, database).revoke(name)


@token.command("list")
def show_list(config: Config = None, data: Data = None, database: Database = None) -> None:
    """Show who holds a token."""
    from metarisk.cli.show import show_rows

    rows = [
        (
            each.name,
            datetime.fromtimestamp(each.created_s, UTC).isoformat(timespec="seconds"),
            _state(each.revoked),
        )
        for each in _tokens(config, data, database).listed()
    ]
    show_rows(("name", "made", "state"), rows)


def _state(revoked: bool) -> str:
    return "revoked" if revoked else "opens"


def _tokens(config: Path | None, data: Path | None, database: str | None) -> Tokens:
    from metarisk.service.database import open_database
    from metarisk.service.folders import DataFolder
    from metarisk.service.settings import load_settings
    from metarisk.service.tokens import Tokens

    # No model is needed to make a token.
    given = {"data": data, "database": database, "models": None if config else {"none": "none"}}
    settings = load_settings(config, given)
    DataFolder.made(settings.data)
    return Tokens(open_database(settings.database_uri))


def _settings(
    config: Path | None,
    data: Path | None,
    database: str | None,
    models: list[str] | None,
    roots: list[Path] | None,
    tracking_uri: str | None,
) -> Settings:
    from metarisk.service.folders import DataFolder
    from metarisk.service.settings import load_settings

    settings = load_settings(
        config,
        {
            "data": data,
            "database": database,
            "models": _named(models),
            "roots": roots,
            "tracking_uri": tracking_uri,
        },
    )
    DataFolder.made(settings.data)
    return settings


def _named(models: list[str] | None) -> dict[str, str] | None:
    """Models by name; one without a name is called ``model``."""
    pairs = [words.partition("=") if "=" in words else ("model", "=", words) for words in models or []]
    return {name: where for name, _, where in pairs} or None
