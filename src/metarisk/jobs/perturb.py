"""`metarisk perturb`: what a model answers once genes, circuits or the targets of drugs are changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from metarisk.errors import InputError, first_ten, nearest
from metarisk.files import check_free, placed
from metarisk.jobs.perturbed_files import (
    PAIRS,
    PATIENTS,
    SCREEN,
    SUMMARY,
    draw,
    write_patients,
    write_summary,
    write_table,
)

if TYPE_CHECKING:
    from metarisk.data.cohort import Cohort
    from metarisk.explain.interventions import Effect
    from metarisk.explain.matched import NullPlan
    from metarisk.explain.perturbations import Library, Perturbation
    from metarisk.explain.screen import Moves
    from metarisk.models.bundle import ModelBundle

OnProgress = Callable[[str, int, int], None]
SCREENS = ("all", "circuits", "therapies")
PAIRED = 12  # of a screen, the strongest that --pairs pairs


@dataclass(frozen=True)
class Wish:
    """What is to be perturbed.

    Attributes
    ----------
    knock_out, knock_down, activate
        Genes or circuits by name.
    circuits
        Circuits to turn down.
    therapies
        Classes of drugs, or drugs.
    screen
        ``all`` genes of the topology, all ``circuits``, or all ``therapies``; empty text for none.
    effect
        What a screen of genes or circuits does: ``knock_out``, ``knock_down`` or ``activate``; empty text for
        a knock-out of genes and a knock-down of circuits.
    pairs
        Whether to perturb pairs too: of all that is named, or of a screen's strongest.
    samples
        Ids to look at; all if there is none.
    """

    knock_out: tuple[str, ...] = ()
    knock_down: tuple[str, ...] = ()
    activate: tuple[str, ...] = ()
    circuits: tuple[str, ...] = ()
    therapies: tuple[str, ...] = ()
    screen: str = ""
    effect: str = ""
    pairs: bool = False
    samples: tuple[str, ...] = ()


@dataclass(frozen=True)
class PerturbResult:
    """What was found.

    Attributes
    ----------
    screen
        One row a perturbation and answer, columns of `metarisk.explain.screen_table`.
    pairs
        One row a pair and answer; None if none was asked for.
    folder
        Where the tables and figures are.
    notes
        Sentences that a reader must know.
    """

    screen: pd.DataFrame
    pairs: pd.DataFrame | None
    folder: Path
    notes: tuple[str, ...]


def perturb(  # noqa: PLR0913  (an option each)
    model: str,
    study: Path,
    out: Path,
    wish: Wish,
    *,
    data_root: Path | None = None,
    tracking_uri: str | None = None,
    overwrite: bool = False,
    progress: OnProgress | None = None,
) -> PerturbResult:
    """Perturb samples in a model and write tables, figures and a summary.

    Parameters
    ----------
    model
        Bundle folder, or ``models:/name@alias``.
    study
        Study folder, study file, stored cohort, or one table.
    out
        Folder to make: ``screen.tsv``, ``pairs.tsv`` where asked for, ``patients.parquet``, ``summary.json``,
        and volcanoes as PNG and SVG where anything has a q value.
    wish
        What is to be perturbed.
    data_root
        Folder that a study file's paths are relative to.
    tracking_uri
        Registry of a ``models:/`` name.
    overwrite
        Replace an earlier result there.
    progress
        Told the stage, how far it is, and of how much.

    Raises
    ------
    InputError
        If nothing is asked for, a name is unknown, a class of drugs has no target in the model, or none of
        the samples is answered.
    LimitError
        If it would take more memory than it may.
    OutputError
        If ``out`` exists or cannot be written.
    BundleError, RegistryError
        If the model cannot be opened.
    """
    from metarisk.explain.screen_table import screen_table
    from metarisk.jobs.opening import open_model, open_samples

    check_free(out, overwrite=overwrite, marker=SUMMARY)
    bundle = open_model(model, tracking_uri=tracking_uri)
    asked = perturbations_of(wish, bundle)
    cohort = chosen_samples(open_samples(study, data_root=data_root), wish.samples)
    plan, moves = _perturbed(bundle, cohort, asked, progress)
    table = screen_table(moves, plan, bundle.transform)
    singles = _to_pair(wish, asked, table)
    pairs = _pairs(bundle, cohort, singles, progress) if wish.pairs else None
    notes = (*_notes(moves, table), *_unpaired(singles, pairs))
    with placed(out, overwrite=overwrite, marker=SUMMARY) as draft:
        write_table(table, draft / SCREEN)
        if pairs is not None:
            write_table(pairs, draft / PAIRS)
        write_patients(moves, plan, draft / PATIENTS)
        facts = {"input": study.name, "notes": list(notes), "figures": draw(table, draft)}
        write_summary(bundle, moves, table, facts, draft / SUMMARY)
    return PerturbResult(table, pairs, out, notes)


def perturbations_of(wish: Wish, bundle: ModelBundle) -> list[Perturbation]:
    """What a wish names, each once, in its order.

    Raises
    ------
    InputError
        If it names nothing, or something that the model does not have.
    """
    from metarisk.explain.interventions import STATES, Effect
    from metarisk.explain.perturbations import Library

    scales = bundle.transform.scales
    readable = frozenset(gene for assay, scale in scales.items() if assay in STATES for gene in scale.genes)
    library = Library(bundle.topology, readable)
    named = ((wish.knock_out, Effect.KNOCK_OUT), (wish.knock_down, Effect.KNOCK_DOWN))
    found = [
        library.named(name, effect)
        for names, effect in (*named, (wish.activate, Effect.ACTIVATE))
        for name in names
    ]
    found += [library.circuit(name, Effect.KNOCK_DOWN) for name in wish.circuits]
    found += [library.therapy(name) for name in wish.therapies]
    found += _screen(library, wish) if wish.screen else []
    if not found:
        raise InputError(
            "nothing to perturb",
            expected="a gene, a circuit, a class of drugs, or a screen",
            do="Pass --knock-out, --knock-down, --activate, --circuit or --therapy with one, or --screen.",
        )
    return list({(one.kind, one.name, one.key): one for one in found}.values())


def _screen(library: Library, wish: Wish) -> list[Perturbation]:
    from metarisk.explain.interventions import Effect

    if wish.screen not in SCREENS:
        raise InputError(f"no screen is named {wish.screen!r}", do=nearest(wish.screen, SCREENS))
    if wish.effect and wish.effect not in set(Effect):
        raise InputError(f"no effect is named {wish.effect!r}", do=nearest(wish.effect, list(Effect)))
    effect: Effect | None = Effect(wish.effect) if wish.effect else None
    if wish.screen == "therapies":
        return library.therapy_screen()
    if wish.screen == "circuits":
        return library.circuit_screen(effect or Effect.KNOCK_DOWN)
    return library.gene_screen(effect or Effect.KNOCK_OUT)


def chosen_samples(cohort: Cohort, samples: Sequence[str]) -> Cohort:
    """The samples asked for, in the cohort's order; all if none is named.

    Raises
    ------
    InputError
        If one is not there; the nearest id is told.
    """
    if not samples:
        return cohort
    known = set(map(str, cohort.sample_ids))
    strange = [name for name in samples if name not in known]
    if strange:
        raise InputError(
            f"the input has no sample {first_ten(strange)}",
            expected="ids of its samples",
            do=nearest(strange[0], known),
        )
    return cohort.take(np.isin(cohort.sample_ids, list(samples)))


def _perturbed(
    bundle: ModelBundle, cohort: Cohort, asked: Sequence[Perturbation], progress: OnProgress | None
) -> tuple[NullPlan, Moves]:
    from metarisk.explain.matched import GenePlaces, NullPlan
    from metarisk.explain.screen import screen

    places = GenePlaces.of(bundle.transform, bundle.transform.apply(cohort), bundle.topology)
    plan = NullPlan.of(asked, places)
    return plan, screen(bundle, cohort, plan.perturbations, progress)


def _to_pair(wish: Wish, asked: Sequence[Perturbation], table: pd.DataFrame) -> list[Perturbation]:
    """What to pair: all that is named, of a screen the strongest."""
    if not wish.screen:
        return list(asked)
    strength = table["log_odds_change"].abs().groupby(table["perturbation"]).max().sort_values()
    strongest = set(strength.index[::-1][:PAIRED])
    return [one for one in asked if one.name in strongest]


def _pairs(
    bundle: ModelBundle, cohort: Cohort, singles: Sequence[Perturbation], progress: OnProgress | None
) -> pd.DataFrame:
    from metarisk.explain.interactions import pair_table, pairs_of
    from metarisk.explain.screen import screen

    every, trios = pairs_of(singles)
    told = None if progress is None else lambda stage, done, of: progress(f"{stage} pairs", done, of)
    return pair_table(screen(bundle, cohort, every, told), trios, every)


def _unpaired(singles: Sequence[Perturbation], pairs: pd.DataFrame | None) -> list[str]:
    """How many pairs there are not, in words."""
    if pairs is None:
        return []
    missing = len(singles) * (len(singles) - 1) // 2 - pairs["pair"].nunique()
    return [f"{missing} pairs want unlike things of the same gene and were left out"] if missing else []


def _notes(moves: Moves, table: pd.DataFrame) -> list[str]:
    """Sentences that a reader of this result must know, beside `HONEST`."""
    notes = [f"{count} samples are not answered by the model: {why}" for why, count in moves.left_out.items()]
    silent = table.loc[table["note"].str.startswith("abstains"), ["perturbation", "note"]].drop_duplicates()
    notes += [f"{row['perturbation']} {row['note']}" for row in silent.head(10).to_dict("records")]
    if len(silent) > 10:
        notes.append(f"{len(silent) - 10} more perturbations abstain, see {SCREEN}")
    return notes
