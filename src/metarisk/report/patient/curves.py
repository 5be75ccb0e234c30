"""Risk over time: calibrated cumulative incidence at the end of each interval, death competing."""

from __future__ import annotations

from collections.abc import Iterator

from metarisk.features.batch import Batch
from metarisk.models.answers import probabilities
from metarisk.models.bundle import ModelBundle
from metarisk.report.patient.facts import Curve
from metarisk.schema.endpoints import TIMED

DECIMALS = 6


def curves_of(bundle: ModelBundle, batch: Batch) -> Iterator[Curve]:
    """Curves of one sample, of every dated endpoint but organs, up to the last horizon.

    Later than that no figure of the model was judged, so nothing is drawn.
    """
    layout, last = bundle.ensemble.plan.layout, max(bundle.experiment.tasks.horizons_days)
    for endpoint, causes in layout.timed.items():
        if endpoint not in TIMED:
            continue
        ends = tuple(edge for edge in layout.bin_edges_days[endpoint] if edge <= last)
        answers = probabilities(bundle.ensemble, bundle.calibration, batch, ends)
        for cause in causes:
            own = [answer for answer in answers if (answer.endpoint, answer.cause) == (endpoint, cause)]
            value, lower, upper = (
                (0.0, *(round(float(getattr(answer, part)[0]), DECIMALS) for answer in own))
                for part in ("value", "lower", "upper")
            )
            yield Curve(endpoint, cause, (0.0, *ends), value, lower, upper)
