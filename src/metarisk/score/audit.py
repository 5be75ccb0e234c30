"""A scoring job against the model's training patients: what drifted, how far, and whether to act.

Each distribution is compared cell by cell. How much it moved is the population stability index, the sum over
cells of (now - training) ln(now / training), read by the convention of credit scoring: under 0.10 no change
that matters, 0.25 and more a change to act on (Siddiqi, Credit risk scorecards, 2006, chapter 10). Whether it
could be chance is Fisher's exact test for two cells and Pearson's chi-square for more, times the number of
checks (Bonferroni): a verdict needs both, since of many samples any trifle is no chance, and of few any index
is large (Yurdakul and Naranjo, Statistical properties of the population stability index, 2020).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from metarisk.models.reference import FAR
from metarisk.models.training_summary import Distribution, TrainingSummary
from metarisk.score.counts import Counts, InputCounts, ScoreCounts

if TYPE_CHECKING:
    from metarisk.score.report import ScoreReport

Verdict = Literal["ok", "look", "alarm", "too few"]
FORMAT, FORMAT_VERSION = "metarisk.audit", 1

LOOK, ALARM = 0.10, 0.25  # population stability index
CHANCE = 0.001  # of any verdict but "ok" in a cohort like the training's, over all checks
FEWEST = 50  # samples under which nothing is judged
FAR_LOOK, FAR_ALARM = 2 * FAR, 5 * FAR  # shares of samples further away than one in a hundred
HALF = 0.5  # added to each cell, so that an empty one is no infinity
ORDER: Mapping[str, int] = {"alarm": 0, "look": 1, "too few": 2, "ok": 3}


class Check(NamedTuple):
    """One comparison.

    Attributes
    ----------
    kind, name
        ``number``, ``category``, ``known``, ``assay``, ``answer``, ``undecided``, ``far`` or
        ``training patients``, and which.
    measure
        What the next two numbers are: the share of the cell that moved most, or a mean.
    training, now
        Of the training patients, of this job.
    psi
        Population stability index; None where it does not apply.
    p
        Chance of as much in a cohort like the training's, times the number of checks; None where no test was
        done.
    n
        Samples that it rests on.
    verdict
        ``ok``, ``look``, ``alarm``, or ``too few`` to say.
    """

    kind: str
    name: str
    measure: str
    training: float
    now: float
    psi: float | None
    p: float | None
    n: int
    verdict: Verdict


class AnswersNow(NamedTuple):
    """Answers to a question now and at training, in the same cells between cuts."""

    name: str
    cuts: tuple[float, ...]
    training: tuple[int, ...]
    now: tuple[int, ...]
    mean_training: float | None
    mean_now: float | None
    answered: int
    undecided: int
    abstained: dict[str, int]


@dataclass(frozen=True)
class Audit:
    """What a job's input and answers are beside the training patients'.

    Attributes
    ----------
    samples, training_patients
        Scored now; that the model was trained on.
    checks
        Alarms first.
    answers
        Question by question.
    abstained
        Reason -> rows without a probability.
    flags
        Flag -> samples.
    compared, far
        Samples with a distance p-value, and under 0.01.
    """

    samples: int
    training_patients: int
    checks: tuple[Check, ...]
    answers: tuple[AnswersNow, ...]
    abstained: Mapping[str, int]
    flags: Mapping[str, int]
    compared: int
    far: int

    @property
    def verdict(self) -> Verdict:
        """The gravest of all checks; ``too few`` where nothing could be judged."""
        found = {check.verdict for check in self.checks}
        if "alarm" in found or "look" in found:
            return "alarm" if "alarm" in found else "look"
        return "ok" if "ok" in found else "too few"

    def tree(self) -> dict[str, Any]:
        """Plain values for ``audit.json``; equal jobs have equal ones."""
        checks = [check._asdict() for check in self.checks]
        for check in checks:
            check |= {name: _plain(check[name]) for name in ("training", "now", "psi", "p")}
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "verdict": self.verdict,
            "thresholds": {
                "psi": {"look": LOOK, "alarm": ALARM},
                "far_share": {"expected": FAR, "look": FAR_LOOK, "alarm": FAR_ALARM},
                "chance": CHANCE,
                "fewest_samples": FEWEST,
            },
            **asdict(self),
            "checks": checks,
            "answers": [told._asdict() for told in self.answers],
        }

    def table(self) -> str:
        """``audit.tsv``: a line a check."""
        lines = ["\t".join(Check._fields), *("\t".join(map(_cell, check)) for check in self.checks)]
        return "\n".join(lines) + "\n"


def audit_of(summary: TrainingSummary, seen: InputCounts, scored: ScoreCounts, report: ScoreReport) -> Audit:
    """Compare what was counted with the training patients.

    Parameters
    ----------
    summary
        Of the model.
    seen, scored
        Counts over the whole job.
    report
        Of the job: its samples and how many of them carry each flag.
    """
    now = {**seen.cells, **_counted(summary, scored, report)}
    pairs = [
        (told, now[told.kind, told.name]) for told in summary.distributions if (told.kind, told.name) in now
    ]
    many = len(pairs) + 1
    checks = [_compared(told, cells, many, scored) for told, cells in pairs]
    checks += [_distance(scored, many), *_known_patients(report)]
    abstained: Counter[str] = Counter()
    for question in scored.questions.values():
        abstained.update(question.abstained)
    return Audit(
        samples=report.samples,
        training_patients=summary.patients,
        checks=tuple(sorted(map(_to_six_digits, checks), key=lambda check: ORDER[check.verdict])),
        answers=tuple(_answers(summary, scored)),
        abstained=dict(sorted(abstained.items())),
        flags=dict(sorted(report.flags.items())),
        compared=scored.compared,
        far=scored.far,
    )


def _counted(
    summary: TrainingSummary, scored: ScoreCounts, report: ScoreReport
) -> dict[tuple[str, str], Counts]:
    """Cells of assays, from the samples' flags, and of answers."""
    cells: dict[tuple[str, str], Counts] = {}
    for told in summary.of("assay"):
        missing = report.flags.get(f"missing:{told.name}", 0)
        cells["assay", told.name] = np.array([report.samples - missing, missing])
    for name, question in scored.questions.items():
        cells["answer", name] = question.cells
        decided = question.answered + question.abstained["undecided"] - question.undecided
        cells["undecided", name] = np.array([question.undecided, decided])
    return cells


def _compared(told: Distribution, now: Counts, many: int, scored: ScoreCounts) -> Check:
    before, n = np.array(told.counts), int(now.sum())
    psi, smaller = stability_index(before, now), min(n, int(before.sum()))
    p = min(chance(before, now) * many, 1.0) if smaller >= FEWEST else None
    moved = _moved(before, now)
    measure = f"share: {told.cell_names[moved]}"
    training, today = _share(before, moved), _share(now, moved)
    if told.mean is not None:
        mean = scored.questions[told.name].mean
        measure, training, today = "mean probability", told.mean, np.nan if mean is None else mean
    # What share of sets training would leave open is known by approximation only: no ground for an alarm.
    alarm = np.inf if told.kind == "undecided" else ALARM
    verdict = _verdict(psi, p, smaller, (LOOK, alarm))
    return Check(told.kind, told.name, measure, training, today, psi, p, n, verdict)


def _share(counts: Counts, cell: int) -> float:
    return float(counts[cell] / counts.sum()) if counts.sum() else float("nan")


def stability_index(before: Counts, now: Counts) -> float:
    """Population stability index of two sets of counts; cells that neither has say nothing."""
    some = (before + now) > 0
    shares = [(counts[some] + HALF) / (counts[some] + HALF).sum() for counts in (before, now)]
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def chance(before: Counts, now: Counts) -> float:
    """p-value of "both are draws from one population": exact for two cells, chi-square for more."""
    from scipy.stats import chi2_contingency, fisher_exact

    table = np.stack([before, now])[:, (before + now) > 0]
    if table.shape[1] < 2 or not table.sum(axis=1).all():
        return 1.0
    if table.shape[1] == 2:
        return float(fisher_exact(table).pvalue)
    return float(chi2_contingency(table, correction=False).pvalue)


def _moved(before: Counts, now: Counts) -> int:
    """Cell whose share moved most; the first where there are two, so that a share is of the same thing."""
    if len(before) < 3 or not (before.sum() and now.sum()):
        return 0
    return int(np.argmax(np.abs(now / now.sum() - before / before.sum())))


def _verdict(size: float, p: float | None, n: int, limits: tuple[float, float]) -> Verdict:
    if p is None:
        return "too few"
    if p >= CHANCE or size < limits[0]:
        return "ok"
    return "alarm" if size >= limits[1] else "look"


def _distance(scored: ScoreCounts, many: int) -> Check:
    share = scored.far / scored.compared if scored.compared else float("nan")
    p = min(_at_least(scored.far, scored.compared) * many, 1.0) if scored.compared >= FEWEST else None
    verdict = _verdict(share, p, scored.compared, (FAR_LOOK, FAR_ALARM))
    return Check("far", "distance_p", f"share under {FAR:g}", FAR, share, None, p, scored.compared, verdict)


def _at_least(far: int, compared: int) -> float:
    """Chance that so many or more of samples like the training's are far."""
    from scipy.stats import binom

    return float(binom.sf(far - 1, compared, FAR))


def _known_patients(report: ScoreReport) -> Iterator[Check]:
    """Patients that the model was trained on: their answers are not those of new patients."""
    met = report.flags.get("training-patient", 0)
    verdict: Verdict = "look" if met else "ok"
    yield Check(
        "training patients",
        "patient_id",
        "share of samples",
        0.0,
        met / report.samples,
        None,
        None,
        report.samples,
        verdict,
    )


def _answers(summary: TrainingSummary, scored: ScoreCounts) -> Iterator[AnswersNow]:
    told = {distribution.name: distribution for distribution in summary.of("answer")}
    for name, question in scored.questions.items():
        like = told.get(name)
        yield AnswersNow(
            name=name,
            cuts=like.cuts if like else (),
            training=like.counts if like else (0,),
            now=tuple(question.cells.tolist()),
            mean_training=like.mean if like else None,
            mean_now=None if question.mean is None else round(question.mean, 6),
            answered=question.answered,
            undecided=question.undecided,
            abstained=dict(sorted(question.abstained.items())),
        )


def _cell(value: str | float | int | None) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.6g}"
    return str(value)


def _to_six_digits(check: Check) -> Check:
    """Numbers as every file has them: what a machine's last bits change is not told."""

    def short(value: float) -> float:
        return float(f"{value:.6g}")

    return check._replace(
        training=short(check.training),
        now=short(check.now),
        psi=None if check.psi is None else short(check.psi),
        p=None if check.p is None else short(check.p),
    )


def _plain(value: float | None) -> float | None:
    """Number as JSON has it: NaN is null."""
    return None if value is None or np.isnan(value) else value
