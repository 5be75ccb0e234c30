"""The reference of a bundle as files: arrays of spaces, JSON for the rest; no patient's row.

``base_rates`` and ``states`` came to format 5 later: a bundle without them is read, and has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metarisk.models.base_rates import rates_of_tree, tree_of_rates
from metarisk.models.factor_space import FactorSpace
from metarisk.models.reference import Block, Reference, Spread, Tail
from metarisk.models.state_reference import states_of_tree, tree_of_states
from metarisk.models.training_summary import Distribution, TrainingSummary

SPACE = ("centre", "scale", "loadings", "noise")


def tree_of_reference(reference: Reference) -> dict[str, Any]:
    """Plain values; what is left out stands in `arrays_of_reference`."""
    return {
        "spreads": {name: block.spread._asdict() for name, block in reference.blocks.items()},
        "tails": {
            name: {
                "n": tail.n,
                "counts": tail.counts,
                "values": tail.values,
                "knee": tail.knee,
                "excess": tail.excess,
            }
            for name, tail in reference.tails.items()
        },
        "patients": reference.summary.patients,
        "distributions": [
            {
                "kind": told.kind,
                "name": told.name,
                "cuts": told.cuts,
                "levels": told.levels,
                "counts": told.counts,
                "mean": told.mean,
            }
            for told in reference.summary.distributions
        ],
        "base_rates": tree_of_rates(reference.rates),
        "states": tree_of_states(reference.states),
    }


def arrays_of_reference(reference: Reference) -> dict[str, NDArray[Any]]:
    """Arrays by name: ``<block>.columns`` and those of its space."""
    arrays: dict[str, NDArray[Any]] = {}
    for name, block in reference.blocks.items():
        arrays[f"{name}.columns"] = block.columns
        arrays |= {f"{name}.{part}": np.ascontiguousarray(getattr(block.space, part)) for part in SPACE}
    return arrays


def reference_of(tree: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Reference:
    """What `tree_of_reference` and `arrays_of_reference` told."""
    blocks = {
        name: Block(
            arrays[f"{name}.columns"],
            FactorSpace(*(arrays[f"{name}.{part}"] for part in SPACE)),
            Spread(**spread),
        )
        for name, spread in tree["spreads"].items()
    }
    tails = {
        name: Tail(tail["n"], tuple(tail["counts"]), tuple(tail["values"]), tail["knee"], tail["excess"])
        for name, tail in tree["tails"].items()
    }
    told = tuple(
        Distribution(
            row["kind"],
            row["name"],
            tuple(row["cuts"]),
            tuple(row["levels"]),
            tuple(row["counts"]),
            row["mean"],
        )
        for row in tree["distributions"]
    )
    rates = rates_of_tree(tree.get("base_rates", ()))
    states = states_of_tree(tree.get("states", {}))
    return Reference(blocks, tails, TrainingSummary(tree["patients"], told), rates, states)
