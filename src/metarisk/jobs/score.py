"""`metarisk score`: a model and samples to a folder of scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metarisk.score import ScoreReport


def score(
    model: str,
    study: Path,
    out: Path,
    *,
    data_root: Path | None = None,
    tracking_uri: str | None = None,
    overwrite: bool = False,
) -> ScoreReport:
    """Score samples and write the table; nothing stands under ``out`` until all of it is on disk.

    Parameters
    ----------
    model
        Bundle folder, or ``models:/name@alias`` (needs MLflow).
    study
        Study folder, study file, stored cohort, or one table in the row format of `metarisk.data.rows`.
    out
        Folder to make.
    data_root
        Folder that a study file's paths are relative to.
    tracking_uri
        Registry of a ``models:/`` name.
    overwrite
        Replace scores that stand in ``out``; anything else is never replaced.

    Raises
    ------
    OutputError
        If ``out`` exists or cannot be written; known before anything is read.
    BundleError, RegistryError
        If the model cannot be opened.
    InputError
        If the samples cannot be read.
    """
    from metarisk.files import check_free
    from metarisk.jobs.opening import open_model, open_samples
    from metarisk.score import score_to
    from metarisk.score.layout import MANIFEST

    check_free(out, overwrite=overwrite, marker=MANIFEST)
    bundle = open_model(model, tracking_uri=tracking_uri)
    return score_to(bundle, open_samples(study, data_root=data_root), out, overwrite=overwrite)
