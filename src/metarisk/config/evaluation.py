"""What an experiment may choose of the way it is judged."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from metarisk.config.section import Section

Control = Literal[
    "no_graph",
    "rewired",
    "shuffled_signs",
    "permuted_labels",
    "only_mutation",
    "only_copy_number",
    "only_fusion",
    "only_expression",
    "only_methylation",
    "only_microrna",
    "only_protein",
    "only_metabolite",
    "only_signature",
    "only_cell_fraction",
    "boosting",
    "linear",
    "elastic_net",
    "clinic_only",
    "assays_only",
    "panel_only",
    "type_only",
    "burden_only",
    "tmb",
    "fga",
    "age",
    "pdl1_percent",
    "gep",
    "ifng",
    "cd8a",
    "pdl1",
    "aurka",
    "loris",
    "loris_nsclc",
]


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
    within_each
        In a comparison, tell each stratum's figures too, and their plain mean.
    within_as
        Name -> values of that category which count as one stratum, e.g. ``COADREAD: [COAD, READ]``.
    controls
        Models trained beside ours on the same patients. ``no_graph``, ``rewired`` and ``shuffled_signs`` are
        our network over no graph, a graph with other ends, and other signs; ``permuted_labels`` is our
        network taught labels of other patients, and must find nothing; ``only_<assay>`` is our network with
        one assay and no clinic. ``boosting``, ``linear`` (ridge) and ``elastic_net`` (for dated endpoints
        Cox) read the same inputs, ``clinic_only`` and ``assays_only`` are elastic nets on a part of them;
        ``panel_only``, ``type_only`` and ``burden_only`` (FGA and TMB) read what they say. The others are
        published scores that are not fitted and only rank: ``metarisk.train.published``.
    """

    test_fraction: float = Field(default=0.2, gt=0.0, lt=0.9)
    bootstrap: int = Field(default=1000, ge=50, le=20_000)
    within: str = "cancer_type"
    within_min_events: int = Field(default=10, ge=2)
    # Left out of what is written where they are not used, so that hashes of experiments stay what they were.
    within_each: bool = Field(default=False, exclude_if=lambda each: not each)
    within_as: dict[str, tuple[str, ...]] = Field(default_factory=dict, exclude_if=lambda groups: not groups)
    controls: tuple[Control, ...] = ("no_graph", "boosting")
