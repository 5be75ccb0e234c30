"""Every way from a registered model and samples to answers, each with the real thing."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import httpx
import numpy as np
import pandas as pd
import pytest

from metarisk.data import write_cohort
from metarisk.jobs.model_server import consumer_environment
from metarisk.schema.assays import Assay
from metarisk.schema.scores import COLUMNS, DTYPES
from metarisk.score import read_scores
from tests import nursery
from tests.consumers.conftest import CHAMPION, Consumer

ASSAYS = tuple(assay.value for assay in Assay)
PATIENCE_S = 240


def as_table(answers: object) -> pd.DataFrame:
    """Rows that came as JSON or from an engine, with the types of a table of scores."""
    return pd.DataFrame(answers)[list(COLUMNS)].astype(DTYPES)


def records_of(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """A row as JSON has it: what is not known is left out, so any column may be missing."""
    return [
        {key: value for key, value in row.items() if isinstance(value, dict) or pd.notna(value)}
        for row in rows.to_dict("records")
    ]


def post(address: str, body: object) -> Any:
    """What MLflow's server answers."""
    request = Request(f"{address}/invocations", json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    with urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def readme_line(start: str) -> str:
    """The README's line of code that begins so."""
    lines = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8").splitlines()
    (found,) = [line.partition("   # ")[0] for line in lines if line.startswith(start)]
    return found


def run(words: list[str], folder: Path, consumer: Consumer, **environment: str) -> None:
    """A fresh process of Python that must end well."""
    ended = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=consumer_environment(consumer.uri) | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert ended.returncode == 0, ended.stderr[-4000:]


def command_line(consumer: Consumer, folder: Path, *options: str, model: str = CHAMPION) -> pd.DataFrame:
    """`metarisk score` over a stored cohort."""
    write_cohort(consumer.cohort, folder / "new")
    words = ["-m", "metarisk", "score", model, str(folder / "new"), "--out", str(folder / "scores")]
    words += ["--tracking-uri", consumer.uri, *options]
    ended = nursery.run(*words, env=consumer_environment(consumer.uri), cwd=folder, timeout=PATIENCE_S)
    assert ended.returncode == 0, ended.stderr[-4000:]
    return read_scores(folder / "scores")


def on_ray(consumer: Consumer, folder: Path) -> pd.DataFrame:
    """`metarisk score --engine ray`, on two workers."""
    if find_spec("ray") is None:  # not imported here: it reads where to listen when it is
        pytest.skip("pip install 'metarisk[ray]'")
    return command_line(consumer, folder, "--engine", "ray", "--workers", "2")


def pyfunc(consumer: Consumer, folder: Path) -> pd.DataFrame:
    """`mlflow.pyfunc.load_model(...).predict`."""
    assert f'mlflow.pyfunc.load_model("{CHAMPION}").predict(rows)' in readme_line("scores = mlflow.pyfunc")
    return consumer.load().predict(consumer.rows)


def pyfunc_nested(consumer: Consumer, folder: Path) -> pd.DataFrame:
    """The same, with one row a sample."""
    nested = consumer.load().predict(consumer.rows, params={"layout": "nested"})
    assert list(nested["sample_id"]) == list(consumer.rows["sample_id"])
    return as_table([row for answers in nested["answers"] for row in answers])


def models_predict(consumer: Consumer, folder: Path) -> pd.DataFrame:
    """`mlflow models predict`, by the README's line."""
    (folder / "rows.json").write_text(json.dumps({"dataframe_records": records_of(consumer.rows)}))
    run(["-m", *shlex.split(readme_line("mlflow models predict "))], folder, consumer)
    return as_table(json.loads((folder / "scores.json").read_text())["predictions"])


def models_serve(consumer: Consumer, folder: Path) -> pd.DataFrame:
    """`mlflow models serve`, asked over HTTP; the README's line, but for its port."""
    assert f"-m {CHAMPION} --env-manager local --port" in readme_line("mlflow models serve ")
    answer = post(consumer.server, {"dataframe_records": records_of(consumer.rows)})
    return as_table(answer["predictions"])


def service_job(consumer: Consumer, folder: Path) -> pd.DataFrame:
    """`metarisk serve` and `metarisk work`: a stored cohort submitted, its scores fetched."""
    service = consumer.service
    write_cohort(consumer.cohort, service.root / "new")
    job = service.submit("new")
    service.work("--until-empty")
    service.wait(job, "done", seconds=PATIENCE_S)
    (folder / "scores.parquet").write_bytes(httpx.get(f"{service.url}/v1/jobs/{job}/scores").content)
    return pd.read_parquet(folder / "scores.parquet")


def service_at_once(consumer: Consumer, folder: Path) -> pd.DataFrame:
    """`metarisk serve`, asked for a few samples without a job."""
    body = {"rows": records_of(consumer.rows)}
    answer = httpx.post(f"{consumer.service.url}/v1/score", json=body, timeout=PATIENCE_S)
    assert answer.status_code == 200, answer.text
    return as_table(answer.json()["scores"])


SPARK = f"""
import json, sys
import mlflow
from pyspark.sql import SparkSession
from pyspark.sql.functions import inline, struct
from metarisk.schema.scores import SPARK_TYPE

registry, rows, out = sys.argv[1:]
spark = SparkSession.builder.master("local[1]").getOrCreate()
samples = spark.read.schema(json.load(open(rows + ".schema"))["ddl"]).json(rows)
mlflow.set_tracking_uri(registry)

{readme_line("score = mlflow.pyfunc.spark_udf")}
{readme_line("answers = samples.select")}

answers.toPandas().to_parquet(out)
spark.stop()
"""


def spark(consumer: Consumer, folder: Path) -> pd.DataFrame:
    """`mlflow.pyfunc.spark_udf` on a local Spark; its rows come in any order."""
    pytest.importorskip("pyspark", reason="pip install 'metarisk[spark]'")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java, and no java is on the PATH")
    rows = consumer.rows
    table = folder / "rows.json"
    table.write_text("".join(json.dumps(record) + "\n" for record in records_of(rows)))
    (folder / "rows.json.schema").write_text(json.dumps({"ddl": _ddl_of(rows)}))
    words = ["-c", SPARK, consumer.uri, str(table), str(folder / "scores.parquet")]
    run(words, folder, consumer, **_spark_environment(folder))
    found = as_table(pd.read_parquet(folder / "scores.parquet"))
    order = {name: at for at, name in enumerate(rows["sample_id"])}
    return found.iloc[np.argsort(found["sample_id"].map(order), kind="stable")]


def _ddl_of(rows: pd.DataFrame) -> str:
    """Columns of a table of rows as Spark declares them."""

    def kind(name: str) -> str:
        if name in ASSAYS:
            return "map<string,double>"
        return "double" if rows[name].dtype.kind == "f" else "string"

    return ", ".join(f"`{name}` {kind(str(name))}" for name in rows)


def _spark_environment(folder: Path) -> dict[str, str]:
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


WAYS: dict[str, Callable[[Consumer, Path], pd.DataFrame]] = {
    "pyfunc": pyfunc,
    "pyfunc, a row a sample": pyfunc_nested,
    "command line": command_line,
    "Ray": on_ray,
    "mlflow models predict": models_predict,
    "mlflow models serve": models_serve,
    "service, a job": service_job,
    "service, at once": service_at_once,
    "Spark": spark,
}
