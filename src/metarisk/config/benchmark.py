"""What `metarisk benchmark compare` holds out, and what it sets our network beside."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from metarisk.config.evaluation import Control
from metarisk.config.search import Value
from metarisk.config.section import Section
from metarisk.config.topology import TopologySection

Permuted = Literal["no_graph", "rewired", "shuffled_signs"]
# Beside every comparison unless it names its models: what must lose, and what must not win.
NEGATIVE: tuple[Control, ...] = ("no_graph", "rewired", "permuted_labels")


class SplitSection(Section):
    """Which samples are held out together.

    Attributes
    ----------
    by
        ``patient``: folds by a hash of the patient id. ``cohort``: each cohort in turn, of several that are
        joined or of a study that names a ``centre``. ``cancer_type``: each cancer type in turn.
    folds
        Folds by patient.
    learn_from
        Cohorts or cancer types that are learned from, all at once; each of the others is tested. Without it,
        each is tested by a fit on all others.
    min_events
        A cohort or cancer type is tested where some question has this many patients with the event, and as
        many without; the others are only learned from.
    """

    by: Literal["patient", "cohort", "cancer_type"] = "patient"
    folds: int = Field(default=5, ge=2, le=20)
    learn_from: tuple[str, ...] = ()
    min_events: int = Field(default=2, ge=2)

    @model_validator(mode="after")
    def _names_are_of_cohorts(self) -> SplitSection:
        if self.learn_from and self.by == "patient":
            raise ValueError("learn_from names cohorts or cancer types: set split.by")
        return self


class GraphSection(Section):
    """What `metarisk benchmark graph` sets the topology beside, and how often.

    Attributes
    ----------
    shares
        Shares of the training patients that are learned from, ascending; the smaller are among the larger.
    seeds
        Fits of each network; a permuted topology is drawn anew for each.
    models
        Permuted topologies, and none.
    beside
        Other real topologies by the name that the table gives them.
    """

    shares: tuple[Annotated[float, Field(gt=0.0, le=1.0)], ...] = (0.1, 0.3, 1.0)
    seeds: int = Field(default=3, ge=1, le=50)
    models: tuple[Permuted, ...] = ("no_graph", "rewired", "shuffled_signs")
    beside: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")], TopologySection] = Field(
        default_factory=dict
    )

    @model_validator(mode="after")
    def _each_is_told_apart(self) -> GraphSection:
        if not self.shares or list(self.shares) != sorted(set(self.shares)):
            raise ValueError("shares must ascend, at least one")
        taken = set(self.beside) & {"metarisk", *get_args(Control)}
        if taken:
            raise ValueError(f"beside: {', '.join(sorted(taken))} is the name of a model")
        return self


class PanelStep(Section):
    """Panels by the names that samples have in their column ``panel``.

    Attributes
    ----------
    learned
        Samples on this one are learned from.
    asked
        Held-out samples on this one are asked; the genes that only it has are those never seen.
    """

    learned: str
    asked: str


class UnseenSection(Section):
    """What `metarisk benchmark unseen` hides while models learn, and tells when the held-out are asked.

    Attributes
    ----------
    hidden
        Shares of the measured genes that are on the topology, ascending; the smaller are among the larger.
    panels
        Steps from one panel to another, beside the shares.
    seeds
        Fits of each model; hidden genes and permuted topologies are drawn anew for each.
    models
        Permuted topologies, none, and models that have no graph to tell them of a gene. The topologies of
        ``graph.beside`` stand beside them.
    """

    hidden: tuple[Annotated[float, Field(gt=0.0, lt=1.0)], ...] = (0.3, 0.5, 0.7)
    panels: tuple[PanelStep, ...] = ()
    seeds: int = Field(default=3, ge=1, le=50)
    models: tuple[Permuted | Literal["boosting", "linear", "elastic_net"], ...] = (
        "no_graph",
        "rewired",
        "shuffled_signs",
        "boosting",
        "linear",
    )

    @model_validator(mode="after")
    def _something_is_hidden(self) -> UnseenSection:
        if list(self.hidden) != sorted(set(self.hidden)):
            raise ValueError("hidden must ascend")
        if not (self.hidden or self.panels):
            raise ValueError("hidden or panels: name at least one")
        return self


class IndexSection(Section):
    """The index of `metarisk benchmark index`, and how many permuted topologies it is read over.

    Attributes
    ----------
    name
        One of `metarisk.pathways.indices.INDICES`.
    draws
        Rewired topologies, and as many with shuffled signs.
    """

    name: Literal["response", "spread"]
    draws: int = Field(default=1000, ge=19, le=100_000)


class ChoiceSection(Section):
    """Settings that are chosen anew inside the training patients of each fit: nested cross-validation.

    Attributes
    ----------
    among
        The alternatives: dotted settings of features, network and training, e.g. ``network.dropout: 0.5``;
        ``{}`` is the experiment as it stands. Of equal ones the first is taken.
    folds
        Inner folds that judge them, a member each: of patients, or of whole cohorts or cancer types where
        the outer parts are these.
    metric
        ``valid_loss``: held-out loss at the best epoch; ``auroc``: of yes / no questions, inside the cohorts
        or cancer types that an inner fold holds.
    """

    among: tuple[dict[str, Value], ...] = Field(min_length=2)
    folds: int = Field(default=3, ge=2, le=20)
    metric: Literal["valid_loss", "auroc"] = "valid_loss"


class BenchmarkSection(Section):
    """A comparison on samples that each model is fitted without.

    Attributes
    ----------
    split
        Which samples are held out together.
    models
        Baselines and controls beside our network; if left out, those of ``evaluation.controls`` and the
        negative controls ``no_graph``, ``rewired`` and ``permuted_labels``.
    versus
        The one of them that the figure shows us against; ``boosting`` where it is among them, else the first.
    choose
        Settings of the networks that each fit chooses for itself; those of the experiment if left out.
    graph
        Of `metarisk benchmark graph`.
    unseen
        Of `metarisk benchmark unseen`; its defaults if left out.
    index
        Of `metarisk benchmark index`, whose ``models`` are published scores.
    """

    split: SplitSection = SplitSection()
    models: tuple[Control, ...] | None = None
    versus: Control | None = None
    choose: ChoiceSection | None = None
    graph: GraphSection = GraphSection()
    # Left out of what is written where there is none, so that hashes of experiments stay what they were.
    unseen: UnseenSection | None = Field(default=None, exclude_if=lambda unseen: unseen is None)
    index: IndexSection | None = Field(default=None, exclude_if=lambda index: index is None)

    def models_beside(self, controls: tuple[Control, ...]) -> tuple[Control, ...]:
        """Baselines and controls, where ``controls`` are those that a training run has."""
        return tuple(dict.fromkeys((*controls, *NEGATIVE))) if self.models is None else self.models

    @model_validator(mode="after")
    def _figure_is_against_one_of_them(self) -> BenchmarkSection:
        if self.versus is not None and self.versus not in (self.models or (self.versus,)):
            raise ValueError(f"versus: {self.versus} is not among benchmark.models")
        return self
