"""A scoring job as one page for its operator: is the input what the model knows, and what did it answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from metarisk.report.page import (
    Cell,
    Column,
    Markup,
    badge,
    document,
    element,
    fact,
    join,
    section,
    share_bar,
    table,
    tile,
)
from metarisk.report.page.badge import Tone
from metarisk.report.page.histogram import paired_histogram
from metarisk.score.audit import ALARM, CHANCE, FEWEST, LOOK, AnswersNow, Audit, Check, Verdict
from metarisk.score.report import ScoreReport

TONES: dict[Verdict, Tone] = {"ok": "good", "look": "caution", "alarm": "bad", "too few": "plain"}
MEANING: dict[Verdict, str] = {
    "ok": "As far as it was checked, these samples and their answers are like those of the patients that "
    "the model was trained on.",
    "look": "Something differs from the patients that the model was trained on, by more than chance. Read "
    "what it is before the scores are used.",
    "alarm": "Something differs so much from the patients that the model was trained on that the scores may "
    "not mean what they say. Find out why first: units, a lost column, another kind of patient.",
    "too few": f"Under {FEWEST} samples: nothing can be said about drift. Each row still has its own flags.",
}
FLAGS: Mapping[str, str] = {
    "abstained": "not answered",
    "far": "unlike the training patients in this block",
    "missing": "the assay was not measured",
    "too-few": "too few of the assay's columns to be read",
    "partial": "under half of the assay's columns: wider interval",
    "unit": "a unit that training never saw: taken for missing",
    "other": "a value that training did not keep",
    "unknown": "the value is not known",
    "outside": "beyond every training patient",
    "undecided": "some answer's set is open",
    "training-patient": "the model was trained on this patient",
}
# More than anybody reads; the page stays small whatever was scored, and the files beside it have all.
CHECKS_SHOWN, REASONS_SHOWN, FLAGS_SHOWN, QUESTIONS_SHOWN = 150, 40, 60, 30
LONGEST = 160


@dataclass(frozen=True)
class SetAsideRows:
    """Rows of the input that were not scored.

    Attributes
    ----------
    rows
        How many.
    reasons
        Reason -> rows.
    """

    rows: int
    reasons: Mapping[str, int]


def scores_page(report: ScoreReport, audit: Audit, set_aside: SetAsideRows) -> str:
    """The page as text: self-contained, counts only, no patient's value or id in it."""
    sections = (
        _quality(report, set_aside),
        audit_section(audit),
        answers_section(audit),
        flags_section(audit, report.rows),
    )
    return document(f"{report.input_name}: scores", _header(report, audit, set_aside), sections)


def _header(report: ScoreReport, audit: Audit, set_aside: SetAsideRows) -> Markup:
    verdict = audit.verdict
    box = element(
        "div",
        badge(f"Audit: {verdict}", TONES[verdict]),
        element("p", MEANING[verdict]),
        element("p", element("strong", "Research use only; not for decisions on patients.")),
        element("div", *_tiles(report, audit, set_aside), class_="tiles"),
        class_=f"verdict {TONES[verdict]}",
    )
    facts = [
        fact(
            "Model",
            f"{report.model_name} {report.model_version}, trained on {audit.training_patients:,} patients",
        ),
        *(
            fact(name, element("code", value))
            for name, value in (
                ("SHA-256 of the bundle", report.bundle_sha256),
                ("SHA-256 of the topology", report.topology_sha256),
                ("SHA-256 of the input", report.input_sha256),
                ("SHA-256 of the scores", report.sha256),
            )
        ),
    ]
    title = (element("p", "metarisk scores", class_="eyebrow"), element("h1", _short(report.input_name)))
    return join((*title, box, element("dl", *facts, class_="facts")))


def _tiles(report: ScoreReport, audit: Audit, set_aside: SetAsideRows) -> Iterator[Markup]:
    verdicts = [check.verdict for check in audit.checks]
    yield tile(report.samples, "samples scored")
    yield tile(set_aside.rows, "rows set aside", "#quality")
    yield tile(report.rows - report.abstained, "answers", "#answers")
    yield tile(report.abstained, "not answered", "#flags")
    yield tile(verdicts.count("alarm"), "alarms", "#audit")
    yield tile(verdicts.count("look"), "to look at", "#audit")
    yield tile(audit.far, "far from training", "#flags")


def _quality(report: ScoreReport, set_aside: SetAsideRows) -> Markup:
    if not set_aside.rows:
        told = f"Every row of the input was scored: {report.samples:,}."
        return section("quality", "Data quality", element("p", told, class_="lead"))
    whole = report.samples + set_aside.rows
    told = (
        f"{set_aside.rows:,} of {whole:,} rows were set aside and not scored; quarantine.tsv has their "
        "numbers and ids."
    )
    ranked = sorted(set_aside.reasons.items(), key=lambda reason: (-reason[1], reason[0]))
    rows = [_share_row(_short(reason), n, whole) for reason, n in ranked[:REASONS_SHOWN]]
    columns = (Column("Reason"), Column("Rows", True), Column("Share of the input"))
    listed = table("Rows that were set aside, by reason", columns, rows)
    return section(
        "quality",
        "Data quality",
        element("p", told, class_="lead"),
        listed,
        _more(len(ranked), REASONS_SHOWN),
    )


def audit_section(audit: Audit, look: str = "") -> Markup:
    """Each distribution beside that of the training patients, gravest first; ``look`` as of `table`."""
    lead = (
        "Each distribution beside that of the training patients. The stability index (PSI) says how much it "
        f"moved: {LOOK:g} is worth a look, {ALARM:g} an alarm, if it is no chance (p times the number of "
        f"checks under {CHANCE:g}) and there are {FEWEST} samples."
    )
    columns = (
        Column("Verdict"),
        Column("What"),
        Column("Measure"),
        Column("Training", True),
        Column("Now", True),
        Column("PSI", True),
        Column("p, adjusted", True),
        Column("Samples", True),
    )
    rows = map(_check_cells, audit.checks[:CHECKS_SHOWN])
    caption = "Gravest first; audit.tsv has the same"
    listed = table(caption, columns, rows, filterable="a verdict, a name", look=look)
    return section(
        "audit",
        "Audit against training",
        element("p", lead, class_="lead"),
        listed,
        _more(len(audit.checks), CHECKS_SHOWN),
    )


def _check_cells(check: Check) -> tuple[Cell | str, ...]:
    size = "" if check.psi is None else f"{check.psi:.3f}"
    p = "" if check.p is None else "under 1e-6" if check.p < 1e-6 else f"{check.p:.2g}"
    return (
        Cell(badge(check.verdict, TONES[check.verdict]), check.verdict),
        Cell(
            join((element("code", _short(check.name)), element("span", _words(check.kind), class_="where")))
        ),
        _short(check.measure),
        Cell(_share(check.training), check.training),
        Cell(_share(check.now), check.now),
        Cell(size, -1.0 if check.psi is None else check.psi),
        Cell(p, 2.0 if check.p is None else check.p),
        Cell(f"{check.n:,}", check.n),
    )


def answers_section(audit: Audit) -> Markup:
    """The answers to each question beside those to the training patients."""
    lead = (
        "Probabilities in tenths of the training patients, of whom members answered that did not see them: "
        "the grey bars are of one height but where tenths had to be joined. Under the bars: per cent."
    )
    known = [told for told in audit.answers if told.answered]
    charts = element("div", *map(_chart, known[:QUESTIONS_SHOWN]), class_="charts")
    silent = [_short(told.name) for told in audit.answers if not told.answered]
    never = (
        element("p", f"No sample was answered about: {', '.join(silent[:QUESTIONS_SHOWN])}.")
        if silent
        else ""
    )
    return section(
        "answers",
        "Answers",
        element("p", lead, class_="lead"),
        charts,
        _more(len(known), QUESTIONS_SHOWN),
        never,
    )


def _chart(told: AnswersNow) -> Markup:
    edges = [f"{100 * cut:.2g}" for cut in told.cuts]
    means = " against ".join(
        "unknown" if mean is None else f"{mean:.1%}" for mean in (told.mean_now, told.mean_training)
    )
    words = f"{told.answered:,} answered, {told.undecided:,} of them undecided. Mean {means} at training."
    figure = paired_histogram(
        told.training, told.now, edges, f"{told.name}: {words}", ("training patients", "this job")
    )
    caption = element("figcaption", _short(told.name))
    return element("figure", caption, element("p", words), figure, class_="chart")


def flags_section(audit: Audit, whole: int | None = None) -> Markup:
    """What samples were flagged for, and why questions were not answered.

    Parameters
    ----------
    audit
        Of the job.
    whole
        All rows of the scores; reasons have no share without it.
    """
    ranked = sorted(audit.flags.items(), key=lambda flag: (-flag[1], flag[0]))
    rows = [_flag_row(flag, n, audit.samples) for flag, n in ranked[:FLAGS_SHOWN]]
    columns = (Column("Flag"), Column("Samples", True), Column("Share"))
    flags = table("Flags: samples that carry each", columns, rows, filterable=True) if rows else Markup()
    none = element("p", "None.") if not (rows or audit.abstained) else ""
    hidden = _more(len(ranked), FLAGS_SHOWN)
    return section("flags", "Abstentions and flags", _reasons(audit, whole), flags, hidden, none)


def _reasons(audit: Audit, whole: int | None) -> Markup:
    if not audit.abstained:
        return Markup()
    reasons = sorted(audit.abstained.items(), key=lambda reason: (-reason[1], reason[0]))
    columns = (Column("Reason"), Column("Rows", True), Column("Share of all rows"))
    rows = [_share_row(reason, n, whole or 0) for reason, n in reasons]
    shown = len(columns) if whole else len(columns) - 1
    title = "Questions that were not answered, by reason"
    return table(title, columns[:shown], [row[:shown] for row in rows])


def _flag_row(flag: str, n: int, whole: int) -> tuple[Cell, ...]:
    name, *rest = _share_row(flag, n, whole)
    meaning = element("span", FLAGS.get(flag.partition(":")[0], ""), class_="where")
    return (Cell(join((element("code", name.content), meaning)), flag), *rest)


def _share_row(name: str, n: int, whole: int) -> tuple[Cell, ...]:
    share = min(n / whole, 1.0) if whole else 0.0
    told = join((f"{share:.1%}", share_bar(share, f"{share:.1%}")))
    return Cell(name), Cell(f"{n:,}", n), Cell(told, share)


def _more(found: int, shown: int) -> Markup:
    hidden = found - shown
    return element("p", f"{hidden:,} more stand in the files beside this page.") if hidden > 0 else Markup()


def _share(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.1%}"


def _words(kind: str) -> str:
    return {"known": "known or not", "far": "distance from training", "undecided": "open sets"}.get(
        kind, kind
    )


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
