"""A bundle in the shape in which MLflow stores a model: code, signature, requirements, no pickle."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metarisk import __version__
from metarisk.models.bundle import check_bundle
from metarisk.tracking.signature import signature_of
from metarisk.tracking.store import quiet

if TYPE_CHECKING:
    from metarisk.models.bundle import ModelBundle

CODE = Path(__file__).with_name("pyfunc_model.py")
BUNDLE = "bundle"
# What the numbers depend on beyond our own code.
PINNED = ("torch", "numba", "numpy", "pandas", "scipy")


def save_model(bundle: ModelBundle, folder: Path, target: Path, logged: Any) -> None:
    """Write an MLflow model that holds a copy of a bundle.

    Parameters
    ----------
    bundle
        The bundle as loaded.
    folder
        Where it lies.
    target
        Folder to write, which must not exist.
    logged
        MLflow's record of the model.
    """
    with quiet():
        import mlflow.pyfunc
        from mlflow.models import Model

        model = Model(
            artifact_path=logged.artifact_location,
            model_uuid=logged.model_id,
            model_id=logged.model_id,
            run_id=logged.source_run_id,
        )
        mlflow.pyfunc.save_model(
            path=str(target),
            python_model=str(CODE),
            artifacts={BUNDLE: str(folder)},
            signature=signature_of(bundle.transform),
            pip_requirements=requirements(),
            mlflow_model=model,
        )
    check_bundle(bundle_in(target))


def bundle_in(model: Path) -> Path:
    """Folder of the bundle inside a stored model."""
    from mlflow.models import Model

    flavor = Model.load(str(model)).flavors["python_function"]
    return model / str(flavor["artifacts"][BUNDLE]["path"])


def requirements() -> list[str]:
    """What a machine must install to load the model; stated, since MLflow would guess for half a minute."""
    listed = [f"metarisk[mlflow]=={__version__}"]
    for package in PINNED:
        try:
            # A local build such as 2.13.0+cpu is the same release.
            listed.append(f"{package}=={version(package).partition('+')[0]}")
        except PackageNotFoundError:
            listed.append(package)
    return listed
