"""`metarisk benchmark reading`: a study read by metarisk, and its files by plain pandas, in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from metarisk.errors import InputError
from metarisk.files import placed
from metarisk.jobs.benchmark_process import Done, OnProgress, Stopwatch, Tell, in_own_process
from metarisk.jobs.benchmark_table import as_table

TABLE = "reading.tsv"
METARISK, PANDAS = "metarisk", "pandas.read_csv"


class Run(NamedTuple):
    """One run of a reader, or the median over its runs.

    Attributes
    ----------
    reader
        Who read; the ratio is metarisk over pandas.
    run
        Number of the run, or ``median``.
    rows
        Rows of all files, without headers.
    seconds, cpu_seconds
        From the first byte to the cohort or the frames; imports are left out.
    rows_per_cpu_second
        Rows over CPU seconds.
    peak_mib
        Most memory of the process, imports counted.
    """

    reader: str
    run: str
    rows: float
    seconds: float
    cpu_seconds: float
    rows_per_cpu_second: float
    peak_mib: float


def benchmark_reading(
    study: Path,
    out: Path,
    *,
    data_root: Path | None = None,
    runs: int = 5,
    overwrite: bool = False,
    on_progress: OnProgress = lambda what, done, of: None,
) -> tuple[Run, ...]:
    """Read a study in turn with both readers, each time in a fresh process.

    Parameters
    ----------
    study
        A cBioPortal study folder, or a study file that names one.
    out
        Folder to make for the table.
    data_root
        Folder that the study file's paths are relative to.
    runs
        Runs of each reader.
    overwrite
        Replace an earlier table.
    on_progress
        Told what is done, how far, and of how much.

    Returns
    -------
    tuple of Run
        Every run, the medians, and the ratio of the medians.

    Raises
    ------
    InputError
        If it is no cBioPortal study, or has errors.
    OutputError
        If ``out`` is taken or cannot be written.
    """
    files = table_files(study, data_root)
    with placed(out, overwrite=overwrite, marker=TABLE) as draft:
        measured: dict[str, list[Run]] = {METARISK: [], PANDAS: []}
        for number in range(1, runs + 1):
            stage = f"run {number} of {runs}"
            ours = in_own_process(
                read_ours, study, data_root, on_progress=on_progress, stage=f"{METARISK}, {stage}"
            )
            theirs = in_own_process(read_theirs, files, on_progress=on_progress, stage=f"{PANDAS}, {stage}")
            rows = theirs.result.rows
            for reader, done in ((METARISK, ours), (PANDAS, theirs)):
                measured[reader].append(_run(reader, str(number), rows, done))
        told = with_medians(measured)
        command = f"metarisk benchmark reading {study.name if study.is_absolute() else study} --runs {runs}"
        (draft / TABLE).write_text(as_table(Run._fields, told, command), encoding="utf-8")
    return told


def with_medians(measured: Mapping[str, Sequence[Run]]) -> tuple[Run, ...]:
    """Every run in turn, each reader's medians, and metarisk's medians over those of pandas."""
    medians = {
        reader: Run(
            reader, "median", *(float(median(column)) for column in list(zip(*runs, strict=True))[2:])
        )
        for reader, runs in measured.items()
    }
    ours, theirs = medians[METARISK][2:], medians[PANDAS][2:]
    ratio = Run(
        "metarisk / pandas", "median", *(mine / other for mine, other in zip(ours, theirs, strict=True))
    )
    every = [run for pair in zip(*measured.values(), strict=True) for run in pair]
    return (*every, *medians.values(), ratio)


def table_files(study: Path, data_root: Path | None) -> tuple[Path, ...]:
    """Every table that reading the study opens: data files, gene panels and the table of genes.

    Raises
    ------
    InputError
        If it is no cBioPortal study.
    """
    from metarisk.config.load import load_study_file
    from metarisk.data.cbioportal.meta import read_metas

    declared = load_study_file(study) if study.is_file() else None
    root = study if declared is None else (data_root or study.parent)
    folder = root if declared is None else root / declared.folder
    extra = () if declared is None else (declared.panels, declared.genes)
    data = [meta.file for meta in read_metas(folder, [])]
    if not data:
        raise InputError(
            f"{study} is no cBioPortal study",
            expected="a folder with meta files, or a study file that names one",
            do="Name one, such as configs/studies/msk_met.yaml with its --data-root.",
        )
    tables = [root / file for file in extra if file is not None]
    return (*data, *(path for path in tables if path.is_file()))


class Read(NamedTuple):
    """What a reader read, and how long it took."""

    rows: int
    watch: Stopwatch


def read_ours(study: Path, data_root: Path | None, *, tell: Tell) -> Read:
    """Cohort of the study; counts its samples."""
    from metarisk.data.study import read_study

    watch = Stopwatch()
    with watch.running():
        cohort = read_study(study, data_root=data_root)
    tell(1, 1)
    return Read(len(cohort), watch)


def read_theirs(files: Sequence[Path], *, tell: Tell) -> Read:
    """Frames of the files, all held at once as the cohort's parts are; counts their rows."""
    import pandas as pd

    skipped = {path: _comments(path) for path in files}
    watch = Stopwatch()
    with watch.running():
        frames = [pd.read_csv(path, sep="\t", skiprows=skipped[path], low_memory=False) for path in files]
    tell(1, 1)
    return Read(sum(map(len, frames)), watch)


def _comments(path: Path) -> int:
    """Lines before the header that begin with ``#``."""
    if path.suffix == ".gz":
        return 0
    with path.open("rb") as lines:
        return next((number for number, line in enumerate(lines) if not line.startswith(b"#")), 0)


def _run(reader: str, run: str, rows: int, done: Done[Read]) -> Run:
    watch = done.result.watch
    return Run(reader, run, rows, watch.seconds, watch.cpu_seconds, rows / watch.cpu_seconds, done.peak_mib)
