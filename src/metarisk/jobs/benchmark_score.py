"""`metarisk benchmark score`: tables of growing length scored, and whether memory grows with them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from metarisk.files import placed
from metarisk.jobs.benchmark_cohort import UNITS
from metarisk.jobs.benchmark_process import OnProgress, Stopwatch, Tell, in_own_process
from metarisk.jobs.benchmark_table import as_table
from metarisk.schema.assays import Assay

if TYPE_CHECKING:
    from metarisk.models.bundle import ModelBundle

TABLE, SAMPLES, SCORES = "score.tsv", "samples.parquet", "scores"
ROWS_AT_A_TIME = 2048


class Leg(NamedTuple):
    """One table, scored.

    Attributes
    ----------
    samples, genes
        Rows, and genes of each assay in each of them.
    workers
        Of Ray; 0 if the process itself scored.
    table_mb
        The table's file, 1e6 bytes.
    first_s
        From the start of the job to the first part of scores, the model's reading and Ray's start included;
        imports are not.
    seconds, cpu_seconds
        Of the job; Ray's workers are not in the second.
    per_s, per_cpu_s
        Samples a second, on the wall and of one thread; the second is NaN with Ray.
    peak_mib
        Most memory of its process, Ray's workers not included.
    """

    samples: int
    genes: int
    workers: int
    table_mb: float
    first_s: float
    seconds: float
    cpu_seconds: float
    per_s: float
    per_cpu_s: float
    peak_mib: float


class Scored(NamedTuple):
    """A job as its process saw it."""

    first_s: float
    watch: Stopwatch


def benchmark_score(  # noqa: PLR0913  (an option each)
    model: str,
    samples: Sequence[int],
    genes: int,
    seed: int,
    out: Path,
    *,
    workers: Sequence[int] = (0,),
    tracking_uri: str | None = None,
    overwrite: bool = False,
    on_progress: OnProgress = lambda what, done, of: None,
) -> tuple[Leg, ...]:
    """Draw tables of samples, score each, and measure; ``out`` holds ``score.tsv`` in the end.

    Parameters
    ----------
    model
        Bundle folder or registered model.
    samples
        Lengths N of the tables.
    genes
        Genes of each assay that the model reads: calls, copy ratios and expression.
    seed
        Of the values.
    out
        Folder to make; room for the longest table and its scores is needed beside it.
    workers
        Numbers of Ray's workers that each table is scored with; 0 is without Ray.
    tracking_uri
        Registry of a ``models:/`` name.
    overwrite
        Replace an earlier table.
    on_progress
        Told what is done, how far, and of how much.

    Raises
    ------
    BundleError, RegistryError
        If the model cannot be opened.
    OutputError
        If ``out`` is taken or cannot be written.
    ResourceError
        If Ray is asked for and is not installed or does not start.
    """
    from metarisk.jobs.opening import open_model

    bundle = open_model(model, tracking_uri=tracking_uri)
    legs: list[Leg] = []
    with placed(out, overwrite=overwrite, marker=TABLE) as draft:
        for size in samples:
            table = draft / SAMPLES
            write_table(bundle, size, genes, seed, table)
            for count in workers:
                done = in_own_process(
                    score,
                    model,
                    table,
                    draft / SCORES,
                    tracking_uri,
                    count,
                    on_progress=on_progress,
                    stage=f"{size} samples, {f'{count} workers of Ray' if count else 'one process'}",
                )
                legs.append(_leg(size, genes, count, table, done.result, done.peak_mib))
                shutil.rmtree(draft / SCORES)
            table.unlink()
        options = " ".join(
            [*(f"--samples {size}" for size in samples), *(f"--workers {count}" for count in workers)]
        )
        command = f"metarisk benchmark score MODEL {options} --genes {genes} --seed {seed} --out {out.name}"
        (draft / TABLE).write_text(as_table(Leg._fields, legs, command), encoding="utf-8")
    return tuple(legs)


def _leg(size: int, genes: int, workers: int, table: Path, scored: Scored, peak_mib: float) -> Leg:
    seconds, cpu = scored.watch.seconds, scored.watch.cpu_seconds
    return Leg(
        size,
        genes,
        workers,
        table_mb=table.stat().st_size / 1e6,
        first_s=scored.first_s,
        seconds=seconds,
        cpu_seconds=cpu,
        per_s=size / seconds,
        per_cpu_s=np.nan if workers else size / cpu,
        peak_mib=peak_mib,
    )


def score(
    model: str, table: Path, out: Path, tracking_uri: str | None, workers: int, *, tell: Tell
) -> Scored:
    """Score a table as the command does."""
    import metarisk.models.scoring  # noqa: F401  (imports are not the job's)
    from metarisk.jobs.score import score as run
    from metarisk.score.ray_connection import RayPlan

    watch, started, first = Stopwatch(), time.perf_counter(), [0.0]

    def progress(stage: str, done: int, of: int) -> None:
        first[0] = first[0] or time.perf_counter() - started
        if stage == "scoring":
            tell(done, of)

    with watch.running():
        plan = RayPlan(workers) if workers else None
        run(model, table, out, tracking_uri=tracking_uri, ray=plan, progress=progress)
    return Scored(first[0], watch)


def write_table(bundle: ModelBundle, samples: int, genes: int, seed: int, file: Path) -> None:
    """Draw a table of samples in the row format, some rows at a time.

    Parameters
    ----------
    bundle
        Its genes and levels are used.
    samples, genes, seed
        Length N, genes of each assay, and seed of the values.
    file
        Parquet file to make.
    """
    named = {assay: scale.genes[:genes] for assay, scale in bundle.transform.scales.items() if assay in UNITS}
    types = list(bundle.transform.levels.get("cancer_type", ())[:-1]) or ["other"]
    rng, writer = np.random.default_rng(seed), None
    try:
        for start in range(0, samples, ROWS_AT_A_TIME):
            part = _draw(np.arange(start, min(start + ROWS_AT_A_TIME, samples)), named, types, rng)
            writer = writer or pq.ParquetWriter(
                file, part.schema, compression="zstd", write_page_checksum=True
            )
            writer.write_table(part)
    finally:
        if writer is not None:
            writer.close()


def _draw(
    numbers: NDArray[np.intp],
    named: Mapping[Assay, Sequence[str]],
    types: Sequence[str],
    rng: np.random.Generator,
) -> pa.Table:
    n = len(numbers)
    columns = {
        "sample_id": [f"S{number:08d}" for number in numbers],
        "patient_id": [f"P{number:08d}" for number in numbers],
        "age_years": rng.normal(62, 8, n).clip(20, 95).round(1),
        "cancer_type": rng.choice(list(types), n),
    }
    for assay, genes in named.items():
        columns[assay.value] = _maps(assay, genes, n, rng)
        columns[f"{assay.value}_unit"] = [UNITS[assay]] * n
    return pa.table(columns)


def _maps(assay: Assay, genes: Sequence[str], n: int, rng: np.random.Generator) -> pa.MapArray:
    keys = [f"{gene}:missense" for gene in genes] if assay is Assay.MUTATION else list(genes)
    shape = (n, len(keys))
    if assay is Assay.MUTATION:
        values = (rng.random(shape) < 0.05).astype(np.float64)
    elif assay is Assay.COPY_NUMBER:
        values = rng.normal(0.0, 0.4, shape).round(3)
    else:
        values = np.abs(rng.normal(4.0, 2.0, shape)).round(3)
    offsets = np.arange(n + 1, dtype=np.int32) * len(keys)
    return pa.MapArray.from_arrays(offsets, pa.array(keys * n), pa.array(values.ravel()))
