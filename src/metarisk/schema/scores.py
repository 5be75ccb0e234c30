"""The table of scores: one row a sample and question."""

from __future__ import annotations

# A probability is of the target within the horizon (ever, when the horizon is null):
# higher is worse for sites and metastasis, better for response.
COLUMNS: tuple[str, ...] = (
    "sample_id",
    "task",
    "target",
    "horizon_days",
    "probability",
    "lower",
    "upper",
    "flags",
    "model_name",
    "model_version",
    "bundle_sha256",
    "topology_sha256",
    "input_sha256",
)

DTYPES: dict[str, str] = {
    "horizon_days": "float64",
    "probability": "float64",
    "lower": "float64",
    "upper": "float64",
}

QUESTIONS: tuple[str, ...] = ("site", "metastasis", "response")

FLAG_SEPARATOR = ";"
