"""The benchmark of learning: its statistics, its null, its models, and equal tables from equal seeds."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata, ttest_1samp

from metarisk.cli import run
from metarisk.jobs.benchmark_learning import FIGURE, TABLE, benchmark_learning
from metarisk.jobs.benchmark_learning_memory import memorise, parts
from metarisk.jobs.benchmark_learning_null import NOTHING, calibration_p
from metarisk.jobs.benchmark_learning_statistics import (
    Row,
    compared,
    mean_over,
    share,
    signed_rank_p,
    summed_up,
)
from metarisk.jobs.benchmark_learning_trial import (
    NO_GRAPH,
    OURS,
    PERMUTED,
    Size,
    contrast,
    draw_trial,
    held_out_aurocs,
    true_answers,
)
from metarisk.jobs.quickstart import embedded_experiment
from metarisk.pathways.curated import curated_topology

TINY = Size(seeds=1, patients=200, held_out=60, epochs=2)


def slow_signed_rank_p(differences):
    """Over every way to deal the signs, the share at least as far from the middle as what was seen."""
    ranks = rankdata(np.abs(differences))
    middle = ranks.sum() / 2
    seen = abs(ranks[np.array(differences) > 0].sum() - middle)
    dealt = [abs(ranks @ np.array(signs) - middle) for signs in product((0, 1), repeat=len(ranks))]
    return np.mean(np.array(dealt) >= seen - 1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_the_p_value_is_that_of_every_way_to_deal_the_signs(seed):
    differences = np.random.default_rng(seed).normal(0.4, 1.0, 8).tolist()
    assert signed_rank_p(differences) == pytest.approx(slow_signed_rank_p(differences))


def test_eight_cohorts_that_agree_give_two_in_256_and_none_that_differ_give_one():
    assert signed_rank_p([0.1 * at for at in range(1, 9)]) == pytest.approx(2 / 256)
    assert signed_rank_p([0.0] * 8) == 1.0


def test_the_interval_of_a_mean_is_students():
    values = [0.61, 0.66, 0.7, 0.58]
    expected = ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert mean_over(values) == pytest.approx((np.mean(values), *expected))
    assert np.isnan(mean_over([0.5])[1:]).all()


def rows_of(figures):
    return [
        Row("topology", model, 100, str(seed), "mean", "auroc", value)
        for model, values in figures.items()
        for seed, value in enumerate(values)
    ]


def test_differences_are_paired_by_seed_and_adjusted_for_the_controls():
    figures = {OURS: [0.7, 0.8, 0.9], "rewired": [0.6, 0.65, 0.7], NO_GRAPH: [0.75, 0.7, 0.6]}
    rows = rows_of(figures)[::-1]  # the order of the rows plays no part
    told = {row.model: row for row in compared(rows, OURS, ("rewired", NO_GRAPH), ("auroc",))}
    assert told["metarisk - rewired"].value == pytest.approx(0.15)
    assert told["metarisk - rewired"].p == pytest.approx(0.25)
    assert told["metarisk - rewired"].holm == pytest.approx(0.5)
    assert told["metarisk - no_graph"].value == pytest.approx((-0.05 + 0.1 + 0.3) / 3)


def test_a_control_without_the_figure_is_not_compared():
    rows = rows_of({OURS: [0.7, 0.8], NO_GRAPH: [float("nan")] * 2})
    assert compared(rows, OURS, (NO_GRAPH,), ("auroc",)) == []


def test_summing_up_keeps_models_apart():
    told = summed_up(rows_of({OURS: [0.7, 0.8], NO_GRAPH: [0.5, 0.6]}))
    assert [(row.model, row.seed, row.n) for row in told] == [(OURS, "all", 2), (NO_GRAPH, "all", 2)]
    assert [row.value for row in told] == pytest.approx([0.75, 0.55])


def test_a_share_has_the_exact_interval():
    value, lower, upper = share([True] * 19 + [False])
    assert (value, lower, upper) == pytest.approx((0.95, 0.7513, 0.99873), abs=1e-4)


def test_right_probabilities_pass_the_calibration_test_as_often_as_they_should():
    rng = np.random.default_rng(0)
    found = []
    for seed in range(60):
        probability = rng.uniform(0.2, 0.6, 150)
        label = (rng.random(150) < probability).astype(float)
        found.append(calibration_p(probability, label, seed, redraws=49))
    assert np.mean(found) == pytest.approx(0.5, abs=0.15)
    assert np.mean(np.array(found) <= 0.1) < 0.25
    shifted = calibration_p(np.full(300, 0.3), (rng.random(300) < 0.5).astype(float), 0, redraws=49)
    assert shifted == pytest.approx(1 / 50)


def test_the_truth_of_a_cohort_without_signal_is_one_number_a_question(small_topology):
    trial = draw_trial(small_topology, TINY, 3, **NOTHING)
    assert len(trial.training) == 200
    assert len(trial.test) == 60
    assert not set(trial.training.sample_ids) & set(trial.test.sample_ids)
    for probability in true_answers(trial).values():
        assert len(probability) == 60
        assert np.ptp(probability) == 0.0


def test_the_truth_itself_tells_held_out_patients_apart(small_topology):
    trial = draw_trial(small_topology, Size(held_out=600), 3)
    found = held_out_aurocs(trial, true_answers(trial))
    assert {question.endpoint for question in found} > {"site.bone", "response", "metastasis"}
    assert min(found.values()) > 0.7


def test_a_contrast_is_nothing_where_a_circuit_stands_alike_in_every_answer():
    alike = np.array([[0.9, 0.9, 0.9], [0.6, 0.6, 0.6], [0.2, 0.2, 0.2]])
    assert contrast(alike) == pytest.approx(0.0)
    assert contrast(alike + 0.1 * np.eye(3)) == pytest.approx(0.1)


@pytest.mark.slow
@pytest.mark.parametrize("part", parts())
def test_64_patients_are_learned_by_heart(part):
    memory = memorise(part, curated_topology(), embedded_experiment(400, 0))
    assert memory.auroc > 0.99
    assert memory.loss < 0.01
    assert min(memory.metastasis, memory.death) > 0.99


@pytest.mark.slow
def test_equal_seeds_give_equal_tables(small_topology, tmp_path):
    tables = []
    for name in ("one", "two"):
        out = tmp_path / name / "learning"
        found = benchmark_learning(out, TINY, topology=small_topology)
        tables.append((out / TABLE).read_bytes())
        assert (out / FIGURE).stat().st_size > 10_000
    assert tables[0] == tables[1]
    table = pd.read_csv(tmp_path / "one" / "learning" / TABLE, sep="\t", comment="#")
    assert tuple(table.columns) == Row._fields
    assert set(table["part"]) == {"64 patients by heart", "topology", "no signal", "learning curve"}
    whole = table[(table["part"] == "topology") & (table["seed"] == "20")]
    assert set(whole["model"]) == {OURS, *PERMUTED, NO_GRAPH, "truth"}
    assert (whole.loc[whole["metric"] == "gap", "value"] < 1e-3).all()
    assert [row.seed for row in found.summary] == ["all"] * len(found.summary)


def test_a_folder_that_is_taken_is_refused_before_anything_is_learned(tmp_path: Path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note.txt").write_text("keep")
    assert run(["benchmark", "learning", "--out", str(tmp_path / "mine")]) == 2
    assert "mine" in capsys.readouterr().err
    assert (tmp_path / "mine" / "note.txt").read_text() == "keep"
