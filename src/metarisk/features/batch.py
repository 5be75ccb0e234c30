"""What the network reads: numbers only, in the order that training fixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metarisk.schema.assays import Assay

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class AssayInput:
    """One assay, on whatever the transform reads of it: genes, pathways or features.

    Attributes
    ----------
    values
        Standardised values, 0 where not measured, shape (N, Ga, C).
    measured
        True where a column was measured in a sample, shape (N, Ga).
    """

    values: FloatArray
    measured: NDArray[np.bool_]


@dataclass(frozen=True)
class Batch:
    """Features of N samples.

    Attributes
    ----------
    assays
        One entry an assay that the transform knows, whether or not a sample has it; the graph path takes
        its columns that are nodes.
    flat
        Direct path and baselines: one column a feature, NaN where unknown, shape (N, F).
    """

    assays: Mapping[Assay, AssayInput]
    flat: FloatArray

    def __len__(self) -> int:
        """Count the samples N."""
        return len(self.flat)

    def take(self, rows: NDArray[np.intp]) -> Batch:
        """Rows in the order asked for."""
        assays = {
            assay: AssayInput(entry.values[rows], entry.measured[rows])
            for assay, entry in self.assays.items()
        }
        return Batch(assays, self.flat[rows])


@dataclass(frozen=True)
class Targets:
    """What is known of the endpoints of N samples.

    Attributes
    ----------
    binary
        One column a yes / no endpoint; NaN is unknown, shape (N, B).
    time_bin
        Dated endpoint -> interval of the event or of last contact, 0 .. K-1; -1 unknown, shape (N,).
    event
        Dated endpoint -> 0 censored, 1 .. J the cause; 0 where unknown, shape (N,).
    """

    binary: FloatArray
    time_bin: Mapping[str, NDArray[np.int64]]
    event: Mapping[str, NDArray[np.int64]]

    def take(self, rows: NDArray[np.intp]) -> Targets:
        """Rows in the order asked for."""
        return Targets(
            self.binary[rows],
            {name: bins[rows] for name, bins in self.time_bin.items()},
            {name: codes[rows] for name, codes in self.event.items()},
        )
