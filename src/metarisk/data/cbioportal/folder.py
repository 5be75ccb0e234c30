"""A whole study folder to the parts of a cohort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from metarisk.config.study import EndpointColumns, StudyFile
from metarisk.data.cbioportal.alterations import READERS, read_alterations
from metarisk.data.cbioportal.case_lists import tell_samples_lost
from metarisk.data.cbioportal.matrices import mask_unmeasured, read_matrix
from metarisk.data.cbioportal.meta import (
    META_STUDY,
    Meta,
    declared_build,
    licence_in,
    read_fields,
    read_metas,
    tell_study,
)
from metarisk.data.cbioportal.patients import read_patients
from metarisk.data.cbioportal.profiles import choose_matrices, is_matrix
from metarisk.data.cbioportal.scope import PROFILE_COLUMNS, Scope, scope_of
from metarisk.data.cbioportal.timeline import is_timeline, read_timeline
from metarisk.data.clinical import map_clinical
from metarisk.data.cohort import AssayTable
from metarisk.data.dated import unite_dated
from metarisk.data.endpoints import read_endpoints, usual_endpoints
from metarisk.data.found import Found, warning
from metarisk.data.plain.dated import read_dated
from metarisk.data.profile import Seen, panel_names, profile_of
from metarisk.data.setting import Parts, Setting
from metarisk.data.source import keep_rows, tell_repeated_patients, tell_unknown_samples

# Kinds that are read, or that hold nothing to read, beside the assays.
OTHER_KINDS = frozenset({"CLINICAL", "GENE_PANEL_MATRIX", "CANCER_TYPE"})
# Why a known kind is left out.
LEFT_OUT = {
    "MUTATION_UNCALLED": "holds mutations that were not called in these samples",
    "GISTIC_GENES_AMP": "tells genes of the cohort, not of its samples",
    "GISTIC_GENES_DEL": "tells genes of the cohort, not of its samples",
    "MUTSIG": "tells genes of the cohort, not of its samples",
}


def is_study_folder(folder: Path) -> bool:
    """True for a folder with a study's meta file, or with any meta file of a study that lost it."""
    return folder.is_dir() and any(folder.glob("meta_*.txt"))


def default_study(folder: Path) -> StudyFile:
    """What a study folder without a study file means: the portal's usual columns."""
    ignored: Found = []
    fields = read_fields(folder / META_STUDY, ignored)
    name = fields.get("cancer_study_identifier") or folder.resolve().name
    return StudyFile(name=name, folder=Path())


def read_folder(setting: Setting, found: Found) -> Parts | None:
    """Every table of a study folder; None where it has no samples to speak of.

    Parameters
    ----------
    setting
        The study, its folder, genes and panels.
    found
        Receives everything that is wrong with it.
    """
    tell_study(setting.folder, found)
    metas = read_metas(setting.folder, found)
    whole = read_patients(metas, found)
    if whole is None:
        return None
    tell_samples_lost(setting.folder, whole.sample_ids, found)
    source = keep_rows(whole, setting.study.keep, found)
    tell_repeated_patients(source, found)
    build = declared_build(setting.study.build, setting.folder, found)
    scope = scope_of(replace(setting, build=build), metas, whole, source, found)
    _tell_left_out(metas, found)
    alterations, shown_build = read_alterations(metas, scope, found)
    matrices = _read_matrices(metas, scope, found)
    declared = setting.study.endpoints
    columns = usual_endpoints(source, found) if declared == EndpointColumns() else declared
    return Parts(
        map_clinical(source, setting.study, found),
        read_endpoints(source, columns, found),
        (*alterations, *matrices),
        _files(setting, metas),
        unite_dated(
            read_timeline(metas, source, setting.study, found), read_dated(setting, whole, source, found)
        ),
        build or shown_build,
        licence_in(setting.folder),
    )


def _read_matrices(metas: Sequence[Meta], scope: Scope, found: Found) -> list[AssayTable]:
    tables = []
    for assay, (meta, unit) in choose_matrices(metas, scope.setting.study.units, found).items():
        table = read_matrix(assay, meta, unit, scope, found)
        if table is None:
            continue
        tell_unknown_samples(table.sample_ids, scope.samples, scope.left_out, meta.file.name, found)
        tables.append(_only_measured(table, scope, meta, found))
    return tables


def _only_measured(table: AssayTable, scope: Scope, meta: Meta, found: Found) -> AssayTable:
    """A matrix has a value for every gene and sample; what lies off the sample's panel was never measured."""
    scope.tell_panel_source(table.assay, meta, found)
    scope.tell_unassigned(table.assay, meta, table.sample_ids, found)
    on_panels = table.assay in PROFILE_COLUMNS or meta.panel
    column = scope.panel_column(table.assay, meta) if on_panels else None
    if column is None:
        return table
    names = panel_names(table.sample_ids, column, scope.listed.get(table.assay), table.sample_ids)
    if not scope.panels:
        return replace(table, panels=names.reindex(table.sample_ids, fill_value="").to_numpy(dtype=str))
    every = Seen(np.repeat(table.sample_ids[:1], len(table.genes)), np.array(table.genes, dtype=str))
    return mask_unmeasured(table, profile_of(names, scope.panels, every, meta.file.name, found))


def _tell_left_out(metas: Sequence[Meta], found: Found) -> None:
    for meta in metas:
        read = meta.kind in OTHER_KINDS or meta.kind in READERS or is_matrix(meta)
        if not read or (meta.kind == "CLINICAL" and not _is_clinical(meta)):
            why = LEFT_OUT.get(meta.kind, "metarisk does not read")
            message = f"is {meta.kind} {meta.datatype}, which {why}"
            found.append(warning(meta.file.name, message, "Nothing to do; it was left out."))


def _is_clinical(meta: Meta) -> bool:
    return meta.datatype in ("SAMPLE_ATTRIBUTES", "PATIENT_ATTRIBUTES") or is_timeline(meta)


def _files(setting: Setting, metas: Sequence[Meta]) -> tuple[Path, ...]:
    found = [*setting.folder.glob("meta_*.txt"), *(meta.file for meta in metas)]
    found += [setting.folder / dated.file for dated in setting.study.dated]
    if setting.panels is not None and setting.panels.is_file():
        found.append(setting.panels)
    return tuple(found)
