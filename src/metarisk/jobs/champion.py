"""The gate that needs a cohort: as good as the present champion on the same patients."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from metarisk.config.gates import ChampionMargin, GateSection
from metarisk.errors import InputError
from metarisk.jobs.gates import Verdict, margin_verdict, question_of

GATE = "better_than_champion"


class Registry(NamedTuple):
    """A registered model and where it is registered.

    Attributes
    ----------
    name
        Registered model.
    uri
        Tracking URI.
    """

    name: str
    uri: str


class Cohort(NamedTuple):
    """Samples to compare on.

    Attributes
    ----------
    path
        Study file, study folder or stored cohort.
    data_root
        Folder that a study file's paths are relative to.
    """

    path: Path
    data_root: Path | None = None


def judge_against_champion(
    bundle: str, gates: GateSection, registry: Registry, cohort: Cohort | None
) -> tuple[Verdict, ...]:
    """One verdict a question that both models answer; none where neither gate nor cohort asks for any.

    Patients that either model was trained on are left out. Where there is no champion yet, the gate passes
    and says so.

    Parameters
    ----------
    bundle
        Bundle folder, or ``models:/name/version``.
    gates
        What is required; the defaults of `ChampionMargin` where they are silent and a cohort is given.
    registry
        Whose champion.
    cohort
        In place of the gate's own.

    Raises
    ------
    RegistryError
        If the registry cannot be asked.
    """
    from metarisk.tracking.aliases import champion_of

    required = gates.better_than_champion
    if required is None and cohort is None:
        return ()
    required = required or ChampionMargin()
    champion = champion_of(registry.uri, registry.name)
    if not champion:
        return (_about_all("no champion to be compared with yet", "none", passed=True),)
    cohort = cohort or (None if required.cohort is None else Cohort(required.cohort))
    if cohort is None:
        return (_about_all("no cohort to be compared on", "one: pass --judge COHORT", passed=False),)
    try:
        versus = _versus(bundle, f"models:/{registry.name}/{champion}", registry.uri, cohort)
    except InputError as error:
        return (_about_all(error.found, error.expected or "a cohort that both answer", passed=False),)
    return tuple(_verdicts(versus, required, f"version {champion}"))


def _about_all(found: str, required: str, *, passed: bool) -> Verdict:
    return Verdict(GATE, "the model", found, required, passed)


def _versus(bundle: str, champion: str, uri: str, cohort: Cohort) -> pd.DataFrame:
    from metarisk.jobs.evaluate import Beside, evaluate

    result = evaluate(
        bundle, cohort.path, beside=Beside(model=champion), data_root=cohort.data_root, tracking_uri=uri
    )
    table = result.tables["versus"]
    return table[(table["metric"] == "auroc") & (table["stratum"] == "all")]


def _verdicts(versus: pd.DataFrame, required: ChampionMargin, champion: str) -> list[Verdict]:
    rows: list[dict[str, Any]] = [
        {str(key): None if pd.isna(value) else value for key, value in row.items()}
        for row in versus.to_dict("records")
        if not required.endpoints or row["endpoint"] in required.endpoints
    ]
    missing = sorted(set(required.endpoints) - {str(row["endpoint"]) for row in rows})
    found = [
        margin_verdict(GATE, question_of(row), champion, {**row, "value": row["difference"]}, required)
        for row in rows
    ]
    unasked = f"at least {required.margin:+g}"
    return [*found, *(Verdict(GATE, name, "no answer of both models", unasked, False) for name in missing)]
