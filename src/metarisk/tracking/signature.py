"""What a registered model says it reads and returns; as long for a genome as for a panel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metarisk.data.row_checks import unit_column
from metarisk.schema.scores import COLUMNS, DTYPES, ROWS

if TYPE_CHECKING:
    from metarisk.features.transform import FeatureTransform


def signature_of(transform: FeatureTransform) -> Any:
    """MLflow signature of a model that reads a transform's columns; see `metarisk.data.rows`.

    One row a sample: ``sample_id``, and as the caller has them ``patient_id``, each clinical column that the
    model reads, and for each of its assays a map from gene (pathway, feature) to number with its unit beside
    it. One parameter, ``layout``: see `metarisk.tracking.pyfunc_model`.
    """
    from mlflow.models import ModelSignature
    from mlflow.types.schema import AnyType, ColSpec, DataType, ParamSchema, ParamSpec, Schema

    inputs = [ColSpec(DataType.string, "sample_id"), ColSpec(DataType.string, "patient_id", required=False)]
    inputs += [ColSpec(DataType.double, name, required=False) for name in transform.numeric]
    inputs += [ColSpec(DataType.string, name, required=False) for name in transform.levels]
    for assay in transform.scales:
        # A map, but not told as one. MLflow checks a map of doubles at 30 microseconds a gene, 0.6 s a
        # transcriptome; and JSON records that leave the assay out become NaN, which it refuses as no map of
        # anything. `cohort_of` checks every key and number anyway.
        inputs.append(ColSpec(AnyType(), assay.value, required=False))
        inputs.append(ColSpec(DataType.string, unit_column(assay), required=False))
    outputs = [ColSpec(DataType.double if name in DTYPES else DataType.string, name) for name in COLUMNS]
    layout = ParamSpec("layout", DataType.string, ROWS)
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs), params=ParamSchema([layout]))
