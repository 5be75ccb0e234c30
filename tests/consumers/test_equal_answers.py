"""One model and the same samples, asked by every consumer: the answers are equal to the last bit.

Numbers travel as JSON (shortest text that reads back as the same double), parquet or Arrow, none of which
rounds; so nothing is compared with a tolerance.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pandas as pd
import pytest

from metarisk.data import write_cohort
from metarisk.jobs.model_server import consumer_environment, model_server
from metarisk.schema.assays import Assay
from metarisk.schema.scores import COLUMNS, DTYPES, SPARK_TYPE
from metarisk.score import read_scores

pytestmark = pytest.mark.slow
CHAMPION = "models:/metarisk@champion"
ASSAYS = tuple(assay.value for assay in Assay)
PATIENCE_S = 240


def as_table(answers: object) -> pd.DataFrame:
    """Rows that came as JSON or from an engine, with the types of a table of scores."""
    return pd.DataFrame(answers)[list(COLUMNS)].astype(DTYPES)


def assert_equal(found: pd.DataFrame, expected: pd.DataFrame, *, version: bool = True) -> None:
    columns = [name for name in COLUMNS if version or name != "model_version"]
    pd.testing.assert_frame_equal(
        found[columns].reset_index(drop=True), expected[columns], check_exact=True, check_dtype=False
    )


def records_of(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """A row as JSON has it: what is not known is left out, so any column may be missing."""
    return [
        {key: value for key, value in row.items() if isinstance(value, dict) or pd.notna(value)}
        for row in rows.to_dict("records")
    ]


def post(address: str, body: object) -> Any:
    request = Request(f"{address}/invocations", json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    with urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


@pytest.fixture(scope="module")
def server(consumer: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with model_server(CHAMPION, consumer.uri, tmp_path_factory.mktemp("server") / "log") as address:
        yield address


@pytest.fixture(scope="module")
def stored(consumer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort") / "new"
    write_cohort(consumer.cohort, folder)
    return folder


def test_the_pyfunc_answers_as_the_bundle_in_memory(ask: Any, consumer: Any) -> None:
    assert_equal(ask.predict(consumer.rows), consumer.expected)


def test_a_row_a_sample_holds_the_same_answers(ask: Any, consumer: Any) -> None:
    nested = ask.predict(consumer.rows, params={"layout": "nested"})
    assert list(nested["sample_id"]) == list(consumer.rows["sample_id"])
    assert_equal(as_table([row for answers in nested["answers"] for row in answers]), consumer.expected)


@pytest.mark.parametrize(("model", "version"), [("folder", False), (CHAMPION, True)])
def test_the_command_line_answers_as_the_bundle_in_memory(
    model: str, version: bool, consumer: Any, stored: Path, tmp_path: Path
) -> None:
    named = str(consumer.bundle) if model == "folder" else model
    words = [sys.executable, "-m", "metarisk", "score", named, str(stored), "--out", str(tmp_path / "out")]
    ended = subprocess.run(
        [*words, "--tracking-uri", consumer.uri], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert_equal(read_scores(tmp_path / "out"), consumer.expected, version=version)


def test_mlflow_models_predict_answers_as_the_bundle_in_memory(consumer: Any, tmp_path: Path) -> None:
    body = {"dataframe_records": records_of(consumer.rows)}
    (tmp_path / "rows.json").write_text(json.dumps(body))
    words = [sys.executable, "-m", "mlflow", "models", "predict", "--model-uri", CHAMPION]
    words += ["--env-manager", "local", "--content-type", "json", "--input-path", str(tmp_path / "rows.json")]
    ended = subprocess.run(
        [*words, "--output-path", str(tmp_path / "scores.json")],
        cwd=tmp_path,
        env=consumer_environment(consumer.uri),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert ended.returncode == 0, ended.stderr
    answer = json.loads((tmp_path / "scores.json").read_text())
    assert_equal(as_table(answer["predictions"]), consumer.expected)


def test_mlflow_models_serve_answers_as_the_bundle_in_memory(server: str, consumer: Any) -> None:
    answer = post(server, {"dataframe_records": records_of(consumer.rows)})
    assert_equal(as_table(answer["predictions"]), consumer.expected)


def test_a_row_a_sample_over_http_is_json_without_nan(server: str) -> None:
    """An abstention has no numbers; in the other layout MLflow writes NaN, which JSON does not know."""
    asked = {"dataframe_records": [{"sample_id": "S1"}], "params": {"layout": "nested"}}
    request = Request(
        f"{server}/invocations", json.dumps(asked).encode(), {"Content-Type": "application/json"}
    )
    with urlopen(request, timeout=60) as answer:
        (told,) = json.loads(answer.read(), parse_constant=pytest.fail)["predictions"]
    assert told["sample_id"] == "S1"
    assert all(row["probability"] is None for row in told["answers"])


@pytest.mark.parametrize("left_out", ["an assay", "all assays", "genes", "the clinic"])
def test_any_assay_or_gene_may_be_missing_over_http(
    server: str, ask: Any, consumer: Any, left_out: str
) -> None:
    rows = consumer.rows.head(5)
    there = [name for name in ASSAYS if name in rows]
    if left_out == "genes":
        thinned = {name: rows[name].map(_every_third) for name in there}
        rows = rows.assign(**thinned)
    else:
        clinic = [name for name in rows if name.removesuffix("_unit") not in {*ASSAYS, "sample_id"}]
        dropped = {"an assay": there[:1], "all assays": there, "the clinic": clinic}[left_out]
        rows = rows.drop(columns=[name for name in rows if name.removesuffix("_unit") in dropped])
    answer = post(server, {"dataframe_records": records_of(rows)})
    assert_equal(as_table(answer["predictions"]), ask.predict(rows))


def _every_third(entries: dict[str, float] | None) -> dict[str, float] | None:
    return entries and dict(list(entries.items())[::3])


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            {"dataframe_records": [{"sample_id": "S1", "age_years": 700.0}]},
            r"age_years lies outside 0..120 in S1; expected years. Correct the values or their unit.",
        ),
        (
            {"dataframe_records": [{"sample_id": "S1", "mutation": {"TP53:misense": 1.0}}]},
            "'misense' is not one of its channels",
        ),
        ({"dataframe_records": [{"sample_id": "S1"}], "params": {"layout": "x"}}, "layout is 'x'"),
    ],
)
def test_a_bad_row_over_http_is_the_callers_fault_in_our_words(
    server: str, body: object, sentence: str
) -> None:
    with pytest.raises(HTTPError) as refusal:
        post(server, body)
    assert refusal.value.code == 400
    assert sentence in json.loads(refusal.value.read())["message"]
    assert urlopen(f"{server}/ping", timeout=10).status == 200


SPARK = """
import json, sys
import mlflow
from pyspark.sql import SparkSession
from pyspark.sql.functions import inline, struct
from metarisk.schema.scores import SPARK_TYPE

registry, rows, out = sys.argv[1:]
spark = SparkSession.builder.master("local[1]").getOrCreate()
samples = spark.read.schema(json.load(open(rows + ".schema"))["ddl"]).json(rows)
mlflow.set_tracking_uri(registry)

score = mlflow.pyfunc.spark_udf(spark, "models:/metarisk@champion", SPARK_TYPE, params={"layout": "nested"})
answers = samples.select(inline(score(struct("*")).answers))

answers.toPandas().to_parquet(out)
spark.stop()
"""


def ddl_of(rows: pd.DataFrame) -> str:
    """Columns of a table of rows as Spark declares them."""

    def kind(name: str) -> str:
        if name in ASSAYS:
            return "map<string,double>"
        return "double" if rows[name].dtype.kind == "f" else "string"

    return ", ".join(f"`{name}` {kind(str(name))}" for name in rows)


@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java, and no java is on the PATH")
@pytest.mark.parametrize("left_out", ["nothing", "an assay"])
def test_a_spark_udf_answers_as_the_bundle_in_memory(
    consumer: Any, ask: Any, tmp_path: Path, left_out: str
) -> None:
    pytest.importorskip("pyspark", reason="pip install 'metarisk[spark]'")
    assert SPARK_TYPE.count(":") == len(COLUMNS) + 1
    rows = consumer.rows if left_out == "nothing" else consumer.rows.drop(columns=["expression"])
    table = tmp_path / "rows.json"
    table.write_text("".join(json.dumps(record) + "\n" for record in records_of(rows)))
    (tmp_path / "rows.json.schema").write_text(json.dumps({"ddl": ddl_of(rows)}))
    ended = subprocess.run(
        [sys.executable, "-c", SPARK, consumer.uri, str(table), str(tmp_path / "scores.parquet")],
        cwd=tmp_path,
        env=consumer_environment(consumer.uri) | spark_environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert ended.returncode == 0, ended.stderr[-4000:]
    expected = consumer.expected if left_out == "nothing" else ask.predict(rows)
    found = as_table(pd.read_parquet(tmp_path / "scores.parquet"))
    order = {name: at for at, name in enumerate(rows["sample_id"])}
    found = found.iloc[np.argsort(found["sample_id"].map(order), kind="stable")]
    assert_equal(found, expected)


def spark_environment(folder: Path) -> dict[str, str]:
    """A Spark of this Python on the loopback, with its scratch files in a folder."""
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
    }
    words = " ".join(f"--conf {key}={value}" for key, value in settings.items())
    return {
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_SUBMIT_ARGS": f"{words} pyspark-shell",
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": os.fspath(folder),
    }
