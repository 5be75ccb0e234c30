"""`metarisk models list | show | compare | promote | rollback`: the registry on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metarisk.cli.options import DataRoot, TrackingUri

if TYPE_CHECKING:
    from metarisk.jobs.champion import Cohort, Registry
    from metarisk.jobs.gates import Verdict
    from metarisk.jobs.models import Compared, Shown

models = typer.Typer(
    help="List, show, compare, promote and roll back registered models.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Name = Annotated[str, typer.Option(help="Registered model.")]
JudgedOn = Annotated[
    Path | None,
    typer.Option(
        "--judge",
        metavar="COHORT",
        help="Study or stored cohort on which it must do as well as the present champion.",
    ),
]


@models.command("list")
def list_(
    name: Annotated[str | None, typer.Option(help="Registered model; all if left out.")] = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """List registered versions, the newest of each model first."""
    from metarisk.cli.show import show_notes, show_table
    from metarisk.jobs.models import list_models
    from metarisk.jobs.publish import HEADLINE_TAG, PASSED_TAG

    listed = list_models(tracking_uri, name)
    header = ("model", "version", "aliases", "published (UTC)", "held-out patients", "gates", "bundle")
    rows = [
        (
            *(version.name, version.version, ", ".join(version.aliases) or "-", version.published),
            *(version.tags.get(tag) or "-" for tag in (HEADLINE_TAG, PASSED_TAG)),
            version.tags.get("bundle_sha256", "")[:12] or "-",
        )
        for version in listed
    ]
    show_table(header, rows)
    if not rows:
        show_notes(["No model is registered here."])


@models.command()
def show(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Number or alias.")] = "champion",
    name: Name = "metarisk",
    card: Annotated[
        bool, typer.Option("--card", help="Print the model card, Markdown, and no more.")
    ] = False,
    tracking_uri: TrackingUri = None,
) -> None:
    """Show a version: hashes, data, gates, held-out figures."""
    from metarisk.jobs.models import show_model

    shown = show_model(version, name, tracking_uri)
    if card:
        typer.echo(shown.bundle.card, nl=False)
    else:
        _show(shown)


@models.command()
def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="Number or alias.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Number or alias.")],
    name: Name = "metarisk",
    on: Annotated[
        Path | None,
        typer.Option(metavar="COHORT", help="Study or stored cohort to compare both on, patient by patient."),
    ] = None,
    data_root: DataRoot = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Compare two versions: settings that changed, figures side by side."""
    from metarisk.jobs.models import compare_models

    compared = compare_models(first, second, _registry(name, tracking_uri), _cohort(on, data_root))
    _show_compared(compared)


@models.command()
def promote(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Number or alias.")] = "challenger",
    name: Name = "metarisk",
    judge: JudgedOn = None,
    data_root: DataRoot = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Make a version the champion if it passes its gates.

    The champion until now keeps the alias `previous`.
    """
    from metarisk.cli.show import show_facts
    from metarisk.jobs.models import promote_model

    moved, verdicts = promote_model(version, _registry(name, tracking_uri), _cohort(judge, data_root))
    show_verdicts(verdicts)
    show_facts({"model": f"models:/{moved.name}@champion", "version": moved.version, "before": moved.earlier})


@models.command()
def rollback(name: Name = "metarisk", tracking_uri: TrackingUri = None) -> None:
    """Make the previous champion the champion again."""
    from metarisk.cli.show import show_facts
    from metarisk.jobs.models import roll_back_model

    moved = roll_back_model(_registry(name, tracking_uri))
    show_facts({"model": f"models:/{moved.name}@champion", "version": moved.version, "before": moved.earlier})


def show_verdicts(verdicts: tuple[Verdict, ...]) -> None:
    """Print what each gate found."""
    from metarisk.cli.show import show_table

    rows = [
        (
            verdict.gate,
            verdict.question,
            "passed" if verdict.passed else "failed",
            verdict.found,
            verdict.required,
        )
        for verdict in verdicts
    ]
    show_table(("gate", "question", "", "found", "required"), rows)


def _registry(name: str, tracking_uri: str | None) -> Registry:
    from metarisk.jobs.champion import Registry
    from metarisk.jobs.models import store_of

    return Registry(name, store_of(tracking_uri))


def _cohort(path: Path | None, data_root: Path | None) -> Cohort | None:
    from metarisk.jobs.champion import Cohort

    return None if path is None else Cohort(path, data_root)


def _show(shown: Shown) -> None:
    from metarisk.cli.show import show_facts, show_figures

    version, bundle = shown.version, shown.bundle
    hashes = {key: version.tags.get(key) for key in ("bundle_sha256", "topology_sha256", "cohort_sha256")}
    show_facts(
        {
            "model": f"{version.name} {version.version}",
            "aliases": ", ".join(version.aliases),
            "published": version.published,
            "champion since": version.tags.get("champion_since"),
            "replaced": version.tags.get("replaced"),
            "rolled back": version.tags.get("rolled_back"),
            "experiment": bundle.experiment.name,
            "config_sha256": bundle.experiment.sha256,
            **hashes,
            **{key.replace("_", " "): told for key, told in bundle.provenance.items() if key not in hashes},
            "gates": version.tags.get("gates"),
            "bundle": shown.folder,
        }
    )
    show_verdicts(shown.verdicts)
    if len(shown.figures):
        show_figures(shown.figures)


def _show_compared(compared: Compared) -> None:
    from metarisk.cli.show import show_notes, show_table
    from metarisk.report.tables import versus_rows

    first, second = (f"version {version.version}" for version in (compared.first, compared.second))
    changes = [(key, before or "-", after or "-") for key, (before, after) in compared.settings.items()]
    show_table(("changed", first, second), changes)
    show_table(("held-out patients", "", first, second, "difference"), _figure_rows(compared))
    if compared.versus is not None:
        header, rows = versus_rows(compared.versus)
        show_table(header, rows)
    own = [] if compared.same_patients else ["Held-out figures are of each version's own patients; see --on."]
    nothing = [] if changes else ["Settings, data and topology are the same."]
    show_notes([*nothing, *own, *compared.notes])


def _figure_rows(compared: Compared) -> list[tuple[str, ...]]:
    from metarisk.report.tables import figure_text, question_text

    none = float("nan")
    return [
        (
            question_text(str(row["endpoint"]), float(row["horizon_days"]), "all"),
            str(row["metric"]).replace("_", " "),
            *(figure_text(float(row[which]), none, none) for which in ("first", "second")),
            figure_text(float(row["difference"]), none, none, signed=True),
        )
        for row in compared.figures.to_dict("records")
    ]
