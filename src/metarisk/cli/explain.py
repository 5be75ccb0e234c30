"""`metarisk explain MODEL INPUT --out FOLDER`: what each answer is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metarisk.cli.options import DataRoot, Input, Model, Overwrite, TrackingUri


def explain(  # noqa: PLR0913, PLR0917  (an option each)
    model: Model,
    samples: Input,
    out: Annotated[Path, typer.Option(help="Folder to make for tables, states and figures.")],
    task: Annotated[
        list[str] | None,
        typer.Option(
            help="Answer to explain: site.bone, response, metastasis or metastasis@365; repeatable."
        ),
    ] = None,
    sample: Annotated[
        list[str] | None, typer.Option("--samples", help="Id of a sample to explain; repeatable.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Parts of a kind kept for a sample and answer.")] = 10,
    permutations: Annotated[
        int, typer.Option(min=19, help="How often outcomes are permuted within cancer types.")
    ] = 199,
    seed: Annotated[int, typer.Option(help="Of the permutations.")] = 0,
    data_root: DataRoot = None,
    tracking_uri: TrackingUri = None,
    overwrite: Overwrite = False,
) -> None:
    """Take each answer apart: by assay, gene, edge and pathway, sample by sample and for the cohort.

    Shares are log odds and add up to the answer minus that of the average training patient; the members of
    the ensemble say how stable they are. With outcomes in the input, permutation p-values say whether what
    the model reads of a part holds on patients it has not seen. EMT, hypoxia and other states stand
    beside, with percentiles among training patients and in the cohort. A part that matters to a model is not
    thereby a cause.
    """
    from metarisk.cli.progress import progress
    from metarisk.cli.show import show_facts, show_notes, show_table
    from metarisk.jobs.explain import Asked
    from metarisk.jobs.explain import explain as run

    asked = Asked(tuple(task or ()), tuple(sample or ()), top, permutations, seed)
    with progress() as on_progress:
        result = run(
            model,
            samples,
            out,
            asked=asked,
            data_root=data_root,
            tracking_uri=tracking_uri,
            overwrite=overwrite,
            progress=on_progress,
        )
    strongest = result.strongest
    show_table(list(strongest.columns), strongest.astype(str).to_numpy().tolist())
    show_notes(result.notes)
    show_facts(
        {
            "samples": result.samples,
            "left out": ", ".join(f"{reason} {count}" for reason, count in result.left_out.items()),
            "by sample": f"{out / 'attributions.parquet'}, answers.tsv, states.tsv",
            "by cohort": "cohort_assays.tsv, cohort_genes.tsv, cohort_edges.tsv, cohort_pathways.tsv",
            "checks": "completeness.tsv, summary.json",
            "figures": "circuits.png, network_*.svg, captions.md",
        }
    )
