"""Conformal limits as JSON: a line a question and group, no patient's value among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from metarisk.models.conformal import AnswerLimits, Asked, ConformalSets, Limit


def tree_of_sets(sets: ConformalSets) -> dict[str, Any]:
    """Plain values; an infinite limit is the text ``inf`` or ``-inf``."""
    return {
        "level": sets.level,
        "columns": dict(sets.columns),
        "limits": [
            {
                **asked._asdict(),
                "groups": {
                    name: [_tree(answers.no), _tree(answers.yes)] for name, answers in by_group.items()
                },
            }
            for asked, by_group in sets.limits.items()
        ],
        "free": [
            {**asked._asdict(), "groups": {name: _tree(limit) for name, limit in by_group.items()}}
            for asked, by_group in sets.free.items()
        ],
    }


def sets_of_tree(tree: Mapping[str, Any]) -> ConformalSets:
    """What `tree_of_sets` told."""
    limits = {
        _asked(row): {
            name: AnswerLimits(*(_limit(*answer) for answer in answers))
            for name, answers in row["groups"].items()
        }
        for row in tree["limits"]
    }
    free = {
        _asked(row): {name: _limit(*limit) for name, limit in row["groups"].items()} for row in tree["free"]
    }
    return ConformalSets(tree["level"], dict(tree["columns"]), limits, free)


def _asked(row: Mapping[str, Any]) -> Asked:
    return Asked(row["endpoint"], row["cause"], row["horizon_days"])


def _tree(limit: Limit) -> list[Any]:
    return [limit.value if np.isfinite(limit.value) else str(limit.value), limit.n, limit.source]


def _limit(value: float | str, n: int, source: Any) -> Limit:
    return Limit(float(value), n, source)
