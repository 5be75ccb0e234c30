"""Whether the mutations of a list stand at recurrent positions, by whatever the list tells of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.hotspots import IN_FRAME, SUBSTITUTION, hotspot_calls
from metarisk.data.mutation_classes import IN_FRAME as IN_FRAME_CHANNEL
from metarisk.data.mutation_classes import MISSENSE
from metarisk.data.places import Places
from metarisk.data.protein_changes import exchange_residues, residues_of

_KINDS = {MISSENSE: SUBSTITUTION, IN_FRAME_CHANNEL: IN_FRAME}


def at_hotspots(
    genes: NDArray[np.str_],
    channels: NDArray[np.intp],
    changes: pd.Series,
    positions: pd.Series | None,
    places: Places,
    build: str,
) -> NDArray[np.float32] | None:
    """1 at a recurrent position, 0 not, NaN not told, shape (M,); None where the list tells of none.

    Parameters
    ----------
    genes
        Approved symbols, shape (M,).
    channels
        Class of each mutation as a position among the channels, shape (M,).
    changes, positions
        Protein changes and, if the list has them, positions in the protein, as for `residues_of`.
    places
        On the genome, of the build; empty text if that is not known.
    """
    residues = residues_of(changes, positions)
    if not residues.known.any() and not (build and places.known.any()):
        return None
    kinds = pd.Series(channels).map(_KINDS).fillna("").to_numpy(dtype=object)
    kinds[~exchange_residues(changes)] = ""
    return hotspot_calls(genes.astype(object), kinds, residues, places, build)
