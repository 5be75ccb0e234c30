"""The methods of a run in sentences, written from what the run did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from metarisk.report.cohort.told import Told
from metarisk.report.page import Markup, element, fact, section
from metarisk.report.tables import question_text
from metarisk.train.figures import OURS


def methods_section(told: Told) -> Markup:
    """A methods paragraph to take over, and the names and hashes that it rests on."""
    lead = "Written from the run, to be taken over and completed: what a program cannot know is not in it."
    facts = {**told.heading, **{f"{name} version": version for name, version in told.software.items()}}
    listed = (fact(name.replace("_", " "), element("code", value)) for name, value in facts.items())
    return section(
        "methods",
        "Methods",
        element("p", lead, class_="lead"),
        element("div", *(element("p", text) for text in methods(told)), class_="prose"),
        element("dl", *listed, class_="facts"),
    )


def methods(told: Told) -> list[str]:
    """Paragraphs on the model, the samples, the questions and the figures."""
    return [_model(told), _samples(told), _missing(told), _figures(told)]


def _model(told: Told) -> str:
    model, settings = told.model, told.model.experiment
    learned = _count(model.provenance.get("training_patients"), "patients")
    network = (
        f"{model.members} networks over a graph of signed gene and pathway relations ({model.graph}) with a "
        "direct path beside it"
        if settings.network.graph
        else f"{model.members} networks without a graph"
    )
    return (
        f"{model.name} version {model.version} (bundle SHA-256 {model.sha256[:16] or 'not saved'}) is an "
        f"ensemble of {network}, {model.weights:,} weights in all. It was trained on {learned} of "
        f"{model.provenance.get('study', 'a study that is not named')} with seed {settings.seed}, in "
        f"{settings.training.folds} patient-level folds, each left out once for early stopping and for the "
        f"calibration of probabilities ({settings.calibration.method}); weights carry Gaussian priors of "
        f"width {settings.training.graph_prior:g} (graph) and {settings.training.direct_prior:g} (direct "
        f"path). It may read {_listed(settings.features.assays)}, and of the clinic "
        f"{_listed((*settings.features.numeric, *settings.features.categorical))}."
    )


def _samples(told: Told) -> str:
    who = (
        f"It was judged on the {told.summary.samples:,} samples of {told.summary.patients:,} patients of "
        f"{told.name} that were held out of everything that was fitted, chosen by a hash of the patient's id "
        f"({told.model.experiment.evaluation.test_fraction:.0%} of the patients)."
        if told.training
        else f"It was judged on {told.summary.samples:,} samples of {told.summary.patients:,} patients of "
        f"{told.name}; {told.heading.get('left_out', 'nobody')} were left out."
    )
    known = "; ".join(
        f"{question_text(each.name, float('nan'), 'all')} {each.known:,} known ({_events(each.events)})"
        for each in told.summary.endpoints
    )
    return f"{who} Outcomes: {known or 'none is known'}."


def _missing(told: Told) -> str:
    samples = told.summary.samples
    assays = ", ".join(
        f"{one.assay.replace('_', ' ')} in {one.samples:,} of {samples:,} samples"
        for one in told.summary.assays
    )
    partly = [
        f"{one.name.replace('_', ' ')} {samples - one.known:,}"
        for one in told.summary.clinical
        if one.known < samples
    ]
    unknown = (
        f"Unknown of the clinic: {', '.join(partly)}." if partly else "No clinical column is partly unknown."
    )
    return (
        f"Measured: {assays or 'no assay'}. {unknown} Nothing was imputed: the model reads what was "
        "measured and has learned with assays dropped at random; patients without an outcome are left out "
        "of its figures."
    )


def _figures(told: Told) -> str:
    section = told.model.experiment.evaluation
    dated = (
        " Dated outcomes are judged at each horizon with inverse probability of censoring weights; death "
        "competes with them."
        if told.figures["horizon_days"].notna().any()
        else ""
    )
    others = [str(name) for name in told.figures["model"].unique() if name != OURS and " - " not in str(name)]
    beside = f" Beside it stand {_listed(others)}, on the same patients." if others else ""
    return (
        f"Intervals are 95 % percentiles of {section.bootstrap:,} resamples of the patients, seed "
        f"0.{dated}{beside} Figures within {section.within.replace('_', ' ')} average over strata with "
        f"{section.within_min_events} events and non-events or more. {_versus(told)}No threshold was chosen "
        "on these patients, and no figure was used to change the model."
    )


def _versus(told: Told) -> str:
    if told.versus.empty:
        return ""
    return (
        "Differences from another model are paired on the same patients, tested by DeLong's method or the "
        "bootstrap and adjusted by Holm's method over the questions. "
    )


def _events(events: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {name}" for name, n in events.items())


def _count(value: object, what: str) -> str:
    return f"{value:,} {what}" if isinstance(value, int) else f"an unstated number of {what}"


def _listed(names: Iterable[object]) -> str:
    return ", ".join(_words(names)) or "nothing"


def _words(names: Iterable[object]) -> Iterator[str]:
    for name in names:
        yield str(name).replace("_", " ")
