"""What was measured: for each sample and assay, the genes of its panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.found import Found, error, warning
from metarisk.data.panels import EXOME, WHOLE_EXOME, Panels
from metarisk.errors import first_ten

NOT_ON_A_PANEL = "NA"


class Seen(NamedTuple):
    """Alterations as pairs, both shape (M,): that gene was altered in that sample."""

    samples: NDArray[np.str_]
    genes: NDArray[np.str_]


@dataclass(frozen=True)
class Profile:
    """Which genes were measured in which sample.

    Attributes
    ----------
    sample_ids
        Samples that the assay was done on, shape (N,).
    panel
        Position in ``gene_sets`` of each sample's panel, shape (N,).
    gene_sets
        Genes of each panel that was used.
    names
        Name of each of these panels; empty text where none is declared.
    """

    sample_ids: NDArray[np.str_]
    panel: NDArray[np.intp]
    gene_sets: tuple[frozenset[str], ...]
    names: tuple[str, ...]

    @property
    def genes(self) -> tuple[str, ...]:
        """Every gene measured in at least one sample, sorted, length G."""
        return tuple(sorted(frozenset().union(*self.gene_sets)))

    @property
    def panels(self) -> NDArray[np.str_]:
        """Name of each sample's panel, shape (N,)."""
        return np.array(self.names or ("",), dtype=str)[self.panel]

    def measured(self, genes: Sequence[str]) -> NDArray[np.bool_]:
        """True where a gene is on the sample's panel, shape (N, G)."""
        return self.on_panels(genes)[self.panel]

    def on_panels(self, genes: Sequence[str]) -> NDArray[np.bool_]:
        """True where a gene is on a panel, a row for each of ``gene_sets``, shape (panels, G)."""
        held = np.array([[gene in panel for gene in genes] for panel in self.gene_sets], dtype=bool)
        return held.reshape(len(self.gene_sets), len(genes))


def panel_names(
    samples: NDArray[np.str_],
    column: pd.Series | None,
    listed: frozenset[str] | None,
    altered: NDArray[np.str_],
) -> pd.Series:
    """Panel of each sample that was measured, index sample id; empty text where no panel is declared.

    Parameters
    ----------
    samples
        Samples of the clinical table.
    column
        Their panels in the panel matrix, if the study has one for this assay.
    listed
        Samples that the case list calls sequenced, if there is one.
    altered
        Samples with an alteration: they were certainly measured.
    """
    certain = set(altered) | (listed or frozenset())
    if column is None:
        measured = [sample for sample in samples if listed is None or sample in certain]
        return pd.Series("", index=pd.Index(measured, dtype=object), dtype=object)
    names = column.reindex(samples, fill_value="")
    # "NA" in the matrix: not on a panel, or not measured at all; the case list or an alteration tells which.
    exome = names.eq(NOT_ON_A_PANEL) & names.index.isin(list(certain))
    names = names.mask(exome, EXOME)
    return names[~names.isin(["", NOT_ON_A_PANEL])]


def inferred_panels(names: pd.Series, seen: Seen) -> dict[str, frozenset[str]]:
    """Panels that no file describes: the genes altered in at least one of their samples, and no others."""
    panel = pd.Series(seen.samples).map(names)
    grouped = pd.Series(seen.genes).groupby(panel)
    return {
        str(name): frozenset(genes) for name, genes in grouped if name and name.upper() not in WHOLE_EXOME
    }


def profile_of(names: pd.Series, panels: Panels, seen: Seen, file: str, found: Found) -> Profile:
    """Genes measured in each sample.

    A panel measures its genes; a whole exome, or a sample without any panel, measures every gene seen.

    Parameters
    ----------
    names
        Panel of each sample, index sample id.
    panels
        Genes of each panel; a panel that is not among them is an error.
    seen
        Alterations of the assay.
    """
    used, position = np.unique(names.to_numpy(dtype=str), return_inverse=True)
    of_all = frozenset(seen.genes)
    whole = [not name or name.upper() in WHOLE_EXOME for name in used]
    sets = [
        panels.get(name, of_all if every else frozenset()) for name, every in zip(used, whole, strict=True)
    ]
    _tell_undescribed([name for name in used if name not in panels], file, found)
    samples = names.index.to_numpy(dtype=str)
    return Profile(samples, position.astype(np.intp), tuple(sets), tuple(map(str, used)))


def tell_inferred(panels: Mapping[str, object], file: str, found: Found) -> None:
    """Say that panels were made up from what was altered."""
    message = f"no panel file describes {first_ten(panels)}: only genes altered in a sample of a panel count"
    do = "Name a table of panel and gene under panels in a study file; until then all others are unmeasured."
    found.append(warning(file, message, do))


def _tell_undescribed(names: Sequence[str], file: str, found: Found) -> None:
    named = [name for name in names if name and name.upper() not in WHOLE_EXOME]
    if "" in names:
        message = "no gene panel is declared: every gene in the file counts as measured in every sample"
        found.append(
            warning(file, message, "Add a gene panel matrix and name a panel file in the study file.")
        )
    if named:
        message = f"gene panel {first_ten(named)} is used by samples but described nowhere"
        found.append(error(file, message, "Add its genes to the panel file that the study file names."))
