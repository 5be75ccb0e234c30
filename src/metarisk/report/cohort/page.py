"""An evaluation or a training as one page that a researcher shows: opens offline, prints, loads nothing."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

from metarisk.report.cohort.charts import (
    calibration_section,
    decisions_section,
    incidence_section,
    learning_section,
    ranking_section,
)
from metarisk.report.cohort.general import general_section, question_of
from metarisk.report.cohort.groups import map_section, subgroups_section
from metarisk.report.cohort.moves import moves_section
from metarisk.report.cohort.told import Told
from metarisk.report.cohort.words import methods_section
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
from metarisk.report.page.interval import interval_bar
from metarisk.report.page.markdown import markdown
from metarisk.report.scores_page import MEANING, TONES, answers_section, audit_section, flags_section
from metarisk.report.tables import figure_text
from metarisk.report.tripod import CITATION, Item, items

ROWS_SHOWN = 300
WITHHELD = (
    "The model has no right to answer any of these samples: every score would be withheld. The figures "
    "below are of the answers that would be withheld, so that the reason can be found; they judge no "
    "usable score."
)


def cohort_page(told: Told) -> str:
    """The page as text: self-contained, counts and figures only, no patient's value or id in it."""
    sections = list(_sections(told))
    title = f"{told.name}: {'training' if told.training else 'evaluation'}"
    return document(title, _header(told), sections, styles=("push.css", "network.css"))


def _sections(told: Told) -> Iterator[Markup]:
    yield general_section(told)
    yield _samples(told)
    if told.training:
        yield learning_section(told)
    yield incidence_section(told)
    yield ranking_section(told)
    yield calibration_section(told)
    yield decisions_section(told)
    yield subgroups_section(told)
    yield map_section(told)
    yield moves_section(told)
    if not told.training:
        yield from _drift(told)
    if len(told.versus):
        yield _versus(told)
    yield methods_section(told)
    yield section("card", "Model card", element("div", markdown(told.model.card, 3), class_="card"))
    yield _tripod(list(items(told)))


CONTENTS = (
    ("general", "All questions"),
    ("samples", "Samples"),
    ("learning", "Learning curves"),
    ("incidence", "Incidence by risk"),
    ("ranking", "ROC"),
    ("calibration", "Calibration"),
    ("decisions", "Decisions"),
    ("subgroups", "Subgroups"),
    ("map", "Organs by type"),
    ("moves", "What moves them"),
    ("audit", "Drift"),
    ("flags", "Flags"),
    ("versus", "Difference"),
    ("methods", "Methods"),
    ("card", "Model card"),
    ("tripod", "TRIPOD+AI"),
)


def _header(told: Told) -> Markup:
    tone, word, meaning = _verdict(told)
    box = element(
        "div",
        badge(word, tone),
        element("p", meaning),
        element("p", element("strong", "Research use only; not for decisions on patients.")),
        element("div", *_tiles(told), class_="tiles"),
        *(element("p", note) for note in told.notes),
        class_=f"verdict {tone}",
    )
    model = told.model
    facts = (
        fact("Model", f"{model.name} {model.version} ({model.experiment.name})"),
        fact("SHA-256 of the bundle", element("code", model.sha256)),
    )
    hidden = {"audit", "flags"} if told.training else {"learning"}
    hidden |= {"flags"} if told.audit is None else set()
    hidden |= set() if len(told.versus) else {"versus"}
    links = (
        element("li", element("a", text, href=f"#{name}")) for name, text in CONTENTS if name not in hidden
    )
    kind = "metarisk training" if told.training else "metarisk evaluation"
    return join(
        (
            element("p", kind, class_="eyebrow"),
            element("h1", told.name),
            box,
            element("dl", *facts, class_="facts"),
            element("nav", element("ul", *links, class_="contents"), aria_label="Sections"),
        )
    )


def _verdict(told: Told) -> tuple[Tone, str, str]:
    if told.training:
        return (
            "plain",
            "Held-out patients",
            (
                "How the model did on patients of its own study that were held out of everything that was "
                "fitted. Patients of another place and time are another question: metarisk evaluate."
            ),
        )
    if told.withheld:
        return "bad", "Not answered", WITHHELD
    if told.audit is None:
        return (
            "plain",
            "Not compared",
            "The bundle tells nothing of its training patients, so drift was not judged.",
        )
    verdict = told.audit.verdict
    return TONES[verdict], f"Drift: {verdict}", MEANING[verdict]


def _tiles(told: Told) -> Iterator[Markup]:
    yield tile(told.summary.samples, "samples judged", "#samples")
    yield tile(told.summary.patients, "patients", "#samples")
    yield tile(told.questions, "questions", "#general")
    if told.audit is not None:
        yield tile(sum(told.audit.abstained.values()), "answers withheld", "#audit")
        yield tile(told.audit.far, "far from training", "#audit")


def _samples(told: Told) -> Markup:
    whole = told.summary.samples
    outcomes = (
        (
            question_of(one.name, float("nan")),
            "dated" if one.dated else "yes / no",
            _known(one.known, whole),
            _lines(f"{n:,} {name}" for name, n in one.events.items()),
        )
        for one in told.summary.endpoints
    )
    read = [*((one.assay, "assay", one.samples) for one in told.summary.assays)]
    read += [(one.name, "clinic", one.known) for one in told.summary.clinical]
    rows = ((name.replace("_", " "), kind, _known(known, whole)) for name, kind, known in read)
    columns = (Column("Outcome"), Column("Kind"), Column("Known"), Column("Events"))
    return section(
        "samples",
        "Samples, outcomes and what is missing",
        element(
            "div",
            table("What happened to them", columns, outcomes, look="plain"),
            table(
                "What is known of them", (Column("Name"), Column("Kind"), Column("Known")), rows, look="plain"
            ),
            class_="beside",
        ),
    )


def _lines(texts: Iterable[str]) -> Markup:
    """Texts under one another."""
    return join(part for text in texts for part in (text, element("br")))


def _known(known: int, whole: int) -> Cell:
    share = known / whole if whole else 0.0
    text = f"{known:,} ({share:.1%})"
    return Cell(join((f"{text} ", share_bar(share, text))), known)


def _drift(told: Told) -> Iterator[Markup]:
    if told.audit is None:
        yield section("audit", "Drift", element("p", "The bundle tells nothing of its training patients."))
        return
    yield audit_section(told.audit, "tall plain")
    yield answers_section(told.audit)
    yield flags_section(told.audit)


def _versus(told: Told) -> Markup:
    lead = (
        "Ours minus the other model on the same patients; above 0 ours is better (of the Brier score, "
        "below 0)."
    )
    columns = (
        Column("Question"),
        Column("Other"),
        Column("Figure"),
        Column("Within"),
        Column("Difference", True),
        Column("Interval"),
        Column("p", True),
        Column("p (Holm)", True, "Adjusted over the questions and strata of one model and figure"),
        Column("n", True),
        Column("Events", True),
    )
    rows = map(_versus_row, told.versus.head(ROWS_SHOWN).to_dict("records"))
    listed = table("versus.tsv has the same", columns, rows, filterable="a question, a figure", look="tall")
    return section("versus", "Difference from another model", element("p", lead, class_="lead"), listed)


def _versus_row(row: Mapping[Hashable, Any]) -> tuple[Cell | str, ...]:
    gap, lower, upper = (float(str(row[name])) for name in ("difference", "lower", "upper"))
    text = figure_text(gap, lower, upper, signed=True)
    n, events = int(str(row["n"])), int(str(row["events"]))
    p, holm = float(str(row["p"])), float(str(row["p_holm"]))
    return (
        question_of(row["endpoint"], row["horizon_days"]),
        str(row["versus"]),
        str(row["metric"]).replace("_", " "),
        str(row["stratum"]),
        Cell(text, gap),
        Cell(interval_bar((gap, lower, upper), (-0.2, 0.2), 0.0, text), gap),
        Cell(f"{p:.2g}", p),
        Cell(f"{holm:.2g}", holm),
        Cell(f"{n:,}", n),
        Cell(f"{events:,}", events),
    )


def _tripod(listed: list[Item]) -> Markup:
    lead = (
        f"The items of TRIPOD+AI ({CITATION}), each in our own words, with what this run says to it. The "
        "published checklist is what counts; what no program can know is left to the authors."
    )
    columns = (Column("Item"), Column("Part"), Column("Topic"), Column("Who"), Column("What this run says"))
    rows = (
        (
            Cell(item.number, place),
            item.part,
            Cell(item.topic, look="topic"),
            "the run" if item.by_run else "the authors",
            Cell(item.said, look="said"),
        )
        for place, item in enumerate(listed)
    )
    caption = (
        f"{sum(item.by_run for item in listed)} of {len(listed)} items are told by the run; tripod.tsv has "
        "the same"
    )
    listed_table = table(caption, columns, rows, filterable="an item, a topic, authors", look="tall plain")
    return section("tripod", "TRIPOD+AI", element("p", lead, class_="lead"), listed_table)
