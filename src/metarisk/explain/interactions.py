"""Pairs of perturbations: what both do at once beyond the sum of what each does."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.errors import InputError, LimitError
from metarisk.explain.answers_read import DoubleArray
from metarisk.explain.estimates import ENDS, estimate
from metarisk.explain.perturbations import Perturbation, pair_of
from metarisk.explain.screen import Moves
from metarisk.explain.screen_table import days_of

MOST_PAIRS = 2000
Trio = tuple[int, int, int]


def pairs_of(singles: Sequence[Perturbation]) -> tuple[list[Perturbation], list[Trio]]:
    """The singles and every pair of them; two that want unlike things of a gene are no pair.

    Returns
    -------
    tuple
        What to perturb, and places of each pair, its first and its second in it.

    Raises
    ------
    InputError
        If there is no pair.
    LimitError
        If there are over `MOST_PAIRS`.
    """
    every, trios = list(singles), []
    for one, two in combinations(range(len(singles)), 2):
        both = pair_of(singles[one], singles[two])
        if both is not None:
            trios.append((len(every), one, two))
            every.append(both)
    if not trios:
        raise InputError(
            f"{len(singles)} perturbations make no pair",
            expected="two or more that do not want unlike things of the same gene",
            do="Name more, or leave out --pairs.",
        )
    if len(trios) > MOST_PAIRS:
        raise LimitError(
            f"{len(singles)} perturbations make {len(trios)} pairs",
            expected=f"at most {MOST_PAIRS}",
            do="Name fewer.",
        )
    return every, trios


def pair_table(
    moves: Moves, pairs: Sequence[tuple[int, int, int]], perturbations: Sequence[Perturbation]
) -> pd.DataFrame:
    """Interaction of pairs: what both do minus the sum of what each does, one row a pair and answer.

    Parameters
    ----------
    moves
        Of pairs and their singles.
    pairs
        Places of the pair, the first and the second.
    perturbations
        All that were done.
    """
    columns: dict[str, DoubleArray] = {}
    both, one, two = (np.array([pair[at] for pair in pairs], dtype=np.intp) for at in range(3))
    for name, values, folds in (
        ("change", moves.change, moves.fold_change),
        ("log_odds", moves.shift, moves.fold_shift),
    ):
        columns[f"{name}_of_pair"] = moves.mean(values[both])
        alone = [np.where((moves.measured[at] > 0)[:, None], values[at], 0.0) for at in (one, two)]
        excess = values[both] - alone[0] - alone[1]
        columns[f"{name}_of_sum"] = moves.mean(values[both] - excess)
        over_folds = folds[both] - _known(moves, folds, one, both) - _known(moves, folds, two, both)
        found = estimate(excess.astype(np.float32), over_folds, moves)
        columns[f"{name}_interaction"] = found.value
        for end in ENDS:
            columns[f"{name}_interaction_{end}"] = getattr(found, end)
    asked = moves.reader.asked
    names = np.repeat([perturbations[at].name for at in both], len(asked))
    frame = pd.DataFrame({"pair": names})
    frame["endpoint"] = np.tile([question.endpoint for question in asked], len(both))
    frame["horizon_days"] = np.tile([days_of(question) for question in asked], len(both))
    return frame.assign(**{name: values.ravel() for name, values in columns.items()})


def _known(moves: Moves, folds: DoubleArray, single: NDArray[np.intp], both: NDArray[np.intp]) -> DoubleArray:
    """Mean over the pair's patients of what a single does, 0 where it was not measured, (pairs, K, A)."""
    weight = (moves.measured > 0) @ moves.weight
    share = np.divide(weight[single], weight[both], out=np.zeros(len(both)), where=weight[both] > 0)
    return np.asarray(share[:, None, None] * np.nan_to_num(folds[single]))
