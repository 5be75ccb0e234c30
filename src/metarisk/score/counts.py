"""Whole numbers counted over a scoring job's input and scores: bounded, and the same in any order or cut."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.cohort import Cohort
from metarisk.features.clinic import codes_of, numbers_of
from metarisk.models.reference import FAR
from metarisk.models.training_summary import Distribution, TrainingSummary, question_name
from metarisk.schema.scores import FLAG_SEPARATOR

if TYPE_CHECKING:
    from metarisk.features.transform import FeatureTransform

# Probabilities are added as whole numbers of these, so that no order of addition shows in a mean.
PARTS = 10**9
ABSTAINED, UNDECIDED = "abstained:", "undecided"
QUESTION = ["task", "target", "horizon_days"]

Counts = NDArray[np.int64]


@dataclass
class InputCounts:
    """Samples in the cells of the training patients' distributions: clinical columns.

    Attributes
    ----------
    summary, transform
        Of the model.
    samples
        Counted so far.
    cells
        (kind, name) -> samples in each cell.
    """

    summary: TrainingSummary
    transform: FeatureTransform
    samples: int = 0
    cells: dict[tuple[str, str], Counts] = field(default_factory=dict)

    def add(self, cohort: Cohort) -> None:
        """Count the samples of one part."""
        self.samples += len(cohort)
        numbers = numbers_of(cohort.clinical, self.transform.numeric).astype(np.float64)
        for told in self.summary.of("number"):
            values = numbers[:, self.transform.numeric.index(told.name)]
            known = ~np.isnan(values)
            self._count("number", told.name, told.cells_of(values[known]))
            self._count("known", told.name, _yes_no(known))
        for told in self.summary.of("category"):
            codes = codes_of(cohort.clinical, told.name, self.transform.levels[told.name])
            self._count("category", told.name, self._levels(told, codes[codes >= 0]))
            self._count("known", told.name, _yes_no(codes >= 0))

    def _levels(self, told: Distribution, codes: Counts) -> Counts:
        """Samples at each level of a distribution; those that it does not name are in its last."""
        position = {level: at for at, level in enumerate(told.levels[:-1])}
        rest = len(told.levels) - 1
        cell_of = np.array([position.get(level, rest) for level in self.transform.levels[told.name]])
        return np.bincount(cell_of[codes], minlength=rest + 1)

    def _count(self, kind: str, name: str, counts: Counts) -> None:
        self.cells[kind, name] = self.cells.get((kind, name), np.zeros_like(counts)) + counts


@dataclass
class QuestionCounts:
    """Answers to one question.

    Attributes
    ----------
    cells
        Answers in each cell of the training patients' distribution; one cell where there is none.
    parts
        Sum of the probabilities, in `PARTS` of one.
    answered, undecided
        Rows with a probability; rows whose set leaves the answer open, held back or not.
    abstained
        Reason -> rows without a probability.
    """

    cells: Counts
    parts: int = 0
    answered: int = 0
    undecided: int = 0
    abstained: Counter[str] = field(default_factory=Counter)

    def add(self, rows: pd.DataFrame, told: Distribution | None) -> None:
        """Count some rows of the question."""
        probability = rows["probability"].to_numpy(dtype=np.float64)
        known = ~np.isnan(probability)
        values = probability[known]
        self.cells += np.array([len(values)]) if told is None else told.cells_of(values)
        self.parts += int(np.rint(values * PARTS).astype(np.int64).sum())
        self.answered += int(known.sum())
        flags = rows["flags"].to_numpy(dtype=object)
        self.undecided += sum(UNDECIDED in text for text in flags)
        for text, n in Counter(flags[~known].tolist()).items():
            reasons = [flag for flag in text.split(FLAG_SEPARATOR) if flag.startswith(ABSTAINED)]
            self.abstained[(reasons or [ABSTAINED])[0].removeprefix(ABSTAINED)] += n

    @property
    def mean(self) -> float | None:
        """Mean probability, None without an answer."""
        return self.parts / PARTS / self.answered if self.answered else None


@dataclass
class ScoreCounts:
    """Answers in the cells of the training patients', question by question, and distances.

    Attributes
    ----------
    summary
        Of the model.
    questions
        Name of the question -> counts, in the order of the table.
    compared, far
        Samples with a distance p-value, and those of them under `FAR`.
    """

    summary: TrainingSummary
    questions: dict[str, QuestionCounts] = field(default_factory=dict)
    compared: int = 0
    far: int = 0

    def add(self, scores: pd.DataFrame) -> None:
        """Count the rows of one part of the table; a sample's rows all stand in one part."""
        distance = scores.drop_duplicates("sample_id")["distance_p"].to_numpy(dtype=np.float64)
        self.compared += int((~np.isnan(distance)).sum())
        self.far += int((np.nan_to_num(distance, nan=1.0) < FAR).sum())
        told = {distribution.name: distribution for distribution in self.summary.of("answer")}
        for _, rows in scores.groupby(QUESTION, dropna=False, sort=False):
            name = _question(rows)
            like = told.get(name)
            if name not in self.questions:
                empty = np.zeros(1 if like is None else len(like.counts), dtype=np.int64)
                self.questions[name] = QuestionCounts(empty)
            self.questions[name].add(rows, like)


def _question(rows: pd.DataFrame) -> str:
    """Name of the question that all of these rows answer."""
    first = rows.iloc[0]
    return question_name(str(first["task"]), str(first["target"]), float(first["horizon_days"]))


def _yes_no(yes: NDArray[np.bool_]) -> Counts:
    return np.array([yes.sum(), (~yes).sum()], dtype=np.int64)
