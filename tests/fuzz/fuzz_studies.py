"""Damage small valid studies in every way that files are damaged, and see that metarisk never lies about one.

    python tests/fuzz/fuzz_studies.py --cases 10000 --seed 0

A case passes where the study is refused, or where every value that was read is what the damaged files
literally say (read by the slow reader beside this file) and whatever was not read has been told. A traceback
fails it, and so does a value that moved, changed or vanished without a word. Exit code 1 if a case fails.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from damage import BYTES, HARMLESS, OPEN, PLAIN, Damage, is_text_table
from slow_reader import Key, Said, UnreadableError, what_portal_says, what_tables_say
from studies import write_portal, write_tables

from metarisk.data.cohort import Cohort
from metarisk.data.store import write_cohort
from metarisk.data.study import StudyReading, inspect_study
from metarisk.errors import MetariskError
from metarisk.schema.assays import ASSAYS

KINDS = ("portal", "tables", "store", "h5mu")
BASES = 4  # studies that are drawn a kind; every case damages a copy of one
SLOW_READERS = {"portal": what_portal_says, "tables": what_tables_say}


@dataclass(frozen=True)
class Case:
    """One damaged study: the outcome is ``refused``, ``told``, ``same``, or what went wrong."""

    number: int
    kind: str
    damage: str
    file: str
    outcome: str
    wrong: str = ""


class LieError(Exception):
    """metarisk read something that does not stand there, or left something out without a word."""


def entry_of(kind: str, folder: Path) -> Path:
    """What is handed to metarisk."""
    return {"tables": folder / "study.yaml", "h5mu": folder / "cohort.h5mu"}.get(kind, folder)


def write_base(kind: str, folder: Path, rng: np.random.Generator) -> None:
    """A valid study of a kind."""
    if kind == "portal":
        write_portal(folder, rng)
    elif kind == "tables":
        write_tables(folder, rng)
    else:
        with tempfile.TemporaryDirectory() as room:
            source = Path(room) / "source"
            write_portal(source, rng)
            cohort = sound(inspect_study(source))
        if kind == "store":
            write_cohort(cohort, folder)
        else:
            from metarisk.data.annotated import write_h5mu

            folder.mkdir(parents=True)
            write_h5mu(cohort, folder / "cohort.h5mu")


def sound(reading: StudyReading) -> Cohort:
    """The cohort of a study that has no errors."""
    assert reading.cohort is not None, "\n".join(map(str, reading.findings))
    return reading.cohort


def choose(kind: str, folder: Path, rng: np.random.Generator) -> tuple[Damage, Path]:
    """A way to damage, and a file to damage."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if kind not in SLOW_READERS:
        return BYTES[int(rng.integers(len(BYTES)))], files[int(rng.integers(len(files)))]
    damages = (*HARMLESS, *PLAIN, *OPEN)
    damage = damages[int(rng.integers(len(damages)))]
    tables = [path for path in files if is_text_table(path)]
    anything = damage.__name__ in {"corrupt_a_byte", "flip_a_bit", "remove_a_byte", "insert_a_byte", "cut"}
    among = files if anything else tables
    return damage, among[int(rng.integers(len(among)))]


def values_of(cohort: Cohort) -> dict[Key, object]:
    """Every known value of a cohort; hotspots are left to their own tests."""
    known: dict[Key, object] = {}
    for name, frame in (("clinical", cohort.clinical), ("endpoint", cohort.endpoints)):
        for column in frame.columns:
            for sample, value in frame[column].dropna().items():
                known[(name, str(sample), str(column))] = value
    for assay, table in cohort.assays.items():
        for channel, name in enumerate(ASSAYS[assay].channels):
            level = table.values[..., channel]
            for n, g in np.argwhere(~np.isnan(level)):
                known[(assay.value, str(table.sample_ids[n]), table.genes[g], name)] = float(level[n, g])
    return {key: value for key, value in known.items() if key[-1] not in ("hotspot", "panel")}


def agrees(value: object, among: set[object]) -> bool:
    """True where the files say this value, to float32's precision."""
    if isinstance(value, str):
        return value in among
    return any(
        isinstance(said, float) and np.isclose(float(value), said, rtol=1e-5, atol=1e-6)  # type: ignore[arg-type]
        for said in among
    )


def judge(reading: StudyReading, said: Said, told_anew: bool, damage: Damage) -> str:
    """The outcome of a case whose files a slow reader can read; raises `LieError`."""
    if reading.cohort is None:
        if damage in HARMLESS:
            raise LieError("a harmless change was refused: " + "; ".join(map(str, reading.findings))[:400])
        return "refused"
    known = values_of(reading.cohort)
    for key, value in known.items():
        if not agrees(value, said.values.get(key, set())):
            raise LieError(f"{key} was read as {value!r}; the files say {said.values.get(key, 'nothing')!r}")
    expected = {*said.values, *said.unreadable}
    lost = [key for key in expected if key[1] in said.samples and key not in known]
    lost += [key for key in expected if key[1] not in said.samples and key[0] in ("clinical", "endpoint")]
    if lost and (not told_anew or damage in HARMLESS):
        raise LieError(f"{len(lost)} values were left out without a word, e.g. {lost[0]}")
    if damage in PLAIN and not told_anew:
        raise LieError("nothing was told")
    return "told" if told_anew else "same"


def run_case(number: int, seed: int, bases: Path) -> Case:
    """Damage one file of one study and judge what metarisk makes of it."""
    rng = np.random.default_rng([seed, number])
    kind = KINDS[int(rng.choice(len(KINDS), p=[0.42, 0.42, 0.08, 0.08]))]
    base = bases / kind / str(int(rng.integers(BASES)))
    with tempfile.TemporaryDirectory() as room:
        folder = Path(room) / "study"
        shutil.copytree(base, folder)
        damage, path = choose(kind, folder, rng)
        name = str(path.relative_to(folder))
        damage(path, rng)
        try:
            outcome, wrong = outcome_of(kind, folder, base, (damage, path)), ""
        except LieError as lie:
            outcome, wrong = "lie", str(lie)
        except Exception:
            outcome, wrong = "traceback", traceback.format_exc()
    return Case(number, kind, damage.__name__, name, outcome, wrong)


def outcome_of(kind: str, folder: Path, base: Path, done: tuple[Damage, Path]) -> str:
    """Refused, told or same; raises `LieError`."""
    damage, path = done
    before = inspect_study(entry_of(kind, base))
    try:
        reading = inspect_study(entry_of(kind, folder))
    except MetariskError as refused:
        if damage in HARMLESS:
            raise LieError(f"a harmless change was refused: {refused}") from refused
        return "refused"
    told_anew = bool(set(map(str, reading.findings)) - set(map(str, before.findings)))
    if kind not in SLOW_READERS:
        return judge_checksums(reading, sound(before))
    # A study file that was cut may declare less, perfectly well.
    return judge_text(SLOW_READERS[kind], folder, reading, (damage, told_anew or path.suffix == ".yaml"))


def judge_checksums(reading: StudyReading, before: Cohort) -> str:
    """The outcome of a case whose files carry checksums: refused, or nothing has changed."""
    if reading.cohort is None:
        return "refused"
    if values_of(reading.cohort) != values_of(before):
        raise LieError("a damaged file with checksums was read, and its values differ")
    return "same"


def judge_text(
    slow_reader: Callable[[Path], Said], folder: Path, reading: StudyReading, done: tuple[Damage, bool]
) -> str:
    """The outcome of a case of text files."""
    damage, told_anew = done
    try:
        said = slow_reader(folder)
    except (UnreadableError, KeyError) as caught:
        if reading.cohort is not None and not told_anew:
            raise LieError(f"read without a word, and a careful reader cannot: {caught!r}") from caught
        return "refused" if reading.cohort is None else "told"
    return judge(reading, said, told_anew, damage)


def cases(count: int, seed: int, first: int, processes: int) -> Iterator[Case]:
    """Run them over several processes, in the order they end."""
    with tempfile.TemporaryDirectory() as room:
        for kind in KINDS:
            for base in range(BASES):
                write_base(kind, Path(room) / kind / str(base), np.random.default_rng([seed, 999, base]))
        with Pool(processes) as pool:
            work = ((number, seed, Path(room)) for number in range(first, first + count))
            yield from pool.imap_unordered(_run, work, chunksize=16)


def _run(work: tuple[int, int, Path]) -> Case:
    return run_case(*work)


def main() -> int:
    """Run the cases of a command line; 1 if one of them fails."""
    from metarisk.cli.progress import progress

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--first", type=int, default=0, help="number of the first case; with --cases 1 it runs alone"
    )
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    start, done = time.monotonic(), []
    with progress() as report:
        for case in cases(asked.cases, asked.seed, asked.first, asked.processes):
            done.append(case)
            report("cases", len(done), asked.cases)
    failed = sorted(
        (case for case in done if case.outcome in ("lie", "traceback")), key=lambda case: case.number
    )
    show(done)
    for case in failed[:20]:
        print(
            f"\ncase {case.number}: {case.kind}, {case.damage} of {case.file}: {case.outcome}\n{case.wrong}"
        )
    print(f"\n{len(done)} cases, seed {asked.seed}: {len(failed)} failed; {time.monotonic() - start:.0f} s")
    return int(bool(failed))


def show(done: list[Case]) -> None:
    """A table of outcomes by kind of damage."""
    counts = Counter((case.damage, case.outcome) for case in done)
    outcomes = ("refused", "told", "same", "lie", "traceback")
    print(f"{'damage':<30}" + "".join(f"{outcome:>10}" for outcome in outcomes))
    for damage in sorted({case.damage for case in done}):
        print(f"{damage:<30}" + "".join(f"{counts[damage, outcome]:>10}" for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
