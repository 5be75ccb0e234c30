"""`metarisk benchmark repeat`: make committed tables again, each from its configuration, and compare."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from metarisk.config import load_experiment
from metarisk.errors import ConfigError, InputError
from metarisk.files import written
from metarisk.jobs.benchmark_compare import benchmark_compare
from metarisk.jobs.benchmark_graph import benchmark_graph
from metarisk.jobs.benchmark_index import benchmark_index
from metarisk.jobs.benchmark_table import as_table
from metarisk.jobs.benchmark_unseen import benchmark_unseen
from metarisk.jobs.compared_parts import ComparedPart
from metarisk.jobs.part_workers import OnProgress
from metarisk.jobs.repeated_table import StoredTable, difference

TABLE = "repeated.tsv"
RESTS_ON = {
    "cohort_sha256": "data",
    "topology_sha256": "topology",
    "split": "split",
    "seed": "seed",
    "versions": "versions",
}


class Repeated(NamedTuple):
    """A committed table beside the one made now.

    Attributes
    ----------
    table
        Name of the committed table.
    config
        Configuration of the same hash.
    rows, figures
        Of the table; a figure is a number in it.
    equal
        Figures that came out the same to the last digit written.
    largest, where
        Largest absolute difference of two figures, p values apart, and its row and column; infinite where a
        word or the number of rows differs.
    largest_p
        Largest absolute difference of two p values.
    other
        What the two rest on that differs: data, topology, split, seed or versions of libraries.
    fit_seconds
        Of all models, when they were fitted.
    """

    table: str
    config: str
    rows: int
    figures: int
    equal: int
    largest: float
    where: str
    largest_p: float
    other: str
    fit_seconds: float


class _Result(Protocol):
    @property
    def parts(self) -> tuple[ComparedPart, ...]: ...


def _index(config: Path, *, workers: int, **asked: Any) -> _Result:
    """One process does it, whatever is asked."""
    del workers
    return benchmark_index(config, **asked)


JOBS: Mapping[str, Callable[..., _Result]] = {
    "compare": benchmark_compare,
    "graph": benchmark_graph,
    "index": _index,
    "unseen": benchmark_unseen,
}


class _Run(NamedTuple):
    """A command and its configuration; several tables may come from one."""

    verb: str
    config: Path

    @property
    def folder(self) -> str:
        return f"{self.verb}_{self.config.stem}"


def benchmark_repeat(
    tables: Sequence[Path],
    *,
    out: Path,
    configs: Path,
    data_root: Path | None = None,
    workers: int = 1,
    on_progress: OnProgress = lambda what, done, of: None,
) -> list[Repeated]:
    """Find the configuration of each table by its hash, run it, and compare what comes out cell by cell.

    Tables of one run (its figures, subgroups and decisions) share it. A run that was stopped goes on in its
    folder, ``out/VERB_NAME``.

    Parameters
    ----------
    tables
        Written by `metarisk benchmark` ``compare``, ``graph``, ``unseen`` or ``index``.
    out
        Folder of the runs and of `TABLE`; it may stand already.
    configs
        Folder that is searched for configurations, with all below it.
    data_root
        Folder that a study file's paths are relative to, in place of the configuration's.
    workers
        Processes of a run, one thread each.
    on_progress
        Told what is done, how far, and of how much.

    Raises
    ------
    ConfigError
        If no configuration has a table's hash: it was made from another one.
    MetariskError
        If a table, a configuration or its data cannot be used, or the columns differ.
    """
    by_hash = experiments_below(configs)
    runs: dict[_Run, list[StoredTable]] = {}
    for path in tables:
        table = StoredTable.read(path)
        runs.setdefault(_run_of(table, by_hash, configs), []).append(table)
    rows: list[Repeated] = []
    for run, group in runs.items():
        folder = out / run.folder
        result = JOBS[run.verb](
            run.config, out=folder, data_root=data_root, workers=workers, on_progress=on_progress
        )
        spent = sum(part.seconds for part in result.parts)
        rows.extend(_beside(table, run, folder, spent) for table in group)
    command = f"metarisk benchmark repeat {' '.join(path.name for path in tables)} --out {out.name}"
    with written(out / TABLE) as draft:
        draft.write_text(as_table(Repeated._fields, rows, f"{command} --workers {workers}"), encoding="utf-8")
    return rows


def experiments_below(folder: Path) -> dict[str, Path]:
    """Hash -> file, for each experiment below a folder; studies and services are no experiments."""
    found = {}
    for path in sorted(folder.rglob("*.yaml")):
        try:
            found[load_experiment(path).sha256] = path
        except ConfigError:
            continue
    return found


def _run_of(table: StoredTable, by_hash: Mapping[str, Path], configs: Path) -> _Run:
    words = table.heading.get("command", "").split()
    verb = words[2] if words[:2] == ["metarisk", "benchmark"] and len(words) > 2 else ""
    if verb not in JOBS or "config_sha256" not in table.heading:
        raise InputError(
            f"{table.path} does not come from a configuration",
            expected=f"a table of metarisk benchmark {', '.join(JOBS)}",
            do="Its first line tells the command that makes it again.",
        )
    config = by_hash.get(table.heading["config_sha256"])
    if config is None:
        raise ConfigError(
            f"no configuration below {configs} has the hash of {table.path}",
            expected=table.heading["config_sha256"],
            do="Name the folder of the configuration with --configs; if it has changed, make the table anew.",
        )
    return _Run(verb, config)


def _beside(table: StoredTable, run: _Run, folder: Path, spent: float) -> Repeated:
    made = _counterpart(table, folder)
    other = [name for key, name in RESTS_ON.items() if table.heading.get(key) != made.heading.get(key)]
    return Repeated(
        table.path.name,
        run.config.name,
        len(table.cells),
        *difference(table.cells, made.cells),
        ", ".join(other),
        spent,
    )


def _counterpart(table: StoredTable, folder: Path) -> StoredTable:
    """The table of a run that has the columns of a committed one."""
    made: Iterator[StoredTable] = map(StoredTable.read, sorted(folder.glob("*.tsv")))
    columns = list(table.cells.columns)
    for candidate in made:
        if list(candidate.cells.columns) == columns:
            return candidate
    raise InputError(
        f"no table of this run has the columns of {table.path}",
        expected=", ".join(columns),
        do="What is told has changed since; make the table anew and commit it.",
    )
