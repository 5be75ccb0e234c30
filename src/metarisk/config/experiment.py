"""One experiment: which cohort, which features, which questions, which network, how it is judged."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from metarisk.config.benchmark import BenchmarkSection
from metarisk.config.calibration import CalibrationSection
from metarisk.config.evaluation import EvaluationSection
from metarisk.config.gates import GateSection
from metarisk.config.network import NetworkSection
from metarisk.config.pretraining import PretrainingSection
from metarisk.config.search import SearchSection, check_key, check_search, with_settings
from metarisk.config.section import Section
from metarisk.config.topology import TopologySection
from metarisk.config.training import TrainingSection
from metarisk.schema.assays import Assay
from metarisk.schema.clinical import (
    CATEGORICAL,
    COHORT,
    EXTRA,
    NUMERIC,
    is_clinical_number,
    leakage_reason,
)
from metarisk.schema.endpoints import SITE_TIMED, SITES, TIMED

_DATED = {**TIMED, **SITE_TIMED}


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
    measured
        Keep samples that one of these assays measured at all; every sample if left out.
    one_sample_per_patient
        Keep the first sample of a patient (by sample id), so that no patient counts twice.
    name
        What it is called among several cohorts; the study's own name if left out.
    shares_patients
        Among several cohorts: its patient ids name the same people as those of the others that say so.
        Without it a patient of this cohort is nobody else's, whatever the id.
    """

    study: Path | None = None
    data_root: Path | None = None
    keep: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    # Left out of what is written where it is not used, so that hashes of experiments stay what they were.
    measured: tuple[Assay, ...] = Field(default=(), exclude_if=lambda assays: not assays)
    one_sample_per_patient: bool = False
    name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    shares_patients: bool = False


class SimulationSection(Section):
    """A cohort whose truth runs through the topology, instead of a study.

    Attributes
    ----------
    samples
        Tumours.
    signal
        Standard deviation of a planted circuit's effect on the log odds; 0 plants nothing.
    background
        Factor of everything else that moves an outcome: the cancer type's offsets, age for death, mutational
        burden for response. With ``signal: 0`` and ``background: 0`` every patient has the same truth.
    treated
        Share of the patients given an immune checkpoint inhibitor.
    """

    samples: int = Field(default=900, ge=60, le=200_000)
    signal: float = Field(default=1.5, ge=0.0, le=10.0)
    background: float = Field(default=1.0, ge=0.0, le=10.0)
    treated: float = Field(default=0.6, ge=0.0, le=1.0)


class FeatureSection(Section):
    """What the network may read.

    Attributes
    ----------
    assays
        Assays to read where they were measured.
    numeric
        Clinical numbers of the schema, and those that a study declares: ``extra.<name>``.
    categorical
        Clinical categories; among several cohorts also ``cohort``, which a new sample does not know.
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
            if not is_clinical_number(column) and column not in (*CATEGORICAL, COHORT):
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
        Dated endpoints: ``metastasis``, ``pfs``, ``os``, and ``site.<organ>`` for the first metastasis in an
        organ, death competing.
    horizons_days
        Times at which a dated endpoint's probability is reported.
    bins
        Intervals of the discrete-time hazard.
    min_events
        A target with fewer events, or fewer non-events, among the training patients is dropped and said.
    """

    sites: tuple[str, ...] = ("bone", "brain", "liver", "lung")
    binary: tuple[Literal["metastatic", "response"], ...] = ("response",)
    timed: tuple[str, ...] = ("metastasis",)
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

    @field_validator("timed")
    @classmethod
    def _dated_endpoints_are_known(cls, timed: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(timed) - set(_DATED))
        if unknown:
            known = ", ".join((*TIMED, *(f"site.{site}" for site in SITES)))
            raise ValueError(f"{', '.join(unknown)} not among the dated endpoints {known}")
        if len(set(timed)) < len(timed):
            raise ValueError("a dated endpoint is named twice")
        return timed

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
        return {name: _DATED[name].causes for name in self.timed}


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
    """One complete experiment: samples of one study, of several, or of a simulation."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    description: str = ""
    seed: int = Field(default=0, ge=0, lt=2**31)
    cohort: CohortSection = CohortSection()
    cohorts: tuple[CohortSection, ...] = ()
    simulation: SimulationSection | None = None
    topology: TopologySection = TopologySection()
    features: FeatureSection = FeatureSection()
    tasks: TaskSection = TaskSection()
    network: NetworkSection = NetworkSection()
    pretraining: PretrainingSection = PretrainingSection()
    training: TrainingSection = TrainingSection()
    calibration: CalibrationSection = CalibrationSection()
    evaluation: EvaluationSection = EvaluationSection()
    gates: GateSection = GateSection()
    tracking: TrackingSection = TrackingSection()
    # Left out of what is written where there is none, so that hashes of experiments stay what they were.
    search: SearchSection | None = Field(default=None, exclude_if=lambda search: search is None)
    benchmark: BenchmarkSection | None = Field(default=None, exclude_if=lambda benchmark: benchmark is None)

    @property
    def sha256(self) -> str:
        """Hash of every setting, hexadecimal."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @model_validator(mode="after")
    def _one_source_of_samples(self) -> Experiment:
        sources = (self.cohort.study is not None, bool(self.cohorts), self.simulation is not None)
        if sum(sources) != 1:
            raise ValueError("an experiment has one of cohort.study, cohorts and a simulation section")
        if any(section.study is None for section in self.cohorts):
            raise ValueError("each of cohorts names its study")
        return self

    @model_validator(mode="after")
    def _adapters_have_a_rank(self) -> Experiment:
        asked, rank = self.training.finetune == "adapters", self.network.adapter_rank
        if asked != (rank > 0):
            raise ValueError("training.finetune: adapters and network.adapter_rank > 0 go together")
        if self.training.finetune != "all" and self.training.pretrained is None:
            raise ValueError(f"training.finetune: {self.training.finetune} needs training.pretrained")
        return self

    @model_validator(mode="after")
    def _numbers_are_crossed_with_a_category_that_is_read(self) -> Experiment:
        name = self.network.numbers_by
        if name is not None and name not in self.features.categorical:
            raise ValueError(f"network.numbers_by: {name} is not among features.categorical")
        return self

    @model_validator(mode="after")
    def _search_is_possible(self) -> Experiment:
        if self.search is not None and self.training.pretrained is not None:
            raise ValueError("a search starts from random weights: add training.pretrained to its best.yaml")
        if self.search is not None:
            check_search(self, self.search, self.training.folds)
        return self

    @model_validator(mode="after")
    def _choices_are_possible(self) -> Experiment:
        if self.benchmark is None or self.benchmark.choose is None:
            return self
        where = "benchmark.choose.among"
        plain = self.model_copy(update={"benchmark": None})
        for alternative in self.benchmark.choose.among:
            for key in alternative:
                check_key(key, type(self), where)
            with_settings(plain, alternative, where)
        return self
