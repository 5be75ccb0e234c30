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
    "boosting",
    "linear",
    "panel_only",
    "type_only",
    "burden_only",
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
    controls
        Models trained beside ours on the same patients. ``no_graph``, ``rewired`` and ``shuffled_signs`` are
        our network over no graph, a graph with other ends, and other signs; ``permuted_labels`` is our
        network taught labels of other patients, and must find nothing. ``boosting`` and ``linear`` read the
        same inputs; ``panel_only``, ``type_only`` and ``burden_only`` (FGA and TMB) read what they say.
    """

    test_fraction: float = Field(default=0.2, gt=0.0, lt=0.9)
    bootstrap: int = Field(default=1000, ge=50, le=20_000)
    within: str = "cancer_type"
    within_min_events: int = Field(default=10, ge=2)
    controls: tuple[Control, ...] = ("no_graph", "boosting")
