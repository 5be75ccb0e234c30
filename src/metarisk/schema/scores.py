"""The table of scores: one row a sample and question."""

from __future__ import annotations

# A probability is of the target within the horizon (ever, when the horizon is null):
# higher is worse for sites and metastasis, better for response. Its interval says how sure the fit is of it;
# the conformal set what can be said of this patient. Of a dated event such patients are free until
# free_until_days at least (the last horizon at most), at the level of the sets. Of the answer, graph_share
# came through the graph. Of training patients a share distance_p was as far from the others
# as this sample is, or further; null where nothing could be compared.
COLUMNS: tuple[str, ...] = (
    "sample_id",
    "task",
    "target",
    "horizon_days",
    "probability",
    "lower",
    "upper",
    "conformal_set",
    "free_until_days",
    "graph_share",
    "distance_p",
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
    "free_until_days": "float64",
    "graph_share": "float64",
    "distance_p": "float64",
}

# Layouts of an answer to many samples: a row a sample and question, or a row a sample with a list of them.
ROWS, NESTED = "rows", "nested"
ANSWERS = "answers"

# What Spark must be told of the nested layout; `inline(score(struct("*")).answers)` makes rows of it.
SPARK_TYPE = (
    f"struct<{ANSWERS}:array<struct<"
    + ",".join(f"{name}:{'double' if name in DTYPES else 'string'}" for name in COLUMNS)
    + ">>>"
)

# Answers that cannot be ruled out; empty text where there is no answer.
DECIDED_SETS: tuple[str, ...] = ("yes", "no")
UNDECIDED_SETS: tuple[str, ...] = ("yes or no", "none")

QUESTIONS: tuple[str, ...] = ("site", "metastasis", "response")

FLAG_SEPARATOR = ";"
