"""Conformal limits as JSON: a line a question and group, no patient's value among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from metarisk.models.conformal import AnswerLimits, Asked, ConformalSets, Limit


def tree_of_sets(sets: ConformalSets) -> dict[str, Any]:
    """Plain values; an infinite limit, which rules nothing out, is null."""
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
    }


def sets_of_tree(tree: Mapping[str, Any]) -> ConformalSets:
    """What `tree_of_sets` told."""
    limits = {
        Asked(row["endpoint"], row["cause"], row["horizon_days"]): {
            name: AnswerLimits(*(_limit(*answer) for answer in answers))
            for name, answers in row["groups"].items()
        }
        for row in tree["limits"]
    }
    return ConformalSets(tree["level"], dict(tree["columns"]), limits)


def _tree(limit: Limit) -> list[Any]:
    return [limit.value if np.isfinite(limit.value) else None, limit.n, limit.source]


def _limit(value: float | None, n: int, source: Any) -> Limit:
    return Limit(np.inf if value is None else value, n, source)
