"""The page of an evaluation or a training: what it is made from, and the files beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from metarisk import __version__
from metarisk.files import written

if TYPE_CHECKING:
    from metarisk.data.cohort import Cohort
    from metarisk.models.bundle import ModelBundle
    from metarisk.report.cohort.told import Told
    from metarisk.score.audit import Audit
    from metarisk.train.figures import Answers
    from metarisk.train.fit import Epoch
    from metarisk.train.held_out import HeldOut
    from metarisk.train.judgement import Judgement

PAGE, TREE, TRIPOD, CARD = "report.html", "report.json", "tripod", "model_card.md"
AUDIT = "audit"
SOFTWARE = ("torch", "numpy", "pandas", "scipy", "scikit-learn")
FORMAT, FORMAT_VERSION = "metarisk report", 1
FILES = (PAGE, TREE, f"{TRIPOD}.tsv", f"{TRIPOD}.md", "incidence.tsv", "ranking.tsv", "calibration.tsv")


@dataclass(frozen=True)
class Judgements:
    """What was judged on whom, for `write_report`.

    Attributes
    ----------
    bundle
        The model.
    samples
        The N samples.
    held_out
        The same with what is needed to judge them.
    models
        Model -> question -> probability of each sample, shape (N,), ours first.
    judgement
        Their tables.
    heading
        What the tables rest on.
    notes
        Sentences that a reader must know.
    versus
        Paired differences, where there are any.
    learning
        Network -> its epochs, of a training.
    training
        True where the samples are the held-out part of the model's own study.
    """

    bundle: ModelBundle
    samples: Cohort
    held_out: HeldOut
    models: Mapping[str, Answers]
    judgement: Judgement
    heading: Mapping[str, str]
    notes: Sequence[str]
    versus: pd.DataFrame = field(default_factory=pd.DataFrame)
    learning: Mapping[str, Sequence[Epoch]] = field(default_factory=dict)
    training: bool = False


def write_report(of: Judgements, folder: Path) -> Path:
    """Write ``report.html`` and the files beside it; equal runs write equal bytes.

    Beside it: ``report.json``; ``incidence.tsv``, ``ranking.tsv`` and ``calibration.tsv`` with the points of
    its charts; ``moves_answers.tsv``, ``moves_circuits.tsv``, ``moves_edges.tsv`` and ``moves_genes.tsv`` as
    `metarisk.explain.movers.Movers` has them, without those of which nothing is told; ``tripod.tsv`` and
    ``tripod.md``; ``model_card.md``; ``audit.tsv`` of an evaluation.

    Raises
    ------
    OutputError
        If one cannot be written.
    """
    from metarisk.report.cohort import cohort_page
    from metarisk.report.tripod import as_markdown, as_table

    told = told_of(of)
    tables = {**told.curves.__dict__, TRIPOD: as_table(told)}
    texts = {f"{name}.tsv": _table(table, of.heading) for name, table in tables.items()}
    moves = {name: _table(table, of.heading, "%.6f") for name, table in told.movers.tables.items()}
    texts |= {f"{name}.tsv": text for name, text in moves.items()}
    texts |= {f"{TRIPOD}.md": as_markdown(told), CARD: told.model.card}
    if told.audit is not None:
        texts[f"{AUDIT}.tsv"] = told.audit.table()
    texts |= {TREE: json.dumps(_tree(told), indent=1, ensure_ascii=False, allow_nan=False) + "\n"}
    texts[PAGE] = cohort_page(told)
    for name, text in texts.items():
        with written(folder / name) as draft:
            draft.write_text(text, encoding="utf-8")
    return folder / PAGE


def told_of(of: Judgements) -> Told:
    """Everything that the page says."""
    from metarisk.data.summary import summarise
    from metarisk.jobs.movers import movers_of_cohort
    from metarisk.report.cohort.told import Curves, Told
    from metarisk.train.calibration_bins import calibration_bins
    from metarisk.train.figures import OURS
    from metarisk.train.ranking_curves import ranking_curves
    from metarisk.train.risk_groups import observed_by_group

    ours = of.models[OURS]
    curves = Curves(
        observed_by_group(ours, of.held_out),
        ranking_curves(of.models, of.held_out),
        calibration_bins(ours, of.held_out),
    )
    return Told(
        name=of.samples.provenance.name,
        training=of.training,
        model=_model(of.bundle),
        heading=of.heading,
        summary=summarise(of.samples),
        **of.judgement._asdict(),
        versus=of.versus,
        curves=curves,
        movers=movers_of_cohort(of.bundle, of.samples),
        audit=None if of.training else audit_of_samples(of.bundle, of.samples),
        notes=of.notes,
        software=software(),
        learning=of.learning,
    )


def software() -> dict[str, str]:
    """Versions of what a figure may depend on."""
    import platform
    from importlib.metadata import version

    return {
        "metarisk": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in SOFTWARE},
    }


def audit_of_samples(bundle: ModelBundle, samples: Cohort) -> Audit | None:
    """Samples and their scores beside the training patients; None where the bundle says nothing of them."""
    from metarisk.models.scoring import score_cohort
    from metarisk.score.audit import audit_of
    from metarisk.score.counts import InputCounts, ScoreCounts
    from metarisk.score.report import Tally

    summary = bundle.reference.summary
    if not summary.distributions:
        return None
    seen, scored, tally = InputCounts(summary, bundle.transform), ScoreCounts(summary), Tally()
    scores = score_cohort(bundle, samples)
    seen.add(samples)
    scored.add(scores)
    tally.add(scores)
    return audit_of(summary, seen, scored, tally.report(bundle, samples.provenance, Path(), "", 0))


def _model(bundle: ModelBundle) -> Any:
    from metarisk.report.cohort.told import Model

    topology = bundle.topology
    return Model(
        name=bundle.name,
        version=bundle.version,
        sha256=bundle.sha256,
        experiment=bundle.experiment,
        provenance=bundle.provenance,
        members=len(bundle.ensemble.networks),
        weights=sum(weights.numel() for weights in bundle.ensemble.parameters()),
        graph=f"{topology.name}, {len(topology.genes):,} genes, {len(topology.pathways):,} pathways",
        card=bundle.card,
    )


def _table(table: pd.DataFrame, heading: Mapping[str, str], numbers: str = "%.4f") -> str:
    lines = [f"# {key}: {value}\n" for key, value in heading.items()]
    return "".join(lines) + table.to_csv(sep="\t", index=False, float_format=numbers, lineterminator="\n")


def _tree(told: Told) -> dict[str, Any]:
    """The page as plain values."""
    from metarisk.report.cohort.words import methods
    from metarisk.report.tripod import items

    model = told.model
    tables = {
        **{name: getattr(told, name) for name in ("figures", "subgroups", "decisions", "versus")},
        **told.curves.__dict__,
        **told.movers.tables,
    }
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "kind": "training" if told.training else "evaluation",
        "cohort": told.name,
        "model": {
            **{
                name: getattr(model, name)
                for name in ("name", "version", "sha256", "members", "weights", "graph")
            },
            "experiment": model.experiment.name,
            "provenance": dict(model.provenance),
        },
        "heading": dict(told.heading),
        "software": dict(told.software),
        "summary": asdict(told.summary),
        "notes": list(told.notes),
        "moves": {name: getattr(told.movers, name) for name in ("patients", "apart", "notes")},
        "audit": None if told.audit is None else told.audit.tree(),
        "methods": methods(told),
        "tripod": [item._asdict() for item in items(told)],
        "learning": {name: [list(epoch[:5]) for epoch in epochs] for name, epochs in told.learning.items()},
        "tables": {name: list(_rows(table)) for name, table in tables.items()},
    }


def _rows(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Rows as plain values with four digits behind the point, NaN as null."""
    for row in table.to_dict("records"):
        yield {
            str(name): None if pd.isna(value) else round(value, 4) if isinstance(value, float) else value
            for name, value in row.items()
        }
