"""One model and the same samples, asked in every way: the answers are equal to the last bit.

Numbers travel as JSON (shortest text that reads back as the same double), parquet or Arrow, none of which
rounds; so nothing is compared with a tolerance.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pandas as pd
import pytest

from metarisk.schema.scores import COLUMNS
from tests.consumers.conftest import Consumer
from tests.consumers.ways import ASSAYS, WAYS, as_table, command_line, post, records_of

pytestmark = pytest.mark.slow


def assert_equal(found: pd.DataFrame, expected: pd.DataFrame, *, version: bool = True) -> None:
    columns = [name for name in COLUMNS if version or name != "model_version"]
    pd.testing.assert_frame_equal(
        found[columns].reset_index(drop=True), expected[columns], check_exact=True, check_dtype=False
    )


@pytest.mark.parametrize("way", WAYS)
def test_every_way_answers_as_the_bundle_in_memory(way: str, consumer: Consumer, tmp_path: Path) -> None:
    """The bundle of the registry, loaded here, against each way to the same model by its name."""
    assert_equal(WAYS[way](consumer, tmp_path), consumer.expected)


def test_a_bundle_answers_the_same_before_it_is_saved_and_from_its_folder(
    consumer: Consumer, tiny_model: Any, tmp_path: Path
) -> None:
    from metarisk.models.scoring import score_cohort

    unsaved = score_cohort(tiny_model.bundle, consumer.cohort)
    told = [name for name in COLUMNS if name not in {"model_version", "bundle_sha256"}]
    pd.testing.assert_frame_equal(unsaved[told], consumer.expected[told], check_exact=True)
    by_folder = command_line(consumer, tmp_path, model=str(consumer.bundle))
    assert_equal(by_folder, consumer.expected, version=False)


@pytest.fixture(scope="module")
def server(consumer: Consumer) -> str:
    return consumer.server


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
def test_any_assay_or_gene_may_be_missing_over_http(server: str, consumer: Consumer, left_out: str) -> None:
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
    assert_equal(as_table(answer["predictions"]), consumer.load().predict(rows))


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
