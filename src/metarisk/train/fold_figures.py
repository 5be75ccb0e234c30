"""Figures of cross-validated models with intervals; ours compared with each control, patient by patient."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from metarisk.config.evaluation import EvaluationSection
from metarisk.data.cohort import Cohort
from metarisk.metrics.delong import DeLong, averaged_delong, delong
from metarisk.metrics.intervals import Resampled, holm, resampled_families
from metarisk.metrics.strata_names import AVERAGES, POOLED, WITHIN
from metarisk.train.figures import EVER, OURS, Answers, Question
from metarisk.train.fold_courses import D_CALIBRATION, course_of
from metarisk.train.fold_questions import Asked, HeldOut, Size, Tested, ask
from metarisk.train.fold_statistics import (
    AUROC,
    COMPARED,
    RANKED,
    Families,
    Figure,
    followed_families,
    known_families,
    yes_no_expected,
)

if TYPE_CHECKING:
    from metarisk.train.outer import OuterSplit

OnProgress = Callable[[str, int, int], None]
FOLD_COLUMNS = (
    *("model", "endpoint", "horizon_days", "stratum", "metric", "value", "lower", "upper", "n", "events"),
    *("versus", "difference", "diff_lower", "diff_upper", "test", "p", "p_holm"),
)
EACH_PART = "each part"
FAMILY_WISE = 0.05
STAGE = "resampling patients"


def fold_figures(
    models: Mapping[str, Answers],
    cohort: Cohort,
    split: OuterSplit,
    section: EvaluationSection,
    on_progress: OnProgress = lambda what, done, of: None,
    ranks_only: frozenset[str] = frozenset(),
) -> pd.DataFrame:
    """Figures of each model over all held-out parts, and the differences of ours from the others.

    Parameters
    ----------
    models
        Model -> question -> probability of each sample of the cohort by the fit that held it out, NaN where
        it was not asked, shape (N,); `OURS` among them.
    cohort
        All samples.
    split
        The parts; a sample's censoring weight comes from the patients that its models learned from.
    section
        Resamples, stratum and its least events.
    on_progress
        Told how many questions are done.
    ranks_only
        Models whose score is no probability, higher = the event is likelier: published formulas, genes.
        They have AUROC, concordance and average precision only. One that does not answer everybody is
        compared on whom it answers and takes nobody from the others; any other model does. Ours may be one.

    Returns
    -------
    DataFrame
        Columns `FOLD_COLUMNS`. A row of ours stands once for each control that it is compared with
        (``versus``), on the patients of that comparison; ``difference`` is ours minus the control.

        Ranks (AUROC, concordance) are of pairs of patients held out together. Stratum ``pooled`` averages
        them over parts by the parts' cases; where parts are cohorts or cancer types, ``mean`` counts each
        part alike, ``by size`` by its rows, each part stands under its own name, and patients are resampled
        within parts. ``within`` ranks inside strata too, by their cases; with ``within_each``,
        ``mean within`` counts each stratum alike and each stands under its name. The other metrics are over
        all rows.

        ``p_holm`` is adjusted over all questions and averages of a control and metric; parts and single
        strata are a family of their own. A dated endpoint as a whole has an empty horizon.
    """
    held = HeldOut(cohort, split, section)
    rows: list[dict[str, Any]] = []
    for done, question in enumerate(models[OURS]):
        on_progress(STAGE, done, len(models[OURS]))
        for asked, ranked_only in _comparisons(question, models, held, ranks_only):
            rows += _rows_of(asked, held, ranked_only)
    for endpoint in dict.fromkeys(asked.endpoint for asked in models[OURS] if asked.horizon_days != EVER):
        rows += _course_rows(endpoint, models, held, ranks_only)
    on_progress(STAGE, len(models[OURS]), len(models[OURS]))
    table = pd.DataFrame(rows, columns=list(FOLD_COLUMNS[:-1]))
    compared = table[table["versus"] != ""]
    for _, family in compared.groupby(["versus", "metric", compared["stratum"].isin(AVERAGES)], sort=False):
        table.loc[family.index, "p_holm"] = holm(family["p"].tolist())
    return table.reindex(columns=list(FOLD_COLUMNS))


def verdicts(figures: pd.DataFrame) -> pd.DataFrame:
    """Wins, ties and losses of ours against each control by AUROC, one row a control and stratum.

    A win or loss has a 95 % interval of the difference that leaves zero out; beside it stands how many do so
    after Holm's adjustment. ``mean`` is of the differences. Parts are counted together.
    """
    compared = figures[(figures["metric"] == AUROC) & (figures["versus"] != "")]
    stratum = compared["stratum"].where(compared["stratum"].isin(AVERAGES), EACH_PART)
    rows = [
        {"versus": f"{OURS} - {versus}", "stratum": name, **_count(group)}
        for (versus, name), group in compared.groupby(["versus", stratum], sort=False)
    ]
    return pd.DataFrame(rows)


def _count(group: pd.DataFrame) -> dict[str, str]:
    sure = group["p_holm"] < FAMILY_WISE
    wins, losses = group["diff_lower"] > 0, group["diff_upper"] < 0
    ahead, behind = (sure & (group["difference"] > 0)).sum(), (sure & (group["difference"] < 0)).sum()
    return {
        "questions": str(len(group)),
        "wins": f"{wins.sum()} ({ahead} after Holm)",
        "ties": str((~wins & ~losses).sum()),
        "losses": f"{losses.sum()} ({behind} after Holm)",
        "mean": f"{group['difference'].mean():+.4f}",
        "least": f"{group['difference'].min():+.4f}",
    }


def _comparisons(
    question: Question, models: Mapping[str, Answers], held: HeldOut, ranks_only: frozenset[str]
) -> Iterator[tuple[Asked, frozenset[str]]]:
    """The question asked of all models together, then of ours and each that answers only some.

    Beside each, the models of which only ranks are given: of ours all else is told in the first.
    """
    answering = {name: answers for name, answers in models.items() if question in answers}
    fitted = [name for name in answering if name == OURS or name not in ranks_only]
    together = {name: answering[name] for name in fitted}
    judged = ask(question, together, held)
    rows = judged.known.rows if judged.followed is None else judged.followed.tested.rows
    partly = [
        name for name in answering if name not in together and np.isnan(answering[name][question][rows]).any()
    ]
    whole = {name: answers for name, answers in answering.items() if name not in partly}
    yield (judged if len(whole) == len(together) else ask(question, whole, held)), ranks_only
    ours = np.full(len(held.cohort), np.nan)
    ours[rows] = models[OURS][question][rows]
    for name in partly:
        yield ask(question, {OURS: {question: ours}, name: answering[name]}, held), frozenset({OURS, name})


@dataclass(frozen=True)
class _Resampling:
    """Figures of some rows over resampled patients.

    Attributes
    ----------
    question
        Endpoint and horizon; `EVER` where there is none.
    tested
        The rows.
    drawn
        Figure -> what it was on all rows and in each resample.
    """

    question: Question
    tested: Tested
    drawn: Mapping[Figure, Resampled]

    @classmethod
    def of(cls, question: Question, tested: Tested, families: Families, held: HeldOut) -> _Resampling:
        """Patients are drawn within their parts where these mean something."""
        inside = tested.part if held.by_part else None
        resamples = held.section.bootstrap
        return cls(
            question, tested, resampled_families(families, tested.patients, inside, resamples=resamples)
        )

    def rows(self) -> Iterator[dict[str, Any]]:
        """A row a figure; one of ours stands once a control."""
        ranked = self.tested.ranked()
        for figure, found in self.drawn.items():
            size = ranked[figure.stratum] if figure.metric in RANKED else self.tested.whole
            row = _row(self.question, figure, found, size)
            controls = self._controls(figure)
            if figure.model != OURS or not controls:
                yield row
                continue
            for control in controls:
                yield {**row, **self._difference(figure, control)}

    def _controls(self, figure: Figure) -> Sequence[str]:
        """Models that ours is compared with by a metric."""
        if figure.metric not in COMPARED:
            return ()
        others = [name for name in self.tested.scores if name != OURS]
        return [name for name in others if figure._replace(model=name) in self.drawn]

    def _difference(self, figure: Figure, control: str) -> dict[str, Any]:
        """Ours minus a control: interval of the paired bootstrap, and a p value."""
        other = self.drawn[figure._replace(model=control)]
        gap = self.drawn[figure].minus(other, len(self.tested.patients))
        test, p = "bootstrap", gap.p
        if figure.metric == AUROC and self.tested.independent:
            test, p = "delong", self._delong_p(figure.stratum, control)
        return {
            **{"versus": control, "difference": gap.value, "diff_lower": gap.lower, "diff_upper": gap.upper},
            **{"test": test, "p": p},
        }

    def _delong_p(self, stratum: str, control: str) -> float:
        """P value of the AUROCs in a part or a type, or of their average."""
        within = self.tested.shares_within()
        if stratum in within:
            share, over = within[stratum], WITHIN
        else:
            share, over = self.tested.shares()[stratum], POOLED
        counted = np.flatnonzero(share)
        inside = self._inside[over, control]
        return averaged_delong([inside[at] for at in counted], share[counted]).p

    @cached_property
    def _inside(self) -> dict[tuple[str, str], list[DeLong]]:
        """Ours against each control in each part, and in each stratum within: many figures ask for them."""
        scores, label = self.tested.scores, self.tested.label
        return {
            (over, control): [delong(scores[OURS][r], score[r], label[r]) for r in strata.rows]
            for over, strata in self.tested.strata.items()
            for control, score in scores.items()
            if control != OURS
        }


def _row(question: Question, figure: Figure, found: Resampled, size: Size) -> dict[str, Any]:
    lower, upper = found.bounds()
    horizon = np.nan if question.horizon_days == EVER else question.horizon_days
    return {
        **figure._asdict(),
        **{"endpoint": question.endpoint, "horizon_days": horizon},
        **{"value": found.value, "lower": lower, "upper": upper, "versus": ""},
        **size._asdict(),
    }


def _rows_of(asked: Asked, held: HeldOut, ranks_only: frozenset[str]) -> Iterator[dict[str, Any]]:
    known, by_part = asked.known, held.by_part
    if known.parts:
        families = known_families(known, ranks_only, by_part=by_part)
        if asked.followed is None:
            families |= yes_no_expected(known, ranks_only)
        yield from _Resampling.of(asked.question, known, families, held).rows()
    if asked.followed is not None and asked.followed.tested.parts:
        families = followed_families(asked.followed, ranks_only, by_part=by_part)
        yield from _Resampling.of(asked.question, asked.followed.tested, families, held).rows()


def _course_rows(
    endpoint: str, models: Mapping[str, Answers], held: HeldOut, ranks_only: frozenset[str]
) -> Iterator[dict[str, Any]]:
    """Figures of an endpoint as a whole, of the models that answer it with probabilities."""
    telling = {
        name: answers
        for name, answers in models.items()
        if name not in ranks_only and any(asked.endpoint == endpoint for asked in answers)
    }
    course = course_of(endpoint, telling, held) if OURS in telling else None
    if course is None:
        return
    whole = Question(endpoint, EVER)
    yield from _Resampling.of(whole, course.tested, course.families(), held).rows()
    for model, p in course.d_calibration().items():
        alone = Resampled(p, np.full(1, np.nan))  # a p value has no interval
        yield _row(whole, Figure(model, D_CALIBRATION, POOLED), alone, course.tested.whole)
