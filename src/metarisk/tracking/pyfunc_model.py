"""The registered model: a bundle behind MLflow's `predict`; MLflow stores this file beside the bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

from metarisk.data.row_checks import is_absent
from metarisk.data.rows import cohort_of
from metarisk.errors import InputError
from metarisk.models.bundle import load_bundle
from metarisk.models.scoring import score_cohort
from metarisk.schema.scores import ANSWERS, NESTED, ROWS

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
        """Scores of one row a sample.

        Parameters
        ----------
        context
            Not used.
        model_input
            See `metarisk.data.rows`.
        params
            ``layout``: ``rows`` has a row a sample and question, in the columns of `metarisk.schema.scores`;
            ``nested`` a row a sample, as engines want it that ask for as many rows as they send:
            ``sample_id``, and in ``answers`` the list of the others, None where a number is not known.

        Raises
        ------
        MlflowException
            With the sentence of the `InputError`, if the rows are not what `metarisk.data.rows` says, or the
            layout is none; a server answers it with status 400.
        """
        try:
            layout = layout_of(params)
            cohort = cohort_of(model_input, "the table of samples")
        except InputError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        scores = score_cohort(self._bundle, cohort)
        return nested(scores) if layout == NESTED else scores


def layout_of(params: dict[str, Any] | None) -> str:
    """Layout that was asked for; raises `InputError` if it is none."""
    layout = str((params or {}).get("layout", ROWS))
    if layout not in {ROWS, NESTED}:
        raise InputError(f"layout is {layout!r}", expected=f"{ROWS} or {NESTED}", do="Correct the parameter.")
    return layout


def nested(scores: pd.DataFrame) -> pd.DataFrame:
    """A row a sample, in the order of the scores, with the list of its answers."""
    answers: dict[str, list[dict[str, Any]]] = {}
    for row in scores.to_dict("records"):
        answer = {str(key): None if is_absent(value) else value for key, value in row.items()}
        answers.setdefault(str(row["sample_id"]), []).append(answer)
    return pd.DataFrame(
        {"sample_id": list(answers), ANSWERS: pd.Series(list(answers.values()), dtype=object)}
    )


def registered_version(bundle: Path) -> str | None:
    """Version under which the model around a bundle was fetched from a registry, if it was."""
    for folder in bundle.parents[:3]:
        path = folder / REGISTERED
        if path.is_file():
            version = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("model_version")
            return None if version is None else str(version)
    return None


set_model(BundleModel())
