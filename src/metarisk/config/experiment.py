"""One experiment: which cohort, which features, which questions, which network, how it is judged."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from metarisk.config.section import Section
from metarisk.schema.assays import Assay
from metarisk.schema.clinical import CATEGORICAL, EXTRA, NUMERIC, is_clinical_number, leakage_reason
from metarisk.schema.endpoints import SITES, TIMED


class CohortSection(Section):
    """Where the samples come from.

    Attributes
    ----------
    study
        A study file, a study folder or a stored cohort; relative to this configuration.
    data_root
        Folder that a study file's ``folder`` is relative to; relative to this configuration.
    keep
        Our clinical column -> accepted values, e.g. ``sample_type: [Primary]``.
    one_sample_per_patient
        Keep the first sample of a patient (by sample id), so that no patient counts twice.
    """

    study: Path | None = None
    data_root: Path | None = None
    keep: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    one_sample_per_patient: bool = False


class SimulationSection(Section):
    """A cohort whose truth runs through the topology, instead of a study.

    Attributes
    ----------
    samples
        Tumours.
    signal
        Standard deviation of a planted circuit's effect on the log odds; 0 plants nothing.
    treated
        Share of the patients given an immune checkpoint inhibitor.
    """

    samples: int = Field(default=900, ge=60, le=200_000)
    signal: float = Field(default=1.5, ge=0.0, le=10.0)
    treated: float = Field(default=0.6, ge=0.0, le=1.0)


class TopologySection(Section):
    """Which graph the network runs over.

    Attributes
    ----------
    source
        ``curated`` for the circuits in the package, a saved topology, or a folder with ``edges.tsv.gz``.
    layers
        Layers of a folder of tidy tables.
    control
        A control in place of the real graph.
    seed
        Seed of the control.
    prune
        Keep only the genes that the training samples measured; paths through the others become edges.
    """

    source: str = "curated"
    layers: tuple[str, ...] = ("core", "tf_target")
    control: Literal["none", "no_edges", "rewired", "shuffled_signs", "merged_types", "shuffled_members"] = (
        "none"
    )
    seed: int = 0
    prune: bool = True


class FeatureSection(Section):
    """What the network may read.

    Attributes
    ----------
    assays
        Assays to read where they were measured.
    numeric
        Clinical numbers of the schema, and those that a study declares: ``extra.<name>``.
    categorical
        Clinical categories.
    min_category_count
        A category with fewer training samples becomes "other".
    numeric_bins
        Bins of the piecewise-linear embedding of a clinical number.
    min_alterations
        A channel of a gene (mutation class, hotspot, fusion, discrete copy number) that is altered in fewer
        training samples stays out of the direct path.
    direct_genes
        Most variable genes, pathways or features of a continuous assay that the direct path reads; those on
        the topology come first.
    """

    assays: tuple[Assay, ...] = tuple(Assay)
    numeric: tuple[str, ...] = ("age_years", "tmb_per_mb", "fga")
    categorical: tuple[str, ...] = ("sex", "cancer_type")
    min_category_count: int = Field(default=10, ge=1)
    numeric_bins: int = Field(default=8, ge=1, le=64)
    min_alterations: int = Field(default=5, ge=1)
    direct_genes: int = Field(default=300, ge=0, le=20_000)

    @field_validator("numeric", "categorical")
    @classmethod
    def _known_at_baseline(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        for column in columns:
            reason = leakage_reason(column.removeprefix(EXTRA))
            if reason:
                raise ValueError(f"{column!r} cannot be a feature: {reason}")
            if not is_clinical_number(column) and column not in CATEGORICAL:
                raise ValueError(f"{column!r} is not one of {', '.join((*NUMERIC, *CATEGORICAL))}")
        return columns


class TaskSection(Section):
    """The questions.

    Attributes
    ----------
    sites
        Organs of the organotropism head.
    binary
        Other yes / no endpoints.
    timed
        Dated endpoints.
    horizons_days
        Times at which a dated endpoint's probability is reported.
    bins
        Intervals of the discrete-time hazard.
    min_events
        A target with fewer events, or fewer non-events, among the training patients is dropped and said.
    """

    sites: tuple[str, ...] = ("bone", "brain", "liver", "lung")
    binary: tuple[Literal["metastatic", "response"], ...] = ("response",)
    timed: tuple[Literal["metastasis", "pfs", "os"], ...] = ("metastasis",)
    horizons_days: tuple[float, ...] = (365.0, 730.0)
    bins: int = Field(default=12, ge=2, le=60)
    min_events: int = Field(default=20, ge=2)

    @field_validator("sites")
    @classmethod
    def _sites_are_known(cls, sites: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(sites) - set(SITES))
        if unknown:
            raise ValueError(f"{', '.join(unknown)} not among the sites {', '.join(SITES)}")
        return sites

    @field_validator("horizons_days")
    @classmethod
    def _horizons_ascend(cls, horizons: tuple[float, ...]) -> tuple[float, ...]:
        if not horizons or min(horizons) <= 0 or list(horizons) != sorted(set(horizons)):
            raise ValueError("horizons must be positive days in ascending order, at least one")
        return horizons

    @property
    def binary_endpoints(self) -> tuple[str, ...]:
        """Columns of the endpoint table that are answered yes or no."""
        return (*(f"site.{site}" for site in self.sites), *self.binary)

    @property
    def timed_causes(self) -> dict[str, tuple[str, ...]]:
        """Dated endpoints and their causes, in the order of the event codes."""
        return {name: TIMED[name].causes for name in self.timed}


class NetworkSection(Section):
    """The network's shape.

    Attributes
    ----------
    width
        Hidden width D.
    effect_layers
        Message-passing steps over the genes' identities, once a batch: a mutation's effect is tied to its
        neighbours'. Almost free.
    state_layers
        Message-passing steps over the genes' states, sample by sample: for assays that measure states, such
        as expression and protein.
    readout
        Numbers a pathway hands to the heads.
    direct_hidden
        Hidden units of the direct path's MLP; 0 leaves it linear.
    dropout
        Of the direct path's hidden units and of pathways.
    graph
        Run the graph path at all; False is the no-graph control.
    """

    width: int = Field(default=16, ge=1, le=512)
    effect_layers: int = Field(default=1, ge=0, le=8)
    state_layers: int = Field(default=1, ge=0, le=8)
    readout: int = Field(default=4, ge=1, le=64)
    direct_hidden: int = Field(default=128, ge=0, le=4096)
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0)
    graph: bool = True


class TrainingSection(Section):
    """How it is fitted.

    Attributes
    ----------
    folds
        Patient-level folds; each leaves one fold out for early stopping and calibration.
    seeds
        Members a fold; the ensemble has folds x seeds members.
    epochs, patience
        Most epochs, and how many without a better held-out loss before stopping.
    assay_dropout
        Chance that a training sample loses an assay in a step, so that any subset scores.
    direct_prior, graph_prior
        Standard deviation that a weight is thought to have before anything is seen, of the direct path and of
        the graph path: the penalty is the Gaussian prior of that width, so it fades as samples come.
    device
        ``auto`` takes CUDA where there is one.
    """

    folds: int = Field(default=5, ge=2, le=20)
    seeds: int = Field(default=1, ge=1, le=20)
    epochs: int = Field(default=60, ge=1, le=1000)
    patience: int = Field(default=8, ge=1)
    batch_size: int = Field(default=128, ge=2)
    learning_rate: float = Field(default=3e-3, gt=0.0, le=1.0)
    direct_prior: float = Field(default=1.0, gt=0.0)
    graph_prior: float = Field(default=0.5, gt=0.0)
    assay_dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
    device: Literal["auto", "cpu", "cuda"] = "auto"


class EvaluationSection(Section):
    """How it is judged, on patients that nothing was fitted on.

    Attributes
    ----------
    test_fraction
        Share of the patients held out, chosen by a hash of the patient id.
    bootstrap
        Patient-level resamples of every interval.
    within
        Clinical category inside which figures are given too.
    within_min_events
        A stratum counts where it has this many events and non-events.
    controls
        Models trained beside ours on the same patients.
    """

    test_fraction: float = Field(default=0.2, gt=0.0, lt=0.9)
    bootstrap: int = Field(default=1000, ge=50, le=20_000)
    within: str = "cancer_type"
    within_min_events: int = Field(default=10, ge=2)
    controls: tuple[Literal["no_graph", "boosting", "linear", "rewired"], ...] = ("no_graph", "boosting")


class GateSection(Section):
    """What a model must show before it is published.

    Attributes
    ----------
    min_auroc
        Target -> least AUROC on the held-out patients, e.g. ``site.liver: 0.7``.
    max_calibration_error
        Largest expected calibration error (ten equal-count bins) of any yes / no target.
    """

    min_auroc: dict[str, float] = Field(default_factory=dict)
    max_calibration_error: float = Field(default=1.0, gt=0.0, le=1.0)


class TrackingSection(Section):
    """Where the run is written.

    Attributes
    ----------
    experiment
        MLflow experiment.
    model_name
        Registered model that `publish` writes to.
    uri
        MLflow tracking server; a sqlite file beside the output folder when absent.
    """

    experiment: str = "metarisk"
    model_name: str = "metarisk"
    uri: str | None = None


class Experiment(Section):
    """One complete experiment."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    description: str = ""
    seed: int = Field(default=0, ge=0, lt=2**31)
    cohort: CohortSection = CohortSection()
    simulation: SimulationSection | None = None
    topology: TopologySection = TopologySection()
    features: FeatureSection = FeatureSection()
    tasks: TaskSection = TaskSection()
    network: NetworkSection = NetworkSection()
    training: TrainingSection = TrainingSection()
    evaluation: EvaluationSection = EvaluationSection()
    gates: GateSection = GateSection()
    tracking: TrackingSection = TrackingSection()

    @model_validator(mode="after")
    def _one_source_of_samples(self) -> Experiment:
        if (self.cohort.study is None) == (self.simulation is None):
            raise ValueError("an experiment has either cohort.study or a simulation section")
        return self
