"""The registered model: a bundle behind MLflow's `predict`; MLflow stores this file beside the bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

from metarisk.data.rows import cohort_of
from metarisk.errors import InputError
from metarisk.models.bundle import load_bundle
from metarisk.models.scoring import score_cohort

BUNDLE = "bundle"
# MLflow writes name and version into this file of a registered model that it fetches.
REGISTERED = "registered_model_meta"


class BundleModel(PythonModel):  # type: ignore[misc]
    """Scores rows with a bundle that was verified when it was loaded."""

    def load_context(self, context: Any) -> None:
        """Read the bundle; raises `BundleError` if it was altered."""
        folder = Path(context.artifacts[BUNDLE])
        bundle = load_bundle(folder)
        self._bundle = bundle.as_version(registered_version(folder) or bundle.version)

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Scores of one row a sample, in the columns of `metarisk.schema.scores`.

        Raises
        ------
        MlflowException
            With the sentence of the `InputError`, if the rows are not what `metarisk.data.rows` says; a
            server answers it with status 400.
        """
        try:
            cohort = cohort_of(model_input, "the table of samples")
        except InputError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        return score_cohort(self._bundle, cohort)


def registered_version(bundle: Path) -> str | None:
    """Version under which the model around a bundle was fetched from a registry, if it was."""
    for folder in bundle.parents[:3]:
        path = folder / REGISTERED
        if path.is_file():
            version = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("model_version")
            return None if version is None else str(version)
    return None


set_model(BundleModel())
