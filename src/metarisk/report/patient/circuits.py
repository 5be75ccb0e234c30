"""What pushed each answer, how steadily the ensemble says so, and the state of known circuits."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np

from metarisk.data.cohort import Cohort
from metarisk.explain.parts import Explained, Subject, explain_rows
from metarisk.explain.questions import questions_of
from metarisk.explain.stability import sign_agreement
from metarisk.explain.states import state_rows
from metarisk.explain.tables import MISSING_DRIVES
from metarisk.features.batch import Batch, FloatArray
from metarisk.models.bundle import ModelBundle
from metarisk.pathways.states import EMT, STATES
from metarisk.report.patient.facts import Explanation, Part, StateFact
from metarisk.report.patient.measured import measured_words
from metarisk.report.patient.words import capital, plain
from metarisk.schema.assays import Assay

TOP = {"pathway": 6, "gene": 8, "assay": 12}
REST = {
    "direct": "past the graph (tables of genes and clinic, read directly)",
    "clinical": "clinical values",
    "missing": "clinical values that are unknown",
}
NO_GRAPH = "The model has no graph path: nothing is told of pathways."
ONE_MEMBER = "The model has one member: nothing can be said of stability."


class Told(NamedTuple):
    """What is told of one sample."""

    explanations: tuple[Explanation, ...]
    parts: tuple[Part, ...]
    states: tuple[StateFact, ...]
    notes: tuple[str, ...]


class Circuits:
    """Explains samples one by one with a model.

    Parameters
    ----------
    bundle
        The model.
    """

    def __init__(self, bundle: ModelBundle) -> None:
        self.bundle = bundle

    @cached_property
    def subject(self) -> Subject:
        """The model and all its answers."""
        return Subject(self.bundle, questions_of(self.bundle))

    def nothing(self) -> Told:
        """Of a sample that is not explained."""
        return Told((), (), (), ())

    def of(self, one: Cohort, batch: Batch) -> Told:
        """Of a single sample."""
        found = explain_rows(self.subject, batch)
        notes = [] if "pathway" in self.subject.parts else [NO_GRAPH]
        notes += [ONE_MEMBER] if len(self.subject.ensemble.networks) < 2 else []
        parts = tuple(self._parts(found, one, batch))
        return Told(tuple(self._explanations(found)), parts, tuple(self._states(one, batch)), tuple(notes))

    def _explanations(self, found: Explained) -> Iterator[Explanation]:
        for place, answer in enumerate(self.subject.questions):
            missing = float(found.missing_share[place, 0])
            distance = round(float(found.distance[place, 0]), 6)
            yield Explanation(answer, distance, round(missing, 4), missing >= MISSING_DRIVES)

    def _parts(self, found: Explained, one: Cohort, batch: Batch) -> Iterator[Part]:
        for place, answer in enumerate(self.subject.questions):
            for kind, most in TOP.items():
                if kind in found.shares:
                    shares = found.shares[kind][:, place, 0]  # (M, F)
                    yield from self._strongest(answer, kind, shares, most, (one, batch))

    def _strongest(
        self, answer: str, kind: str, shares: FloatArray, most: int, sample: tuple[Cohort, Batch]
    ) -> Iterator[Part]:
        """The largest of a kind, then what belongs to none of its parts, then the others as a sum."""
        names = self.subject.parts[kind]
        mean, agreement = shares.mean(axis=0), sign_agreement(shares)
        order = np.argsort(-np.abs(mean[: names.own]), kind="stable")[:most]
        own = [int(at) for at in order if mean[at] != 0.0]
        for at in (*own, *range(names.own, len(names.names))):
            name, assay = str(names.names[at]), str(names.details[at])
            yield Part(
                answer,
                kind,
                name,
                REST[name] if at >= names.own else self._title(kind, name),
                assay if kind == "gene" else "",
                self._measured(*sample, name, assay) if kind == "gene" and at < names.own else "",
                round(float(mean[at]), 6),
                None if np.isnan(agreement[at]) else round(float(agreement[at]), 3),
            )
        others = float(mean[: names.own].sum() - mean[own].sum())
        if names.own > len(own):
            title = f"{names.own - len(own):,} others together"
            yield Part(answer, kind, "other", title, "", "", round(others, 6), None)

    def _measured(self, one: Cohort, batch: Batch, gene: str, assay: str) -> str:
        place = self.bundle.transform.scales[Assay(assay)].genes.index(gene)
        return measured_words(one, gene, assay, float(batch.assays[Assay(assay)].values[0, place, 0]))

    def _title(self, kind: str, name: str) -> str:
        if kind == "pathway":
            title = self.bundle.topology.title(name)
            return capital(plain(name)) if title == name else title
        return capital(plain(name)) if kind == "assay" else name

    def _states(self, one: Cohort, batch: Batch) -> Iterator[StateFact]:
        titles = {state.name: state.title for state in STATES} | {EMT: "mesenchymal minus epithelial arm"}
        for row in state_rows(self.bundle, batch, one.sample_ids).to_dict("records"):
            yield StateFact(
                name=row["state"],
                title=titles[row["state"]],
                score=_number(row["score"], 4),
                call=row["call"],
                genes_measured=int(row["genes_measured"]),
                genes=int(row["genes"]),
                flag=row["flag"],
                percentile=_number(row["training_percentile"], 1),
                lower=_number(row["training_lower"], 1),
                upper=_number(row["training_upper"], 1),
                training_type=row["training_type"],
                training_n=int(row["training_n"] or 0),
            )


def _number(value: float, digits: int) -> float | None:
    return None if np.isnan(value) else round(float(value), digits)
