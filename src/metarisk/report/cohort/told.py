"""What the page of an evaluation or a training is made from: tables, counts and names; no patient's row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from metarisk.data.summary import Summary
from metarisk.explain.movers import Movers
from metarisk.score.audit import Audit

if TYPE_CHECKING:
    from metarisk.config.experiment import Experiment
    from metarisk.train.fit import Epoch


@dataclass(frozen=True)
class Model:
    """The model that is told of.

    Attributes
    ----------
    name, version, sha256
        Its name, its registered version or the first letters of its hash, and the hash.
    experiment
        What it was trained by.
    provenance
        Names, hashes and counts of what it was trained on.
    members, weights
        Networks, and numbers that each of them learned.
    graph
        Topology's name, genes and edges in words.
    card
        Its card, Markdown.
    """

    name: str
    version: str
    sha256: str
    experiment: Experiment
    provenance: Mapping[str, object]
    members: int
    weights: int
    graph: str
    card: str


@dataclass(frozen=True)
class Curves:
    """Points of the page's charts.

    Attributes
    ----------
    incidence, ranking, calibration
        As `metarisk.train.risk_groups`, `metarisk.train.ranking_curves` and
        `metarisk.train.calibration_bins` give them.
    """

    incidence: pd.DataFrame
    ranking: pd.DataFrame
    calibration: pd.DataFrame


@dataclass(frozen=True)
class Told:
    """Everything that a page says.

    Attributes
    ----------
    name
        Cohort that was judged.
    training
        True where the samples are the held-out part of the model's own study.
    model
        The model.
    heading
        What the tables rest on, by name: the command, hashes, samples.
    summary
        What the judged samples hold.
    figures, subgroups, decisions, versus
        The tables of the run; ``versus`` is empty where nothing was compared.
    curves
        Of the charts.
    movers
        What moves the answers.
    audit
        The samples beside the training patients; None where there is nothing to compare with.
    notes
        Sentences that a reader must know.
    software
        Name -> version.
    learning
        Network -> its epochs; empty of an evaluation.
    """

    name: str
    training: bool
    model: Model
    heading: Mapping[str, str]
    summary: Summary
    figures: pd.DataFrame
    subgroups: pd.DataFrame
    decisions: pd.DataFrame
    versus: pd.DataFrame
    curves: Curves
    movers: Movers
    audit: Audit | None
    notes: Sequence[str]
    software: Mapping[str, str]
    learning: Mapping[str, Sequence[Epoch]] = field(default_factory=dict)

    @property
    def questions(self) -> int:
        """Questions that have figures."""
        return len(self.figures[["endpoint", "horizon_days"]].drop_duplicates())

    @property
    def withheld(self) -> bool:
        """True where the model would answer nothing: every row of its scores is without a probability."""
        return self.audit is not None and not any(told.answered for told in self.audit.answers)
