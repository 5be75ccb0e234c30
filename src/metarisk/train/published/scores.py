"""Which published scores there are, which endpoints each answers, and which way it points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from metarisk.data.cohort import Cohort
from metarisk.errors import ConfigError
from metarisk.nn.heads import TaskLayout
from metarisk.schema.endpoints import task_of
from metarisk.train.examples import Floats
from metarisk.train.figures import EVER, Question
from metarisk.train.published.expression import IFN_GAMMA, T_CELL_INFLAMED, GeneScore
from metarisk.train.published.loris import (
    NSCLC_READS,
    PAN_CANCER_READS,
    lung_loris,
    pan_cancer_loris,
)


@dataclass(frozen=True)
class PublishedScore:
    """A score that is not fitted.

    Attributes
    ----------
    reads
        What it is computed from, in words.
    of
        Score of each sample of a cohort, NaN where it cannot be told, shape (N,).
    signs
        Task of an endpoint -> 1 where a higher score makes the event likelier, -1 where less likely. Other
        endpoints it does not answer.
    """

    reads: str
    of: Callable[[Cohort], Floats]
    signs: Mapping[str, int]


def _clinical(name: str, signs: Mapping[str, int]) -> PublishedScore:
    def value(cohort: Cohort) -> Floats:
        return cohort.clinical.reindex(columns=[name])[name].to_numpy(np.float64, copy=True)

    return PublishedScore(name, value, signs)


def _genes(score: GeneScore, signs: Mapping[str, int]) -> PublishedScore:
    return PublishedScore(score.reads, score.of, signs)


_RESPONSE = {"response": 1}
# LORIS was published for response, and for survival under the same inhibitors: who responds lives longer.
_RESPONSE_AND_SURVIVAL = {"response": 1, "pfs": -1, "os": -1}
SCORES: Mapping[str, PublishedScore] = {
    "tmb": _clinical("tmb_per_mb", _RESPONSE),
    # Hieronymus et al., Tumor copy number alteration burden is a pan-cancer prognostic factor associated
    # with recurrence and death, eLife 2018.
    "fga": _clinical("fga", {"metastatic": 1, "site": 1, "metastasis": 1, "pfs": 1, "os": 1}),
    "age": _clinical("age_years", {"pfs": 1, "os": 1}),
    "pdl1_percent": _clinical("pdl1_percent", _RESPONSE),
    "gep": _genes(GeneScore(T_CELL_INFLAMED, "Ayers_IFNg18"), _RESPONSE),
    "ifng": _genes(GeneScore(IFN_GAMMA, "Ayers_IFNg6"), _RESPONSE),
    "cd8a": _genes(GeneScore({"CD8A": 1.0}, "CD8Tcell_sc"), _RESPONSE),
    "pdl1": _genes(GeneScore({"CD274": 1.0}, "Target_marker_PDL1"), _RESPONSE),
    # Proliferation in breast cancer: Desmedt et al., Biological processes associated with breast cancer
    # clinical outcome depend on the molecular subtypes, Clin Cancer Res 2008.
    "aurka": _genes(GeneScore({"AURKA": 1.0}), {"metastasis": 1, "pfs": 1, "os": 1}),
    "loris": PublishedScore(PAN_CANCER_READS, pan_cancer_loris, _RESPONSE_AND_SURVIVAL),
    "loris_nsclc": PublishedScore(NSCLC_READS, lung_loris, _RESPONSE_AND_SURVIVAL),
}
# Score -> what it reads. Their answers order patients and mean nothing else: no Brier score, no calibration.
RANKS_ONLY: Mapping[str, str] = {name: score.reads for name, score in SCORES.items()}


def score_answers(
    name: str, layout: TaskLayout, horizons_days: tuple[float, ...], test: Cohort
) -> dict[Question, Floats]:
    """Answers of a published score to the endpoints that it speaks of, shape (N,) each.

    Parameters
    ----------
    name
        One of `SCORES`.
    layout
        The endpoints asked for.
    horizons_days
        Horizons of the dated ones; a score answers all of them alike.
    test
        Samples to score.

    Returns
    -------
    dict
        Question -> score, higher = the event is likelier, NaN where it cannot be told.

    Raises
    ------
    ConfigError
        If it answers none of the endpoints.
    """
    score = SCORES[name]
    asked = [Question(endpoint, EVER) for endpoint in layout.binary]
    asked += [Question(endpoint, horizon) for endpoint in layout.timed for horizon in horizons_days]
    signs = {question: score.signs.get(task_of(question.endpoint)[0], 0) for question in asked}
    if not any(signs.values()):
        raise ConfigError(
            f"the score {name} answers none of {', '.join(dict.fromkeys(q.endpoint for q in asked))}",
            expected=f"one of {', '.join(score.signs)}",
            do=f"Take {name} out of evaluation.controls.",
        )
    value = score.of(test)
    return {question: sign * value for question, sign in signs.items() if sign}
