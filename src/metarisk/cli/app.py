"""The command `metarisk`, its verbs, and how each ending becomes an exit code."""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated

import typer

from metarisk import __version__
from metarisk.cli.benchmark import benchmark
from metarisk.cli.evaluate import evaluate
from metarisk.cli.explain import explain
from metarisk.cli.export import export
from metarisk.cli.fetch import fetch
from metarisk.cli.ingest import ingest
from metarisk.cli.models import models
from metarisk.cli.perturb import perturb
from metarisk.cli.pretrain import pretrain
from metarisk.cli.publish import publish
from metarisk.cli.quickstart import quickstart
from metarisk.cli.refusal import REFUSED, tell_refusal, warning_line
from metarisk.cli.report import report
from metarisk.cli.score import score
from metarisk.cli.search import search
from metarisk.cli.service import serve, watch, work
from metarisk.cli.topology import topology
from metarisk.cli.train import train
from metarisk.cli.trajectory import trajectory
from metarisk.cli.validate import validate
from metarisk.errors import MetariskError

RARELY = (100_000, 20, 20)  # new objects between two searches for garbage; Python's own: 700, 10, 10
app = typer.Typer(
    name="metarisk",
    help="Where a tumour will spread, how soon, and whether checkpoint inhibition works. Research use only.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for verb in (quickstart, pretrain, train, search, evaluate, publish, score, export, validate, ingest, fetch):
    app.command()(verb)
app.add_typer(models, name="models")
app.command()(explain)
app.command()(perturb)
app.command()(trajectory)
app.command()(report)
app.command()(work)
app.command()(watch)
app.add_typer(serve, name="serve")
app.add_typer(topology, name="topology")
app.add_typer(benchmark, name="benchmark")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"metarisk {__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Nothing beyond the options that stand before a verb."""


def main() -> None:
    """Run this process's arguments and exit with the verb's code.

    What the imports of a verb leave are a million objects that stay. To look through them for garbage, on
    the way and once more at the end, is a third of the time of a short `score`.
    """
    gc.set_threshold(*RARELY)
    code = run(sys.argv[1:])
    gc.freeze()
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Exit code of a command line.

    0 done; 1 is errors of `validate` and `ingest` and rows that `score` set aside, 3 warnings of `validate`;
    2 it could not run, the reason stands on stderr; 130 interrupted, 143 terminated. Any other exception is a
    bug of ours and keeps its traceback.

    Parameters
    ----------
    arguments
        Words after ``metarisk``.
    """
    with warnings.catch_warnings():
        warnings.showwarning = warning_line
        try:
            app(list(arguments), prog_name="metarisk")
        except SystemExit as stop:
            return stop.code if isinstance(stop.code, int) else int(bool(stop.code))
        except MetariskError as refused:
            tell_refusal(refused)
            return REFUSED
    return 0
