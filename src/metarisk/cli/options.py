"""Arguments and options that several verbs share; the only place that reads the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DataRoot = Annotated[
    Path | None,
    typer.Option(envvar="METARISK_DATA_ROOT", help="Folder that the paths of a study file are relative to."),
]
TrackingUri = Annotated[
    str | None,
    typer.Option(envvar="MLFLOW_TRACKING_URI", help="MLflow store that holds the registry of models."),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        envvar="METARISK_FETCH_URL",
        help="Server, a mirror say, that holds the files under their names; the public ones if left out.",
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace a result that stands there; anything else never is.")
]
Model = Annotated[str, typer.Argument(metavar="MODEL", help="Bundle folder, or models:/name@alias.")]
Study = Annotated[
    Path, typer.Argument(metavar="STUDY", help="Study folder, study file (.yaml), or stored cohort.")
]
Input = Annotated[
    Path,
    typer.Argument(
        metavar="INPUT",
        help="Study folder, study file (.yaml), stored cohort, or one table (parquet, TSV, CSV).",
    ),
]
