"""Do the circuits that the field names stand out on real patients? Shown whichever way it comes out.

Usage: python -m tests.explain.known_circuits [--out TABLE.tsv] [--only prostate|breast]

Trains two small models and takes their answers apart on patients that they have not seen: a primary prostate
cancer against a metastasis (MSK, 40 % of the patients held out), and distant metastasis of breast cancer
within five years (learned in the BIOSPEAR series, asked of VDX, another series). The circuits were named
before any result was seen. Needs METARISK_SHARED.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from metarisk.config import load_experiment
from metarisk.data.cohort import Cohort
from metarisk.explain.cohort import CohortTally
from metarisk.explain.parts import Subject
from metarisk.explain.questions import choose_questions
from metarisk.jobs.source import read_experiment_cohort, read_experiment_topology
from metarisk.jobs.train import write_figures
from metarisk.models.bundle import ModelBundle
from metarisk.pathways.curated import FAMILY_PREFIX
from metarisk.train.run import train_model

BENCHMARKS = Path(__file__).parents[2] / "configs" / "benchmarks"
PERMUTATIONS = 999
STRONGEST = 5
# AR, TP53, RB1, PTEN / PI3K, WNT (APC, CTNNB1) and repair (BRCA2, ATM, CDK12) are what metastatic prostate
# cancer is altered in beyond the primary: Robinson et al., Cell 2015; Abida et al., PNAS 2019.
PROSTATE = (
    "nuclear_receptor",
    "lineage_hormone_receptor",
    "p53",
    "rb_cell_cycle",
    "pi3k_akt_mtor",
    "wnt",
    "dna_repair",
)
# Proliferation is what signatures of distant metastasis share: Sotiriou and Pusztai, N Engl J Med 2009.
BREAST = ("rb_cell_cycle", "quiescence_cell_cycle", "myc")


# Beside the benchmark's own model, whose direct path reads genes too and leaves the graph next to nothing to
# say, one whose genes pass through the graph alone, with the settings of the quickstart.
BENCHMARK, GRAPH_ONLY = "benchmark", "genes through the graph alone"
SETTINGS: dict[str, dict[str, Any]] = {
    BENCHMARK: {},
    GRAPH_ONLY: {
        "features": {"direct_genes": 0, "min_alterations": 10_000},
        "network": {"effect_layers": 1, "state_layers": 0, "readout": 4, "dropout": 0.2},
        "training": {"learning_rate": 0.008, "patience": 4, "graph_prior": 0.5},
    },
}


class Asked(NamedTuple):
    """A model that is trained, on whom it is asked, and the circuits that should stand out."""

    cohort: str
    answer: str
    named: tuple[str, ...]
    learn: Callable[[Path, str], tuple[ModelBundle, Cohort]]


def prostate(data: Path, settings: str) -> tuple[ModelBundle, Cohort]:
    """Model of primary or metastasis, and the patients held out."""
    changes = {"evaluation": {"test_fraction": 0.4}, "network": {"direct_hidden": 0, "copies": 1}}
    return _learned("prostate_sample_type", data, _joined(changes, SETTINGS[settings]))


def breast(data: Path, settings: str) -> tuple[ModelBundle, Cohort]:
    """Model of distant metastasis learned in one series, and all patients of the other."""
    changes = {"evaluation": {"test_fraction": 0.1, "within": None}}
    bundle, _ = _learned("breast_dmfs", data, _joined(changes, SETTINGS[settings]), cohort="biospear")
    return bundle, _cohort("breast_dmfs", data, cohort="vdx")


ASKED = (
    Asked("prostate_msk_2024", "metastatic", PROSTATE, prostate),
    Asked("breast_vdx", "metastasis@1825", BREAST, breast),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, explain, print the table and write it where asked."""
    options = _options(arguments)
    data, started = Path(os.environ["METARISK_SHARED"]), time.perf_counter()
    chosen = [asked for asked in ASKED if options.only in asked.cohort]
    found = [known_ranks(asked, data, settings) for asked in chosen for settings in SETTINGS]
    table = pd.concat(found, ignore_index=True)
    print(table.to_string(index=False))
    if options.out:
        heading = {
            "command": "python -m tests.explain.known_circuits",
            "ranks": "of all curated circuits by mean size of what each adds to the answer, unseen patients",
            "p": f"one sided, outcomes permuted {PERMUTATIONS} times; adjusted over all circuits",
            "named": "before any result was seen, see the command's source",
            "wall_seconds": f"{time.perf_counter() - started:.0f} in this run",
        }
        write_figures(table, options.out, heading)
    return 0


def known_ranks(asked: Asked, data: Path, settings: str) -> pd.DataFrame:
    """Rows of the circuits that the field names, and of the strongest."""
    bundle, cohort = asked.learn(data, settings)
    subject = Subject(bundle, choose_questions(bundle, [asked.answer]))
    tally = CohortTally(subject, permutations=PERMUTATIONS)
    for _ in tally.portion(cohort, bundle.transform.apply(cohort)):
        pass
    table, tested = tally.tables()["pathway"], tally.tested()
    table = table[(table["rank"] > 0) & ~table["name"].str.startswith(FAMILY_PREFIX)].reset_index(drop=True)
    table["rank"] = np.arange(1, len(table) + 1)
    named = table["name"].isin(asked.named)
    above = [(table["rank"][~named] > rank).mean() for rank in table["rank"][named]]
    shown = table[named | (table["rank"] <= STRONGEST)]
    kept = ["rank", "mean_size", "sign_agreement", "difference", "p", "p_adjusted"]
    return pd.DataFrame(
        {
            "cohort": asked.cohort,
            "answer": asked.answer,
            "model": settings,
            "circuit": shown["name"],
            "named": np.where(named[shown.index], "yes", "no"),
            "of": len(table),
            **{name: shown[name] for name in kept},
            "named_auroc": float(np.mean(above)),
            "with_event": int(tested.cases[0]),
            "without": int(tested.controls[0]),
            "graph_share": _graph_share(bundle, cohort),
        }
    )


def _graph_share(bundle: ModelBundle, cohort: Cohort) -> float:
    """Mean share of the graph in the answers."""
    found = bundle.ensemble.answers(bundle.transform.apply(cohort))["graph_share"]
    return float(found[:, 0].mean())


def _joined(*changes: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Several changes to sections of a configuration, the later ones above."""
    sections = {section for change in changes for section in change}
    return {
        name: {key: value for one in changes for key, value in one.get(name, {}).items()} for name in sections
    }


def _learned(
    name: str, data: Path, changes: dict[str, dict[str, Any]], cohort: str = ""
) -> tuple[ModelBundle, Cohort]:
    small: dict[str, dict[str, Any]] = {
        "training": {"folds": 3, "seeds": 1, "epochs": 40},
        "evaluation": {"controls": (), "bootstrap": 50},
    }
    experiment = load_experiment(BENCHMARKS / f"{name}.yaml")
    sections = {
        section: getattr(experiment, section).model_copy(update=own)
        for section, own in _joined(small, changes).items()
    }
    experiment = experiment.model_copy(update=sections)
    topology = read_experiment_topology(experiment.topology, base=BENCHMARKS)
    trained = train_model(experiment, _cohort(name, data, cohort), topology, lambda model, epoch: None)
    return trained.bundle, trained.test


def _cohort(name: str, data: Path, cohort: str = "") -> Cohort:
    """Samples of an experiment, or of one of its cohorts."""
    experiment = load_experiment(BENCHMARKS / f"{name}.yaml")
    if cohort:
        only = next(part for part in experiment.cohorts if part.name == cohort)
        experiment = experiment.model_copy(update={"cohorts": (), "cohort": only})
    topology = read_experiment_topology(experiment.topology, base=BENCHMARKS)
    return read_experiment_cohort(experiment, topology, base=BENCHMARKS, data_root=data)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, help="table to write")
    parser.add_argument("--only", default="", choices=["", "prostate", "breast"], help="one of the two")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
