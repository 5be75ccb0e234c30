"""Every table of a folder of plain tables, to the parts of a cohort."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from metarisk.config.study import AssayFile, CellsFile, StudyFile
from metarisk.data.annotated.pseudobulk import read_cells
from metarisk.data.clinical import map_clinical
from metarisk.data.cohort import AssayTable
from metarisk.data.endpoints import read_endpoints
from metarisk.data.found import Found, error
from metarisk.data.matrices import stack_tables
from metarisk.data.plain.assays_only import with_assays_only
from metarisk.data.plain.calls import read_calls
from metarisk.data.plain.clinical import clinical_source
from metarisk.data.plain.dated import read_dated
from metarisk.data.plain.matrices import read_assay
from metarisk.data.plain.place import inside
from metarisk.data.setting import Parts, Setting
from metarisk.data.source import (
    COHORT_SEPARATOR,
    ClinicalSource,
    keep_rows,
    tell_repeated_patients,
    tell_unknown_samples,
)
from metarisk.schema.assays import Assay
from metarisk.schema.findings import Finding, Level


def read_tables(setting: Setting, found: Found) -> Parts | None:
    """Every table that the study file names; None where the clinical one cannot be read.

    Parameters
    ----------
    setting
        The study, its folder and genes.
    found
        Receives everything that is wrong with it.
    """
    study = setting.study
    if study.clinical_file is None:
        found.append(
            error("study file", "names no clinical_file", "Add the section, or set format: cbioportal.")
        )
        return None
    whole = clinical_source(setting.folder, study.clinical_file, found)
    if whole is None:
        return None
    source = keep_rows(whole, study.keep, found)
    left_out = frozenset(whole.sample_ids) - frozenset(source.sample_ids)
    assays = _assays(setting, whole, found)
    if study.clinical_file.assays_only == "keep":
        source = with_assays_only(source, study.clinical_file, assays, left_out, found)
    tell_repeated_patients(source, found)
    for table in assays:
        tell_unknown_samples(table.sample_ids, source.sample_ids, left_out, str(table.assay), found)
    return Parts(
        map_clinical(source, study, found),
        read_endpoints(source, study.endpoints, found),
        tuple(assays),
        tuple(dict.fromkeys(_files(setting.folder, study))),
        read_dated(setting, whole, source, found),
    )


def _assays(setting: Setting, source: ClinicalSource, found: Found) -> list[AssayTable]:
    """One table an assay, of all matrices and lists that the study file declares."""
    tables: list[AssayTable | None] = []
    for declared in setting.study.assays:
        tables += _of_one_form(declared, setting, source, found)
    tables += [read_calls(declared, setting, source, found) for declared in setting.study.calls]
    for cells in setting.study.cells:
        tables += _of_cells(cells, setting, found)
    return _by_assay([table for table in tables if table is not None], found)


def _of_one_form(
    declared: AssayFile, setting: Setting, source: ClinicalSource, found: Found
) -> list[AssayTable | None]:
    """Matrices of the same form; a warning of the same kind in several of them is told once."""
    told: Found = []
    tables = [read_assay(matrix, setting, source, told) for matrix in declared.matrices()]
    found.extend(finding for finding in told if finding.level is Level.ERROR)
    found.extend(_once([finding for finding in told if finding.level is Level.WARNING]))
    return tables


def _once(told: Sequence[Finding]) -> Iterator[Finding]:
    """Of warnings that give the same advice about several files the first, with the number of the others."""
    of_file: Counter[tuple[str, str]] = Counter()
    alike: dict[tuple[str, int], list[Finding]] = {}
    for finding in told:
        # The second of a kind in one file meets the second of that kind in another.
        place = of_file[finding.file, finding.do]
        of_file[finding.file, finding.do] += 1
        alike.setdefault((finding.do, place), []).append(finding)
    for first, *others in alike.values():
        likewise = f"; likewise in {len(others)} more files" if others else ""
        yield replace(first, message=first.message + likewise)


def _of_cells(declared: CellsFile, setting: Setting, found: Found) -> list[AssayTable]:
    path = inside(setting.folder, declared.file, found)
    prefix = "" if declared.cohort is None else declared.cohort + COHORT_SEPARATOR
    return [] if path is None else read_cells(path, declared, prefix, setting, found)


def _by_assay(tables: Sequence[AssayTable], found: Found) -> list[AssayTable]:
    grouped: dict[Assay, list[AssayTable]] = {}
    for table in tables:
        grouped.setdefault(table.assay, []).append(table)
    return [stack_tables(group, found) for group in grouped.values()]


def _files(folder: Path, study: StudyFile) -> Iterator[Path]:
    """Every file of the study that is read."""
    if study.clinical_file is not None:
        yield folder / study.clinical_file.file
        yield from (folder / further.file for further in study.clinical_file.further)
    for declared in study.assays:
        if declared.sheet is not None:
            yield folder / declared.sheet.file
            yield from sorted(path for path in (folder / declared.file).rglob("*") if path.is_file())
        else:
            yield from (folder / matrix.file for matrix in declared.matrices())
        if declared.names is not None:
            yield folder / declared.names.file
    yield from (folder / calls.file for calls in study.calls)
    yield from (folder / cells.file for cells in study.cells)
    yield from (folder / dated.file for dated in study.dated)
