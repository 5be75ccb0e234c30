"""A whole study folder to the parts of a cohort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.config.study import EndpointColumns, StudyFile
from metarisk.data.calls import Calls, table_of_calls
from metarisk.data.cbioportal.fusions import read_fusions
from metarisk.data.cbioportal.matrices import ASSAY_OF_KIND, choose_matrices, mask_unmeasured, read_matrix
from metarisk.data.cbioportal.meta import META_STUDY, Meta, read_fields, read_metas
from metarisk.data.cbioportal.mutations import read_mutations
from metarisk.data.cbioportal.panel_matrix import read_panel_matrix, sequenced_samples
from metarisk.data.cbioportal.patients import read_patients
from metarisk.data.clinical import map_clinical
from metarisk.data.cohort import AssayTable
from metarisk.data.endpoints import read_endpoints, usual_endpoints
from metarisk.data.found import Found, error, warning
from metarisk.data.panels import Panels, panels_in, read_panels
from metarisk.data.profile import (
    Seen,
    inferred_panels,
    panel_names,
    profile_of,
    tell_inferred,
)
from metarisk.data.setting import Parts, Setting
from metarisk.data.source import ClinicalSource, keep_rows, tell_repeated_patients, tell_unknown_samples
from metarisk.schema.assays import Assay

# Column of the panel matrix of each assay, by the portal's usual names.
PROFILE_COLUMNS = {
    Assay.MUTATION: ("mutations", "mutation"),
    Assay.COPY_NUMBER: ("cna", "gistic", "log2CNA"),
    Assay.FUSION: ("structural_variants", "sv", "fusion", "mutations"),
}
CALL_READERS = {
    "MUTATION_EXTENDED": (Assay.MUTATION, read_mutations),
    "STRUCTURAL_VARIANT": (Assay.FUSION, read_fusions),
}
NOT_AN_ASSAY = frozenset({"CLINICAL", "GENE_PANEL_MATRIX"})


@dataclass(frozen=True)
class _Folder:
    """What the assays of one study share.

    Attributes
    ----------
    setting
        The study and its genes.
    samples
        Kept samples of the clinical table, shape (N,).
    left_out
        Samples that the study file left out.
    matrix
        Panel of each sample and profile, if the study has them.
    panels
        Genes of each panel.
    listed
        Samples of the case list of sequenced samples, if there is one.
    clinical_panel
        Panel of each sample by the clinical table, empty text where it says none.
    """

    setting: Setting
    samples: NDArray[np.str_]
    left_out: frozenset[str]
    matrix: pd.DataFrame | None
    panels: Panels
    listed: frozenset[str] | None
    clinical_panel: pd.Series

    def panel_column(self, assay: Assay) -> pd.Series | None:
        """Panels by the matrix; by the clinical table where there is no matrix and they are described."""
        if self.matrix is None:
            described = self.clinical_panel.isin(list(self.panels))
            return self.clinical_panel if described.any() else None
        known = [column for column in PROFILE_COLUMNS.get(assay, ()) if column in self.matrix.columns]
        return self.matrix[known[0]] if known else None


def is_study_folder(folder: Path) -> bool:
    """True for a folder with a study's meta file, or with any meta file of a study that lost it."""
    return folder.is_dir() and any(folder.glob("meta_*.txt"))


def default_study(folder: Path) -> StudyFile:
    """What a study folder without a study file means: the portal's usual columns."""
    ignored: Found = []
    fields = read_fields(folder / META_STUDY, ignored)
    return StudyFile(
        name=fields.get("cancer_study_identifier", folder.name),
        folder=Path(),
        licence=fields.get("license", fields.get("licence", "not stated")),
    )


def read_folder(setting: Setting, found: Found) -> Parts | None:
    """Every table of a study folder; None where it has no samples to speak of.

    Parameters
    ----------
    setting
        The study, its folder, genes and panels.
    found
        Receives everything that is wrong with it.
    """
    _check_meta_study(setting.folder, found)
    metas = read_metas(setting.folder, found)
    whole = read_patients(metas, found)
    if whole is None:
        return None
    source = keep_rows(whole, setting.study.keep, found)
    tell_repeated_patients(source, found)
    declared = setting.study.endpoints
    columns = usual_endpoints(source) if declared == EndpointColumns() else declared
    shared = _shared(setting, metas, whole, source, found)
    _tell_unread_kinds(metas, found)
    assays = [*_read_calls(metas, shared, found), *_read_matrices(metas, shared, found)]
    return Parts(
        map_clinical(source, setting.study, found),
        read_endpoints(source, columns, found),
        tuple(assays),
        _files(setting, metas),
    )


def _check_meta_study(folder: Path, found: Found) -> None:
    if not (folder / META_STUDY).is_file():
        message = f"has no {META_STUDY}, so it is not a whole cBioPortal study folder"
        do = "Add it (cancer_study_identifier, name, type_of_cancer), or name the folder that holds it."
        found.append(error(folder.name, message, do))


def _shared(
    setting: Setting, metas: Sequence[Meta], whole: ClinicalSource, source: ClinicalSource, found: Found
) -> _Folder:
    left_out = frozenset(whole.sample_ids) - frozenset(source.sample_ids)
    column = setting.study.clinical.get("panel", "GENE_PANEL")
    blank = pd.Series("", index=source.frame.index, dtype=object)
    return _Folder(
        setting,
        source.sample_ids,
        left_out,
        read_panel_matrix(metas, found),
        _panels(setting, found),
        sequenced_samples(setting.folder, found),
        source.frame[column] if column in source.frame.columns else blank,
    )


def _panels(setting: Setting, found: Found) -> Panels:
    files = panels_in(setting.folder) if setting.panels is None else (setting.panels,)
    return {name: held for file in files for name, held in read_panels(file, setting.genes, found).items()}


def _read_calls(metas: Sequence[Meta], shared: _Folder, found: Found) -> list[AssayTable]:
    """Mutations first: where no file describes a panel, they tell what it measures, for fusions too."""
    tables: list[AssayTable] = []
    panels = shared.panels
    for kind, (assay, read) in CALL_READERS.items():
        for meta in (meta for meta in metas if meta.kind == kind):
            calls = read(meta.file, shared.setting, found)
            if calls is not None:
                panels = panels or _inferred(assay, calls, shared, meta.file.name, found)
                tables.append(
                    _table_of_calls(assay, calls, replace(shared, panels=panels), meta.file.name, found)
                )
    return tables


def _inferred(assay: Assay, calls: Calls, shared: _Folder, file: str, found: Found) -> Panels:
    names = _panel_names(assay, calls.samples, shared)
    panels = inferred_panels(names, Seen(calls.samples, calls.genes))
    if panels:
        tell_inferred(panels, file, found)
    return panels


def _table_of_calls(assay: Assay, calls: Calls, shared: _Folder, file: str, found: Found) -> AssayTable:
    tell_unknown_samples(calls.samples, shared.samples, shared.left_out, file, found)
    names = _panel_names(assay, calls.samples, shared)
    profile = profile_of(names, shared.panels, Seen(calls.samples, calls.genes), file, found)
    return table_of_calls(assay, calls, profile, file, found)


def _panel_names(assay: Assay, altered: NDArray[np.str_], shared: _Folder) -> pd.Series:
    return panel_names(shared.samples, shared.panel_column(assay), shared.listed, altered)


def _read_matrices(metas: Sequence[Meta], shared: _Folder, found: Found) -> list[AssayTable]:
    tables = []
    for assay, (meta, unit) in choose_matrices(metas, shared.setting.study.units, found).items():
        table = read_matrix(assay, meta, unit, shared.setting, found)
        if table is None:
            continue
        tell_unknown_samples(table.sample_ids, shared.samples, shared.left_out, meta.file.name, found)
        tables.append(_only_measured(table, shared, meta.file.name, found))
    return tables


def _only_measured(table: AssayTable, shared: _Folder, file: str, found: Found) -> AssayTable:
    """A matrix has a value for every gene and sample; what lies off the sample's panel was never measured."""
    column = shared.panel_column(table.assay) if table.assay in PROFILE_COLUMNS else None
    if column is None or not shared.panels:
        return table
    every = Seen(np.repeat(table.sample_ids[:1], len(table.genes)), np.array(table.genes, dtype=str))
    names = panel_names(table.sample_ids, column, shared.listed, table.sample_ids)
    return mask_unmeasured(table, profile_of(names, shared.panels, every, file, found))


def _tell_unread_kinds(metas: Sequence[Meta], found: Found) -> None:
    for meta in metas:
        known = meta.kind in NOT_AN_ASSAY or meta.kind in CALL_READERS or meta.kind in ASSAY_OF_KIND
        if not known or meta.datatype == "TIMELINE":
            message = f"is {meta.kind} {meta.datatype}, which metarisk does not read"
            found.append(warning(meta.file.name, message, "Nothing to do; it was left out."))


def _files(setting: Setting, metas: Sequence[Meta]) -> tuple[Path, ...]:
    found = [*setting.folder.glob("meta_*.txt"), *(meta.file for meta in metas)]
    if setting.panels is not None and setting.panels.is_file():
        found.append(setting.panels)
    return tuple(found)
