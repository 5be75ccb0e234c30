"""The organs as one whole: their mean AUROC, its interval, and differences paired by patient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.config.evaluation import EvaluationSection
from metarisk.data.cohort import Cohort
from metarisk.metrics.inputs import Weights
from metarisk.metrics.intervals import Resampled, Statistics, holm, resampled_families
from metarisk.metrics.strata_names import AVERAGES
from metarisk.train.decisions import SITE
from metarisk.train.figures import EVER, OURS, Answers, Question
from metarisk.train.fold_questions import HeldOut, Tested, ask
from metarisk.train.fold_statistics import AUROC, Families, auroc_families

if TYPE_CHECKING:
    from metarisk.train.outer import OuterSplit

ORGAN_COLUMNS = (
    *("model", "horizon_days", "stratum", "metric", "organs", "value", "lower", "upper", "n", "events"),
    *("versus", "difference", "diff_lower", "diff_upper", "p", "p_holm"),
)


def organ_figures(
    models: Mapping[str, Answers],
    cohort: Cohort,
    split: OuterSplit,
    section: EvaluationSection,
    ranks_only: frozenset[str] = frozenset(),
) -> pd.DataFrame:
    """Mean AUROC over the organs (macro) of each fitted model, and the differences of ours from the others.

    Patients are drawn once for all organs, so that an interval knows that organs share their patients.

    Parameters
    ----------
    models, cohort, split, section
        As of `metarisk.train.fold_figures.fold_figures`.
    ranks_only
        Models that are left out: published scores, which do not answer organ by organ.

    Returns
    -------
    DataFrame
        Columns `ORGAN_COLUMNS`, for the organs without dates, and for those of each horizon; without two of
        them no rows. Strata are the averages of `fold_figures`, of whose AUROCs a value is the plain mean.
        ``organs`` is how many have the stratum, ``n`` and ``events`` count pairs of a sample and an organ. A
        row of ours stands once for each model that it is compared with; ``p`` is of the paired bootstrap,
        ``p_holm`` over the rows of one model.
    """
    held = HeldOut(cohort, split, section)
    rows: list[dict[str, Any]] = []
    for horizon, questions in _by_horizon(models[OURS]).items():
        telling = {
            name: answers
            for name, answers in models.items()
            if (name == OURS or name not in ranks_only) and set(questions) <= set(answers)
        }
        tested = [ask(question, telling, held).known for question in questions]
        organs = _Organs([organ for organ in tested if organ.parts], held)
        if len(organs.tested) > 1:
            rows += ({"horizon_days": horizon, **row} for row in organs.table())
    table = pd.DataFrame(rows, columns=list(ORGAN_COLUMNS))
    for _, family in table[table["versus"] != ""].groupby("versus", sort=False):
        table.loc[family.index, "p_holm"] = holm(family["p"].tolist())
    return table


def _by_horizon(answers: Answers) -> dict[float, list[Question]]:
    organs = [asked for asked in answers if asked.endpoint.startswith(SITE)]
    horizons = dict.fromkeys(asked.horizon_days for asked in organs)
    return {
        np.nan if horizon == EVER else horizon: [asked for asked in organs if asked.horizon_days == horizon]
        for horizon in horizons
    }


@dataclass(frozen=True)
class _Organs:
    """Organs of one horizon, each on the samples whose answer is known."""

    tested: Sequence[Tested]
    held: HeldOut

    @cached_property
    def rows(self) -> NDArray[np.intp]:
        """Rows of the cohort that any organ is judged on, ascending."""
        return np.unique(np.concatenate([organ.rows for organ in self.tested]))

    def table(self) -> Iterator[dict[str, Any]]:
        drawn = self._drawn()
        for (model, stratum), found in drawn.items():
            row = self._row(model, stratum, found)
            if model != OURS:
                yield row
                continue
            for control in self._models[1:]:
                gap = found.minus(drawn[control, stratum], len(self.rows))
                told = {"difference": gap.value, "diff_lower": gap.lower, "diff_upper": gap.upper, "p": gap.p}
                yield {**row, "versus": control, **told}

    @property
    def _models(self) -> list[str]:
        names = self.tested[0].scores
        return [OURS, *(name for name in names if name != OURS)]

    def _drawn(self) -> dict[tuple[str, str], Resampled]:
        """Model and stratum -> the mean on all rows and in each resample of the patients."""
        inside = self.held.split.part_of[self.rows] if self.held.by_part else None
        patients = self.held.cohort.patient_ids[self.rows]
        families = {tuple((model, name) for name in self._sizes): self._mean(model) for model in self._models}
        return resampled_families(families, patients, inside, resamples=self.held.section.bootstrap)

    @cached_property
    def _sizes(self) -> dict[str, NDArray[np.int64]]:
        """Average -> organs that have it, pairs of a sample and an organ, and events among them."""
        sizes: dict[str, NDArray[np.int64]] = {}
        for organ in self.tested:
            ranked = organ.ranked()
            told = {figure.stratum for figures in self._families(OURS, organ) for figure in figures}
            for stratum in (name for name in AVERAGES if name in told):
                sizes[stratum] = sizes.get(stratum, np.zeros(3, np.int64)) + np.array([1, *ranked[stratum]])
        return sizes

    def _mean(self, model: str) -> Statistics:
        places = [np.searchsorted(self.rows, organ.rows) for organ in self.tested]
        families = [self._families(model, organ) for organ in self.tested]

        def statistics(weights: Weights) -> Weights:
            total = {stratum: np.zeros(len(weights)) for stratum in self._sizes}
            for at, family in zip(places, families, strict=True):
                own = weights[:, at]
                for figures, found in family.items():
                    for figure, values in zip(figures, found(own), strict=True):
                        if figure.stratum in total:
                            total[figure.stratum] += values
            return np.stack([total[stratum] / organs for stratum, (organs, *_) in self._sizes.items()])

        return statistics

    def _families(self, model: str, organ: Tested) -> Families:
        return auroc_families(model, organ, by_part=self.held.by_part)

    def _row(self, model: str, stratum: str, found: Resampled) -> dict[str, Any]:
        organs, n, events = self._sizes[stratum].tolist()
        lower, upper = found.bounds()
        return {
            **{"model": model, "stratum": stratum, "metric": AUROC, "organs": organs, "versus": ""},
            **{"value": found.value, "lower": lower, "upper": upper, "n": n, "events": events},
        }
