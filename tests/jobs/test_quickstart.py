from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.errors import OutputError
from metarisk.jobs.quickstart import QuickstartResult, embedded_experiment, quickstart
from metarisk.models.bundle import load_bundle
from metarisk.score import read_scores

SAMPLES = 500


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> QuickstartResult:
    return quickstart(tmp_path_factory.mktemp("quickstart") / "out", samples=SAMPLES)


@pytest.mark.slow
def test_the_whole_job_runs_and_scores_the_held_out_through_the_registry(done: Any) -> None:
    scores = read_scores(done.scores)
    bundle = load_bundle(done.bundle)
    assert done.model == "models:/metarisk@champion"
    assert set(scores["model_version"]) == {"1"}
    assert set(scores["bundle_sha256"]) == {bundle.sha256}
    assert scores["sample_id"].nunique() == bundle.provenance["held_out_samples"]
    assert scores["probability"].between(0, 1).all()
    assert not scores["flags"].str.contains("training-patient").any()


@pytest.mark.slow
def test_planted_circuits_stand_above_the_others(done: Any) -> None:
    assert {endpoint for endpoint, _ in done.planted} >= {"metastasis", "site.bone", "response"}
    assert done.recovery > 0.6
    assert all(1 <= rank.rank <= rank.of for rank in done.ranks)


@pytest.mark.slow
def test_the_page_says_what_moves_the_answers_and_the_planted_circuits_stand_at_the_top(done: Any) -> None:
    moves = pd.read_csv(done.page.parent / "moves_circuits.tsv", sep="\t", comment="#")
    planted = dict(done.planted)
    found = [
        int(rows.loc[rows["circuit"] == planted[str(answer).partition("@")[0]], "rank"].min())
        for answer, rows in moves.groupby("answer")
    ]
    assert np.median(found) <= 3  # of 86, from 400 patients
    page = done.page.read_text(encoding="utf-8")
    assert page.count('class="plot network"') == len(found)
    assert len(page) < 3_000_000


@pytest.mark.slow
def test_a_second_run_gives_the_same_numbers(done: Any, tmp_path: Path) -> None:
    again = quickstart(tmp_path / "out", samples=SAMPLES)
    pd.testing.assert_frame_equal(again.figures, done.figures, check_exact=True)
    assert (again.ranks, again.coverage) == (done.ranks, done.coverage)
    assert load_bundle(again.bundle).sha256 == load_bundle(done.bundle).sha256
    pd.testing.assert_frame_equal(read_scores(again.scores), read_scores(done.scores), check_exact=True)


def test_a_taken_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(OutputError, match=r"exists\."):
        quickstart(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_another_size_or_seed_changes_nothing_else_but_the_gates_of_the_size() -> None:
    usual, other = embedded_experiment(None, 0), embedded_experiment(123, 7)
    assert other.simulation is not None
    assert (other.simulation.samples, other.seed) == (123, 7)
    restored = other.model_copy(
        update={"simulation": usual.simulation, "seed": usual.seed, "gates": usual.gates}
    )
    assert restored == usual
