"""`metarisk models`: what the registry holds, what differs between versions, and who is champion."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from metarisk.errors import RegistryError
from metarisk.jobs.champion import Cohort, Registry
from metarisk.jobs.gates import Verdict

if TYPE_CHECKING:
    from metarisk.models.bundle import ModelBundle
    from metarisk.tracking.aliases import Moved
    from metarisk.tracking.versions import Version

FIGURES = ("auroc", "calibration_error", "brier")


class Shown(NamedTuple):
    """One registered version.

    Attributes
    ----------
    version
        Its record in the registry.
    folder
        Its bundle on this machine, verified.
    bundle
        The bundle.
    verdicts
        What the gates found when it was published or promoted.
    figures
        Held-out figures, as `metarisk.train.figures.held_out_figures`.
    """

    version: Version
    folder: Path
    bundle: ModelBundle
    verdicts: tuple[Verdict, ...]
    figures: pd.DataFrame


class Compared(NamedTuple):
    """Two versions side by side.

    Attributes
    ----------
    first, second
        The versions.
    settings
        Key path -> value in each, of the settings, hashes and counts that differ.
    figures
        ``endpoint, horizon_days, metric``, the figures ``first`` and ``second``, and second minus first; each
        on its own held-out patients.
    same_patients
        Whether those are the same, as far as hashes of the data and the split tell.
    versus
        Second minus first on the samples of a cohort, as `metarisk.train.versus.paired_figures`; None without
        a cohort.
    notes
        Sentences that a reader of ``versus`` must know.
    """

    first: Version
    second: Version
    settings: Mapping[str, tuple[str, str]]
    figures: pd.DataFrame
    same_patients: bool
    versus: pd.DataFrame | None
    notes: tuple[str, ...]


def store_of(uri: str | None) -> str:
    """Tracking URI to ask; MLflow's own default if None."""
    from metarisk.tracking import versions

    return versions.store_of(uri)


def list_models(uri: str | None = None, name: str | None = None) -> list[Version]:
    """Every version of a registered model, or of all; raises `RegistryError` like `find_version`.

    Parameters
    ----------
    uri
        Tracking URI; MLflow's own default if None.
    name
        Registered model.
    """
    from metarisk.tracking.versions import list_versions

    return list_versions(store_of(uri), name)


def show_model(asked: str, name: str, uri: str | None = None) -> Shown:
    """All that is known of a version.

    Parameters
    ----------
    asked
        Its number or an alias.
    name
        Registered model.
    uri
        Tracking URI; MLflow's own default if None.

    Raises
    ------
    RegistryError
        If the registry, the name or the version does not exist.
    BundleError
        If its bundle was altered.
    """
    from metarisk.jobs.publish import verdicts_of
    from metarisk.models.bundle import load_bundle
    from metarisk.tracking.registry import resolve
    from metarisk.tracking.versions import find_version

    store = store_of(uri)
    version = find_version(store, name, asked)
    folder = resolve(version.uri, store).folder
    bundle = load_bundle(folder).as_version(version.version)
    return Shown(version, folder, bundle, verdicts_of(version.tags), figures_of(bundle))


def compare_models(first: str, second: str, registry: Registry, cohort: Cohort | None = None) -> Compared:
    """What changed from one version to another.

    Parameters
    ----------
    first, second
        Numbers or aliases; differences are second minus first.
    registry
        The registered model.
    cohort
        Samples to compare both on, without the patients that either was trained on.

    Raises
    ------
    RegistryError, BundleError
        As `show_model`.
    InputError
        If the cohort cannot be read, or tells them apart on no question.
    """
    one, other = (show_model(asked, registry.name, registry.uri) for asked in (first, second))
    before, after = facts_of(one.bundle), facts_of(other.bundle)
    changed = {
        key: (before.get(key, ""), after.get(key, ""))
        for key in {**before, **after}
        if before.get(key) != after.get(key)
    }
    versus, notes = (None, ()) if cohort is None else _paired(one, other, registry, cohort)
    return Compared(
        one.version,
        other.version,
        changed,
        _side_by_side(one.figures, other.figures),
        not {"data.cohort_sha256", "evaluation.test_fraction"} & set(changed),
        versus,
        notes,
    )


def promote_model(
    asked: str, registry: Registry, cohort: Cohort | None = None
) -> tuple[Moved, tuple[Verdict, ...]]:
    """Make a version the champion if it passes its gates again.

    Parameters
    ----------
    asked
        Number or alias.
    registry
        The registered model.
    cohort
        Samples on which it must do as well as the present champion; those of its gates if None.

    Returns
    -------
    tuple
        What became of the alias, and the verdicts.

    Raises
    ------
    GateRefusedError
        If a gate fails; every one that does is named, and the champion stays.
    RegistryError, BundleError
        As `show_model`; or if it is champion already.
    """
    from metarisk.jobs.publish import judged, tags_of
    from metarisk.tracking.aliases import CHAMPION, promote_version

    shown = show_model(asked, registry.name, registry.uri)
    if CHAMPION in shown.version.aliases:
        raise RegistryError(
            f"version {shown.version.version} of {registry.name!r} is its champion already",
            do="Promote another version; metarisk models list shows them.",
        )
    verdicts = judged(shown.bundle, shown.version.uri, registry, cohort)
    moved = promote_version(registry.uri, registry.name, shown.version.version, tags_of(verdicts))
    return moved, verdicts


def roll_back_model(registry: Registry) -> Moved:
    """Make the previous champion the champion again; its gates are not asked, it passed them before.

    Raises
    ------
    RegistryError
        If there is no such model or no previous champion.
    BundleError
        If the previous champion's bundle was altered; the champion then stays.
    """
    from metarisk.tracking.aliases import PREVIOUS, roll_back
    from metarisk.tracking.versions import list_versions

    listed = list_versions(registry.uri, registry.name)
    if any(PREVIOUS in version.aliases for version in listed):
        show_model(PREVIOUS, registry.name, registry.uri)
    return roll_back(registry.uri, registry.name)


def figures_of(bundle: ModelBundle) -> pd.DataFrame:
    """Held-out figures that a bundle carries, NaN where a value is not known."""
    from metarisk.train.figures import FIGURE_COLUMNS

    table = pd.DataFrame(list(bundle.figures), columns=list(FIGURE_COLUMNS))
    numbers = ["horizon_days", "value", "lower", "upper", "n", "events", "p"]
    return table.astype(dict.fromkeys(numbers, np.float64))


def facts_of(bundle: ModelBundle) -> dict[str, str]:
    """Settings by key path, then hashes and counts of what it was trained on."""
    from metarisk.jobs.train import flat_settings

    data = {f"data.{key}": str(value) for key, value in bundle.provenance.items()}
    return {**flat_settings(bundle.experiment), **data, "topology_sha256": bundle.topology.sha256}


def _side_by_side(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    from metarisk.train.figures import OURS

    key = ["endpoint", "horizon_days", "metric"]
    parts = [
        table[(table["model"] == OURS) & (table["stratum"] == "all") & table["metric"].isin(FIGURES)]
        for table in (first, second)
    ]
    one, other = (part[[*key, "value"]] for part in parts)
    both = one.merge(other, on=key, how="outer", suffixes=("_first", "_second"), sort=False)
    both = both.rename(columns={"value_first": "first", "value_second": "second"})
    return both.assign(difference=both["second"] - both["first"])


def _paired(
    one: Shown, other: Shown, registry: Registry, cohort: Cohort
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    from metarisk.jobs.evaluate import Beside, evaluate

    result = evaluate(
        other.version.uri,
        cohort.path,
        beside=Beside(model=one.version.uri),
        data_root=cohort.data_root,
        tracking_uri=registry.uri,
    )
    return result.tables["versus"], (*result.notes, f"{result.samples} samples were compared")
