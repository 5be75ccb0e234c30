"""`metarisk evaluate MODEL STUDY`: figures of a model on labelled samples."""

from __future__ import annotations

from metarisk.cli.options import DataRoot, Model, Study, TrackingUri


def evaluate(
    model: Model, study: Study, data_root: DataRoot = None, tracking_uri: TrackingUri = None
) -> None:
    """Judge a model on known outcomes."""
    from metarisk.cli.show import show_facts, show_figures, show_notes
    from metarisk.jobs.evaluate import evaluate as run

    result = run(model, study, data_root=data_root, tracking_uri=tracking_uri)
    show_figures(result.figures)
    show_notes(result.notes)
    show_facts({"samples": result.samples})
