"""Who does the scoring: cohorts in, scores out, and nothing of ledgers, files or order of inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pandas as pd

from metarisk.data.cohort import Cohort

if TYPE_CHECKING:
    from metarisk.models.bundle import ModelBundle

# From cohorts to the scores of each, in the same order. An engine may take some cohorts ahead of the scores
# that it hands back; memory grows with as many. It need not write anything: what it handed back is kept.
Engine = Callable[[Iterable[Cohort]], Iterator[pd.DataFrame]]


def in_this_process(bundle: ModelBundle) -> Engine:
    """Engine of one thread: with several, the last bit of a number depends on how many."""

    def scored(cohorts: Iterable[Cohort]) -> Iterator[pd.DataFrame]:
        from metarisk.models.scoring import score_cohort

        for cohort in cohorts:
            with _one_thread():
                scores = score_cohort(bundle, cohort)
            yield scores

    return scored


@contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
