"""`metarisk publish`: a bundle that passes its gates becomes a version in the registry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from metarisk.jobs.champion import Cohort, Registry, judge_against_champion
from metarisk.jobs.gates import Verdict, check_gates, judge

if TYPE_CHECKING:
    from metarisk.models.bundle import ModelBundle

GATE_TAG, HEADLINE_TAG, PASSED_TAG = "gate", "headline", "gates"


class Publication(NamedTuple):
    """A bundle in the registry.

    Attributes
    ----------
    name, version, alias
        Registered model, its new version, and the alias that points at it now.
    uri
        Tracking URI of the registry.
    replaced
        Version that the alias pointed at before; empty if none.
    verdicts
        What the gates found.
    """

    name: str
    version: str
    alias: str
    uri: str
    replaced: str
    verdicts: tuple[Verdict, ...]


def publish(
    bundle: Path,
    *,
    alias: str = "champion",
    name: str | None = None,
    uri: str | None = None,
    run_id: str | None = None,
    cohort: Cohort | None = None,
) -> Publication:
    """Judge a bundle by the gates of its own configuration, then register it.

    Parameters
    ----------
    bundle
        Folder that `train` wrote.
    alias
        Alias that the new version takes.
    name
        Registered model; that of the configuration if None.
    uri
        Tracking URI of the registry; if None that of the configuration, else the sqlite store beside the
        bundle.
    run_id
        Run in the same store that the bundle came from.
    cohort
        Samples on which it must do as well as the present champion; those of its gates if None.

    Raises
    ------
    BundleError
        If the folder is no whole and unaltered bundle.
    GateRefusedError
        If a gate fails; every one that does is named, and nothing is registered.
    RegistryError
        If MLflow is not installed, or the registry refuses.
    """
    from metarisk.models.bundle import load_bundle
    from metarisk.tracking.registry import publish_bundle
    from metarisk.tracking.run import default_uri

    loaded = load_bundle(bundle)
    section = loaded.experiment.tracking
    registry = Registry(
        name or section.model_name, uri or section.uri or default_uri(bundle.resolve().parent)
    )
    verdicts = judged(loaded, str(bundle), registry, cohort)
    published = publish_bundle(
        bundle,
        name=registry.name,
        alias=alias,
        uri=registry.uri,
        run_id=run_id,
        tags=tags_of(verdicts) | {HEADLINE_TAG: headline(loaded.figures)},
    )
    return Publication(*published, verdicts)


def judged(
    bundle: ModelBundle, opened_as: str, registry: Registry, cohort: Cohort | None
) -> tuple[Verdict, ...]:
    """Verdicts of every gate of a bundle, all passed.

    Parameters
    ----------
    bundle, opened_as
        The model, and the folder or name that it was opened by.
    registry
        Where it is to be published.
    cohort
        As for `publish`.

    Raises
    ------
    GateRefusedError
        If a gate fails; every one that does is named.
    """
    gates = bundle.experiment.gates
    verdicts = (
        *judge(gates, bundle.figures, bundle.subgroups),
        *judge_against_champion(opened_as, gates, registry, cohort),
    )
    check_gates(verdicts, bundle.name)
    return verdicts


def tags_of(verdicts: Iterable[Verdict]) -> dict[str, str]:
    """Verdicts as tags of a version, to be read by people and by `verdicts_of`."""
    import json

    listed = list(verdicts)
    told = {f"{GATE_TAG}/{at:02}": json.dumps(verdict._asdict()) for at, verdict in enumerate(listed, 1)}
    passed = sum(verdict.passed for verdict in listed)
    return {PASSED_TAG: f"{passed} of {len(listed)} passed" if listed else "none set", **told}


def verdicts_of(tags: Mapping[str, str]) -> tuple[Verdict, ...]:
    """Verdicts that a version was published or promoted with."""
    import json

    kept = sorted(key for key in tags if key.startswith(f"{GATE_TAG}/"))
    return tuple(Verdict(**json.loads(tags[key])) for key in kept)


def headline(figures: Sequence[Mapping[str, Any]]) -> str:
    """Mean of our AUROC over all questions, and over how many, in words; empty where there is none."""
    from metarisk.train.figures import OURS

    found = [
        float(row["value"])
        for row in figures
        if (row["model"], row["metric"], row["stratum"]) == (OURS, "auroc", "all")
        if row["value"] is not None
    ]
    if not found:
        return ""
    return f"mean AUROC {sum(found) / len(found):.3f} over {len(found)} question{'s' * (len(found) > 1)}"
