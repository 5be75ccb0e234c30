"""Lists of alterations to tables: 1 altered, 0 measured and not altered, NaN not measured or not told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.cohort import AssayTable
from metarisk.data.found import Found, warning
from metarisk.data.profile import Profile
from metarisk.errors import first_ten
from metarisk.schema.assays import ASSAYS, MUTATION_CHANNELS, Assay

HOTSPOT = MUTATION_CHANNELS.index("hotspot")


@dataclass(frozen=True)
class Calls:
    """Alterations, one a row.

    Attributes
    ----------
    samples, genes
        Sample id and approved symbol, shape (M,).
    channels
        Position among the assay's channels, shape (M,).
    hotspots
        Of mutations: 1 at a recurrent position, 0 not, NaN where nobody can tell, shape (M,). None where the
        list tells nothing about it.
    build
        Genome build of the positions they were found at; empty text if it is not known.
    """

    samples: NDArray[np.str_]
    genes: NDArray[np.str_]
    channels: NDArray[np.intp]
    hotspots: NDArray[np.float32] | None = None
    build: str = ""


def table_of_calls(assay: Assay, calls: Calls, profile: Profile, file: str, found: Found) -> AssayTable:
    """Table of an assay from its list of alterations.

    Parameters
    ----------
    calls
        What was altered.
    profile
        What was measured; an alteration in a gene that is not on the sample's panel is left out and counted.
    file
        Name to tell findings under.
    found
        Receives what was left out.
    """
    genes = profile.genes
    on_panels = profile.on_panels(genes)
    values = _not_altered(on_panels, len(ASSAYS[assay].channels))[profile.panel]
    row = pd.Index(profile.sample_ids).get_indexer(pd.Index(calls.samples))
    column = pd.Index(list(genes)).get_indexer(pd.Index(calls.genes))
    placed = (row >= 0) & (column >= 0)
    placed[placed] = on_panels[profile.panel[row[placed]], column[placed]]
    values[row[placed], column[placed], calls.channels[placed]] = 1.0
    if assay is Assay.MUTATION:
        _mark_hotspots(values[:, :, HOTSPOT], calls, row, column, placed)
    _tell_off_panel(calls, ~placed & (row >= 0), file, found)
    units = np.full(len(profile.sample_ids), "calls")
    return AssayTable(assay, profile.sample_ids, genes, values, units, profile.panels)


def _not_altered(on_panels: NDArray[np.bool_], channels: int) -> NDArray[np.float32]:
    """Values of a sample of each panel in whom nothing is altered, shape (panels, G, C)."""
    by_gene = np.where(on_panels, np.float32(0.0), np.float32(np.nan))
    return np.repeat(by_gene[:, :, None], channels, axis=2)


def _mark_hotspots(
    values: NDArray[np.float32],
    calls: Calls,
    row: NDArray[np.intp],
    column: NDArray[np.intp],
    placed: NDArray[np.bool_],
) -> None:
    """Write the hotspot channel, shape (N, G), in place; a mutation that cannot be told leaves NaN."""
    if calls.hotspots is None:
        values[...] = np.nan
        return
    untold = placed & np.isnan(calls.hotspots)
    values[row[untold], column[untold]] = np.nan
    certain = placed & (calls.hotspots == 1)
    values[row[certain], column[certain]] = 1.0


def _tell_off_panel(calls: Calls, off: NDArray[np.bool_], file: str, found: Found) -> None:
    if off.any():
        genes = sorted(set(calls.genes[off]))
        message = f"{off.sum()} alterations lie in genes off the sample's panel ({first_ten(genes)})"
        found.append(
            warning(file, message, "They were left out: nobody knows in whom those genes are wild type.")
        )
