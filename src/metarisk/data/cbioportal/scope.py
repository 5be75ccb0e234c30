"""What the assays of one study folder share: its samples, and who was measured on which panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.cbioportal.case_lists import read_case_lists
from metarisk.data.cbioportal.meta import Meta
from metarisk.data.cbioportal.panel_matrix import read_panel_matrix
from metarisk.data.found import Found, warning
from metarisk.data.panels import Panels, panels_in, read_panels
from metarisk.data.profile import panel_names
from metarisk.data.setting import Setting
from metarisk.data.source import ClinicalSource
from metarisk.errors import first_ten
from metarisk.schema.assays import Assay

# Column of the panel matrix of each assay by the portal's usual names, where it is not the profile's own.
PROFILE_COLUMNS = {
    Assay.MUTATION: ("mutations", "mutation"),
    Assay.COPY_NUMBER: ("cna", "gistic", "log2CNA"),
    Assay.FUSION: ("structural_variants", "sv", "fusion", "mutations"),
}


@dataclass(frozen=True)
class Scope:
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
        Samples of the case list of an assay, where there is one.
    clinical_panel
        Panel of each sample by the clinical table, empty text where it says none.
    """

    setting: Setting
    samples: NDArray[np.str_]
    left_out: frozenset[str]
    matrix: pd.DataFrame | None
    panels: Panels
    listed: Mapping[Assay, frozenset[str]]
    clinical_panel: pd.Series

    def panel_column(self, assay: Assay, meta: Meta) -> pd.Series | None:
        """Panel of each sample for an assay, or None where nobody says it.

        By the profile's meta file, else by the panel matrix, else by the clinical table where it names
        panels that are described.
        """
        if meta.panel:
            return pd.Series(meta.panel, index=pd.Index(self.samples, dtype=object), dtype=object)
        if self.matrix is None:
            described = self.clinical_panel.isin(list(self.panels))
            return self.clinical_panel if described.any() else None
        column = self.matrix_column(assay, meta)
        return self.matrix[column] if column else None

    def matrix_column(self, assay: Assay, meta: Meta) -> str:
        """Column of the panel matrix for an assay, empty text if it has none."""
        names = (meta.fields.get("stable_id", ""), *PROFILE_COLUMNS.get(assay, ()))
        present = () if self.matrix is None else self.matrix.columns
        return next((column for column in names if column in present), "")

    def tell_panel_source(self, assay: Assay, meta: Meta, found: Found) -> None:
        """Tell an assay that the panel matrix passes over: it borrows a column, or all its genes count."""
        if self.matrix is None or meta.panel or assay not in PROFILE_COLUMNS:
            return
        column = self.matrix_column(assay, meta)
        if not column:
            message = f"the gene panel matrix has no column for {assay}: every gene in the file is measured"
            do = "Add the column if a panel was used."
        elif assay is Assay.FUSION and column in PROFILE_COLUMNS[Assay.MUTATION]:
            message = f"the gene panel matrix has no column for {assay}: that of {column} stands for it"
            do = "Add the column if another panel was used."
        else:
            return
        found.append(warning(meta.file.name, message, do))

    def tell_unassigned(self, assay: Assay, meta: Meta, in_file: NDArray[np.str_], found: Found) -> None:
        """Tell samples that the file has values of and the panel matrix no panel for: they are left out."""
        column = self.matrix_column(assay, meta)
        if self.matrix is None or meta.panel or not column:
            return
        kept = np.intersect1d(in_file, self.samples)
        panels = self.matrix[column].reindex(kept, fill_value="")
        lost = kept[panels.eq("").to_numpy()]
        if len(lost):
            message = f"{len(lost)} samples of the file have no panel in the panel matrix ({first_ten(lost)})"
            do = "They count as not measured; add their rows to the gene panel matrix."
            found.append(warning(meta.file.name, message, do))

    def panel_names(self, assay: Assay, meta: Meta, altered: NDArray[np.str_]) -> pd.Series:
        """Panel of each sample that an assay of alterations measured, index sample id."""
        listed = self.listed.get(assay)
        names = panel_names(self.samples, self.panel_column(assay, meta), listed, altered)
        if meta.panel and listed is not None:
            # The meta file's panel holds for every sample of the profile; the case list says which those are.
            names = names[names.index.isin(listed | set(altered))]
        return names


def scope_of(
    setting: Setting, metas: Sequence[Meta], whole: ClinicalSource, source: ClinicalSource, found: Found
) -> Scope:
    """Scope of a study folder.

    Parameters
    ----------
    whole
        Every sample of the clinical tables.
    source
        The samples that are kept.
    """
    column = setting.study.clinical.get("panel", "GENE_PANEL")
    blank = pd.Series("", index=source.frame.index, dtype=object)
    return Scope(
        setting,
        source.sample_ids,
        frozenset(whole.sample_ids) - frozenset(source.sample_ids),
        read_panel_matrix(metas, found),
        _panels(setting, found),
        read_case_lists(setting.folder, found),
        source.frame[column] if column in source.frame.columns else blank,
    )


def _panels(setting: Setting, found: Found) -> Panels:
    """Genes of each panel, of those that the study reads."""
    files = panels_in(setting.folder) if setting.panels is None else (setting.panels,)
    return {
        name: held if setting.only is None else held & setting.only
        for file in files
        for name, held in read_panels(file, setting.genes, found).items()
    }
