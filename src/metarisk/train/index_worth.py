"""What edges tell where nothing is learned: an index of circuits' states, over curated edges and permuted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.config.experiment import TaskSection
from metarisk.data.cohort import Cohort
from metarisk.errors import ConfigError
from metarisk.features.indices import Levels, index_values, levels_of
from metarisk.features.states import LEAST_GENES
from metarisk.metrics.intervals import holm
from metarisk.metrics.strata_names import BY_SIZE, MEAN, POOLED
from metarisk.metrics.within import auroc_in_strata, mean_by_share
from metarisk.pathways.indices import INDICES, Index, SignedGenes, StateEdges, state_edges
from metarisk.schema.assays import Assay
from metarisk.schema.endpoints import task_of
from metarisk.train.figures import EVER, OURS, Answers, Question
from metarisk.train.fold_questions import HeldOut, Tested, ask
from metarisk.train.outer import UNTESTED, OuterSplit

Floats = NDArray[np.float64]
REWIRED, SHUFFLED_SIGNS, EFFECTORS = "rewired", "shuffled_signs", "effectors"
NULL_COLUMNS = (
    *("endpoint", "horizon_days", "stratum", "control", "auroc", "control_mean", "control_sd"),
    *("control_p95", "control_max", "draws", "n", "events", "p", "p_holm"),
)
OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class IndexTrial:
    """An index on a cohort whose parts are cohorts or cancer types.

    Attributes
    ----------
    index
        States and directions.
    levels
        Tumours of each part, told relative to each other.
    questions
        What it is asked.
    n
        Samples of the cohort.
    """

    index: Index
    levels: tuple[Levels, ...]
    questions: tuple[Question, ...]
    n: int

    @classmethod
    def of(cls, name: str, cohort: Cohort, split: OuterSplit, tasks: TaskSection) -> IndexTrial:
        """Read the tumours of each part.

        Raises
        ------
        ConfigError
            If the parts are folds of patients, nothing has expression, or no question is one that the index
            speaks of.
        """
        index = INDICES[name]
        asked = [Question(endpoint, EVER) for endpoint in tasks.binary]
        asked += [Question(endpoint, days) for endpoint in tasks.timed for days in tasks.horizons_days]
        questions = tuple(each for each in asked if task_of(each.endpoint)[0] in index.signs)
        if split.kind == "patient" or Assay.EXPRESSION not in cohort.assays or not questions:
            raise ConfigError(
                f"the index {name} cannot be asked of this experiment",
                expected=f"expression, benchmark.split by cohort or cancer_type, and one of the tasks "
                f"{', '.join(index.signs)}",
                do="Change the configuration; configs/benchmarks/ici_index.yaml is one that runs.",
            )
        table = cohort.assays[Assay.EXPRESSION]
        told = table.measured.any(axis=1) & (split.part_of != UNTESTED)
        parts = [np.flatnonzero(told & (split.part_of == part)) for part in range(len(split.parts))]
        levels = tuple(levels_of(table, rows) for rows in parts if len(rows) > 1)
        return cls(index, levels, questions, len(cohort))

    def values(self, states: Sequence[SignedGenes], *, least_genes: int = LEAST_GENES) -> Floats:
        """Index of each sample, NaN where it is not asked, shape (N,)."""
        directions = tuple(self.index.directions.values())
        found = np.full(self.n, np.nan)
        for levels in self.levels:
            found[levels.rows] = index_values(levels, states, directions, least_genes=least_genes)
        return found

    def over(self, edges: StateEdges) -> Floats:
        """Index as it is read over some edges, shape (N,)."""
        return self.values(edges.genes(self.index.states))

    def effectors(self) -> Floats:
        """The same states as the expression of their effectors alone: no edge is read, shape (N,)."""
        return self.values([dict.fromkeys(state.effectors, 1) for state in self.index.states], least_genes=1)

    def answers(self, values: Floats) -> Answers:
        """The index as an answer to each question, higher = the event is likelier."""
        signs = {each: self.index.signs[task_of(each.endpoint)[0]] for each in self.questions}
        return {question: sign * values for question, sign in signs.items()}


def null_figures(
    trial: IndexTrial, held: HeldOut, *, draws: int, seed: int, on_progress: OnProgress = lambda *_: None
) -> tuple[pd.DataFrame, list[Floats]]:
    """AUROC of the index over the real edges beside permuted ones.

    Parameters
    ----------
    trial
        The index and its tumours.
    held
        The cohort and its parts.
    draws
        Rewired edges, and as many of shuffled signs.
    seed
        Equal seeds draw equal edges.
    on_progress
        Told how many topologies are read.

    Returns
    -------
    tuple
        Columns `NULL_COLUMNS`: ``auroc`` inside each part, averaged plainly (``mean``) or by patients
        (``by size``); ``p`` is the share of the topologies, the real one among them, that
        reach it, one-sided; ``p_holm`` over all rows. And the draws of each row.
    """
    edges = state_edges()
    permuted = {REWIRED: edges.rewired, SHUFFLED_SIGNS: edges.shuffled_signs}
    real = trial.answers(trial.over(edges))
    asked = {each: ask(each, {OURS: real}, held).known for each in trial.questions}
    drawn: dict[tuple[Question, str, str], list[float]] = {}
    for number in range(draws):
        on_progress("permuting edges", number, draws)
        for control, permute in permuted.items():
            answers = trial.answers(trial.over(permute(seed * draws + number)))
            for question, tested in asked.items():
                for stratum, figure in _averages(tested, answers[question]).items():
                    drawn.setdefault((question, stratum, control), []).append(figure)
    on_progress("permuting edges", draws, draws)
    nulls = {key: np.array(figures) for key, figures in drawn.items()}
    rows = [
        _row(key, _averages(asked[key[0]], real[key[0]])[key[1]], figures, asked[key[0]])
        for key, figures in nulls.items()
    ]
    table = pd.DataFrame(rows, columns=list(NULL_COLUMNS[:-1]))
    table["p_holm"] = holm(table["p"].tolist())
    return table, list(nulls.values())


def _averages(tested: Tested, answers: Floats) -> dict[str, float]:
    """Stratum -> AUROC inside parts, averaged over them."""
    strata = tested.strata[POOLED]
    found = auroc_in_strata(answers[tested.rows], tested.label, strata)(tested.weight[None, :])
    shares = tested.shares()
    return {name: float(mean_by_share(found, shares[name])[0]) for name in (MEAN, BY_SIZE)}


def _row(key: tuple[Question, str, str], real: float, figures: Floats, tested: Tested) -> dict[str, Any]:
    question, stratum, control = key
    size = tested.ranked()[stratum]
    return {
        **{"endpoint": question.endpoint, "stratum": stratum, "control": control, "auroc": real},
        "horizon_days": np.nan if question.horizon_days == EVER else question.horizon_days,
        **{"control_mean": figures.mean(), "control_sd": figures.std(ddof=1), "control_max": figures.max()},
        **{"control_p95": np.quantile(figures, 0.95), "draws": len(figures)},
        **{"n": size.n, "events": size.events, "p": (1 + (figures >= real).sum()) / (1 + len(figures))},
    }
