"""What stands in a folder that `metarisk perturb` made: tables, volcanoes and a summary."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from metarisk import __version__

if TYPE_CHECKING:
    from metarisk.explain.matched import NullPlan
    from metarisk.explain.screen import Moves
    from metarisk.models.bundle import ModelBundle

SUMMARY, SCREEN, PAIRS, PATIENTS = "summary.json", "screen.tsv", "pairs.tsv", "patients.parquet"
NAMED = 10  # of each answer in the summary
SUMMED_UP = (
    "kind",
    "endpoint",
    "horizon_days",
    "rank",
    "perturbation",
    "title",
    "change",
    "log_odds_change",
    "graph_share",
    "p",
    "q",
)
# Said wherever the numbers are.
HONEST = (
    "These are a model's answers to changed inputs, not an experiment: nothing was knocked out.",
    "The model learned which measurements go with an outcome. That changing one would change it does not "
    "follow; confounding, and genes that are only measured together, look the same to it.",
    "Only the named genes are set; what else a tumour would change in reply is in the answer only as far as "
    "the network's edges carry it. Clinical numbers that sum up the genome are left as measured.",
    "An intervention can put a sample where no training patient was; there the model extrapolates.",
    "The interval over the fit says how far other training patients would move the change, the one over "
    "patients how far other samples would; neither covers another population.",
)


def write_table(table: pd.DataFrame, file: Path) -> None:
    """Write a table as tab-separated text, numbers to six digits."""
    table.to_csv(file, sep="\t", index=False, float_format="%.6g", lineterminator="\n")


def write_patients(moves: Moves, plan: NullPlan, file: Path) -> None:
    """Every sample's change of every answer, a row group a perturbation at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from metarisk.explain.screen_table import days_of

    count, n_asked, n_samples = len(plan.nulls), len(moves.reader.asked), len(moves.cohort)
    asked = moves.reader.asked
    fixed = {
        "sample_id": np.tile(moves.cohort.sample_ids, n_asked),
        "patient_id": np.tile(moves.cohort.patient_ids, n_asked),
        "endpoint": np.repeat([question.endpoint for question in asked], n_samples),
        "horizon_days": np.repeat([days_of(question) for question in asked], n_samples),
        "probability": moves.baseline.ravel().astype(np.float32),
    }
    writer: pq.ParquetWriter | None = None
    for at in range(count):
        one = plan.perturbations[at]
        rows = {
            "kind": np.full(n_asked * n_samples, one.kind),
            "perturbation": np.full(n_asked * n_samples, one.name),
            **fixed,
            "change": moves.change[at].ravel(),
            "log_odds_change": moves.shift[at].ravel(),
            "targets_measured": np.tile(moves.measured[at], n_asked),
        }
        group = pa.table({name: pa.array(values, from_pandas=True) for name, values in rows.items()})
        writer = writer or pq.ParquetWriter(file, group.schema, compression="zstd", write_page_checksum=True)
        writer.write_table(group)
    if writer is not None:
        writer.close()


def draw(table: pd.DataFrame, folder: Path) -> dict[str, str]:
    """Draw a volcano of each kind that has enough of them; file name -> what it shows."""
    from metarisk.report.plots.volcano import draw_volcano

    drawn = [draw_volcano(table, folder, str(kind)) for kind in table["kind"].unique()]
    return {figure.file.name: figure.caption for figure in drawn if figure is not None}


def write_summary(
    bundle: ModelBundle, moves: Moves, table: pd.DataFrame, facts: Mapping[str, Any], file: Path
) -> None:
    """Write what the tables rest on, what the test says, and the strongest of each answer."""
    from metarisk.explain.standing import TEST

    tree = {
        "format": "metarisk.perturbation",
        "format_version": 1,
        "metarisk": __version__,
        "read_this_first": list(HONEST),
        "test": TEST,
        "model": bundle.name,
        "model_version": bundle.version,
        "bundle_sha256": bundle.sha256,
        "topology_sha256": bundle.topology.sha256,
        "samples": len(moves.cohort),
        "patients": len(np.unique(moves.cohort.patient_ids)),
        "left_out": moves.left_out,
        "folds": moves.reader.folds,
        "perturbations": int(table[["kind", "perturbation", "title"]].drop_duplicates().shape[0]),
        "strongest": _strongest(table),
        "sources": _sources(table),
        **facts,
    }
    text = json.dumps(tree, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    file.write_text(text, encoding="utf-8")


def _strongest(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The first few of each answer and kind, by rank."""
    top = table[table["rank"] <= NAMED].sort_values(["kind", "endpoint", "horizon_days", "rank"])
    return [
        {name: None if pd.isna(row[name]) else row[name] for name in SUMMED_UP} for _, row in top.iterrows()
    ]


def _sources(table: pd.DataFrame) -> dict[str, list[str]]:
    """Class of drugs or drug -> what its targets rest on."""
    from metarisk.pathways.curated import references

    known = references()
    told = table.loc[table["kind"] == "therapy", ["perturbation", "source"]].drop_duplicates()
    return {
        name: [known.get(key, key) for key in source.split("; ")]
        for name, source in told.itertuples(index=False, name=None)
    }
