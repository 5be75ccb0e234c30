"""`metarisk benchmark consumers`: what MLflow's ways to a model cost beyond the model itself."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.request import Request, urlopen

from metarisk.errors import ResourceError
from metarisk.files import placed
from metarisk.jobs.benchmark_process import OnProgress, Stopwatch
from metarisk.jobs.benchmark_table import as_table
from metarisk.jobs.model_server import consumer_environment, model_server

if TYPE_CHECKING:
    import pandas as pd

TABLE = "consumers.tsv"
MODEL = "models:/consumers@champion"
PANEL, TRANSCRIPTOME = "panel, 300 genes", "expression, 20,000 genes"
AT_A_TIME = 500  # samples of one call: maps of 20,000 genes hold a MiB each
SERVED = 100  # samples of the largest request
CLOCKS = ("seconds", "cpu_seconds")
LOAD = {
    "bundle": "import pathlib, metarisk.models.bundle as m; m.load_bundle(pathlib.Path({0!r}))",
    "pyfunc": "import mlflow; mlflow.pyfunc.load_model({1!r})",
}


class Row(NamedTuple):
    """Milliseconds of one way to the answers, the median of its runs.

    Attributes
    ----------
    samples
        Their number; 0 for loading in a fresh process, imports counted.
    kind
        What is measured of each.
    consumer
        ``score_cohort`` (a cohort in memory), ``cohort_of`` (rows to that cohort), ``pyfunc`` (rows to
        scores, both inside), ``http`` (the same as JSON through MLflow's server).
    ms
        On the wall.
    cpu_ms
        Of this process; NaN where another does the work.
    ms_a_sample
        ``ms`` over the samples.
    over_score_cohort
        Times those of ``score_cohort``, by ``cpu_ms``, of ``http`` by ``ms``.
    """

    samples: int
    kind: str
    consumer: str
    ms: float
    cpu_ms: float
    ms_a_sample: float
    over_score_cohort: float


def benchmark_consumers(
    bundle: Path,
    out: Path,
    *,
    samples: tuple[int, ...] = (1, 100, 5000),
    runs: int = 3,
    overwrite: bool = False,
    on_progress: OnProgress = lambda what, done, of: None,
) -> tuple[Row, ...]:
    """Ask one model for the same samples in memory, through its pyfunc, and over HTTP.

    Parameters
    ----------
    bundle
        The model.
    out
        Folder to make.
    samples
        Numbers of samples. HTTP is asked for up to `SERVED`; more than `AT_A_TIME` are asked for in turn.
    runs
        Runs of each measurement; of more than `SERVED` samples one.
    overwrite
        Replace a table that stands there.
    on_progress
        Told what is measured.

    Raises
    ------
    BundleError
        If it is no whole and unaltered bundle.
    OutputError
        If ``out`` is taken or cannot be written.
    ResourceError
        If MLflow's server does not start.
    """
    from metarisk.tracking.registry import publish_bundle
    from metarisk.tracking.store import default_uri

    with placed(out, overwrite=overwrite, marker=TABLE) as draft, tempfile.TemporaryDirectory() as scratch:
        uri = default_uri(Path(scratch))
        on_progress("publishing", 0, 1)
        publish_bundle(bundle, name="consumers", alias="champion", uri=uri)
        rows = list(_load_times(bundle, uri, runs))
        starting = Stopwatch()
        with ExitStack() as held:
            with starting.running():
                address = held.enter_context(model_server(MODEL, uri, Path(scratch) / "log"))
            rows.append(_row(0, "load", "serve", [starting]))
            rows += _answers(bundle, uri, address, samples, runs, on_progress)
        command = f"metarisk benchmark consumers BUNDLE --runs {runs}"
        (draft / TABLE).write_text(as_table(Row._fields, rows, command), encoding="utf-8")
    return tuple(rows)


def made_rows(genes: tuple[str, ...], kind: str, count: int) -> pd.DataFrame:
    """Rows of samples that measured ``kind``: a panel of calls, or a transcriptome.

    Parameters
    ----------
    genes
        Genes that the model knows; made-up ones fill the rest.
    kind
        `PANEL` or `TRANSCRIPTOME`.
    count
        Samples; each hundredth has the same values.
    """
    import numpy as np
    import pandas as pd

    draw = np.random.default_rng(0)
    if kind == PANEL:
        named = [*genes, *(f"OTHER{at}" for at in range(300))][:300]
        maps = [_calls(named, draw.random(300) < 0.02) for _ in range(min(count, 100))]
        assay, unit = "mutation", None
    else:
        named = [*genes, *(f"OTHER{at}" for at in range(20_000))][:20_000]
        values = draw.normal(5, 1, size=(min(count, 100), len(named))).astype(np.float32)
        maps = [dict(zip(named, row.tolist(), strict=True)) for row in values]
        assay, unit = "expression", "log2_tpm"
    columns: dict[str, object] = {
        "sample_id": [f"S{at}" for at in range(count)],
        "age_years": [60.0] * count,
        assay: pd.Series([maps[at % len(maps)] for at in range(count)], dtype=object),
    }
    return pd.DataFrame(columns if unit is None else {**columns, f"{assay}_unit": [unit] * count})


def _calls(genes: list[str], altered: Any) -> dict[str, float]:
    return {
        f"{gene}:missense" if there else gene: float(there)
        for gene, there in zip(genes, altered, strict=True)
    }


def _load_times(bundle: Path, uri: str, runs: int) -> Iterator[Row]:
    for consumer, code in LOAD.items():
        words = code.format(str(bundle), MODEL)
        yield _row(0, "load", consumer, [_process(words, uri) for _ in range(runs)])


def _process(code: str, uri: str) -> Stopwatch:
    watch = Stopwatch()
    with watch.running():
        ended = subprocess.run(
            [sys.executable, "-c", code],
            env=consumer_environment(uri),
            capture_output=True,
            text=True,
            check=False,
        )
    if ended.returncode:
        raise ResourceError(f"a process ended with {ended.stderr[-300:]}", do="Run the code by hand.")
    return watch


def _answers(
    bundle: Path, uri: str, address: str, samples: tuple[int, ...], runs: int, on_progress: OnProgress
) -> Iterator[Row]:
    """Every way, for each kind and number of samples."""
    from metarisk.models.bundle import load_bundle
    from metarisk.tracking.store import load_mlflow

    mlflow = load_mlflow()
    mlflow.set_tracking_uri(uri)
    model, loaded = mlflow.pyfunc.load_model(MODEL), load_bundle(bundle)
    asked = [(kind, count) for kind in (PANEL, TRANSCRIPTOME) for count in samples]
    for done, (kind, count) in enumerate(asked):
        on_progress("asking", done, len(asked))
        rows = made_rows(loaded.topology.genes, kind, count)
        ways = _ways(loaded, model, address, rows)
        watches = {consumer: _timed(ask, count, runs) for consumer, ask in ways.items()}
        for consumer, told in watches.items():
            yield _row(count, kind, consumer, told, watches["score_cohort"])
    on_progress("asking", len(asked), len(asked))


def _ways(loaded: Any, model: Any, address: str, rows: pd.DataFrame) -> dict[str, Callable[[], object]]:
    from metarisk.data.rows import cohort_of
    from metarisk.models.scoring import score_cohort

    parts = [rows.iloc[start : start + AT_A_TIME] for start in range(0, len(rows), AT_A_TIME)]
    cohorts = [cohort_of(part, "rows") for part in parts] if len(parts) == 1 else None
    ways: dict[str, Callable[[], object]] = {
        "score_cohort": lambda: [score_cohort(loaded, cohort) for cohort in cohorts or []],
        "cohort_of": lambda: [cohort_of(part, "rows") for part in parts],
        "pyfunc": lambda: [model.predict(part) for part in parts],
    }
    if cohorts is None:
        # One part in memory at a time, scored again and again: equal work.
        whole = cohort_of(parts[0], "rows")
        ways["score_cohort"] = lambda: [score_cohort(loaded, whole) for _ in parts]
    if len(rows) <= SERVED:
        body = json.dumps({"dataframe_records": rows.to_dict("records")}).encode()
        ways["http"] = lambda: _post(address, body)
    return ways


def _post(address: str, body: bytes) -> object:
    request = Request(f"{address}/invocations", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=600) as answer:
        return json.loads(answer.read())


def _timed(ask: Callable[[], object], count: int, runs: int) -> list[Stopwatch]:
    """Runs of one way, after one that is not counted; of many samples a single one."""
    watches = [Stopwatch() for _ in range(1 + (runs if count <= SERVED else 0))]
    for watch in watches:
        with watch.running():
            ask()
    return watches[1:] or watches


def _row(
    samples: int,
    kind: str,
    consumer: str,
    told: Sequence[Stopwatch],
    beside: Sequence[Stopwatch] | None = None,
) -> Row:
    none = float("nan")
    wall, cpu = (median(getattr(watch, clock) for watch in told) * 1000 for clock in CLOCKS)
    if beside is None or consumer == "http":
        cpu = none  # it is spent in another process
    over = none
    if beside is not None:
        clock = CLOCKS[0] if consumer == "http" else CLOCKS[1]
        over = median(getattr(one, clock) for one in told) / median(getattr(one, clock) for one in beside)
    return Row(samples, kind, consumer, wall, cpu, wall / samples if samples else none, over)
