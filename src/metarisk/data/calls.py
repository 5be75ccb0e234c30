"""Lists of alterations to tables: 1 altered, 0 measured and not altered, NaN not measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.cohort import AssayTable
from metarisk.data.found import Found, warning
from metarisk.data.profile import Profile
from metarisk.errors import first_ten
from metarisk.schema.assays import ASSAYS, Assay


@dataclass(frozen=True)
class Calls:
    """Alterations, one a row.

    Attributes
    ----------
    samples, genes
        Sample id and approved symbol, shape (M,).
    channels
        Position among the assay's channels, shape (M,).
    """

    samples: NDArray[np.str_]
    genes: NDArray[np.str_]
    channels: NDArray[np.intp]


def table_of_calls(assay: Assay, calls: Calls, profile: Profile, file: str, found: Found) -> AssayTable:
    """Table of an assay from its list of alterations.

    Parameters
    ----------
    calls
        What was altered.
    profile
        What was measured; an alteration in a gene that is not on the sample's panel is left out and counted.
    """
    genes = profile.genes
    measured = profile.measured(genes)
    values = np.empty((*measured.shape, len(ASSAYS[assay].channels)), dtype=np.float32)
    values[...] = np.where(measured, np.float32(0.0), np.float32(np.nan))[:, :, None]
    row = pd.Index(profile.sample_ids).get_indexer(pd.Index(calls.samples))
    column = pd.Index(list(genes)).get_indexer(pd.Index(calls.genes))
    placed = (row >= 0) & (column >= 0)
    placed[placed] = measured[row[placed], column[placed]]
    values[row[placed], column[placed], calls.channels[placed]] = 1.0
    _tell_off_panel(calls, ~placed & (row >= 0), file, found)
    units = np.full(len(profile.sample_ids), "calls")
    return AssayTable(assay, profile.sample_ids, genes, values, units)


def _tell_off_panel(calls: Calls, off: NDArray[np.bool_], file: str, found: Found) -> None:
    if off.any():
        genes = sorted(set(calls.genes[off]))
        message = f"{off.sum()} alterations lie in genes off the sample's panel ({first_ten(genes)})"
        found.append(
            warning(file, message, "They were left out: nobody knows in whom those genes are wild type.")
        )
