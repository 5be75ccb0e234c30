from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from metarisk.config.evaluation import EvaluationSection
from metarisk.config.experiment import TaskSection
from metarisk.data.cohort import AssayTable, Cohort, Provenance
from metarisk.errors import ConfigError
from metarisk.pathways.indices import INDICES, state_edges
from metarisk.schema.assays import Assay
from metarisk.train.figures import OURS
from metarisk.train.fold_figures import fold_figures
from metarisk.train.fold_questions import HeldOut
from metarisk.train.index_worth import NULL_COLUMNS, IndexTrial, null_figures
from metarisk.train.outer import OuterSplit, cohorts_of, folds_by_patient

TASKS = TaskSection(sites=(), binary=("response",), timed=("os",), horizons_days=(365.0,))
N = 160


def made(seed: int, effect: float) -> Cohort:
    """Tumours of two cohorts: what an inflamed tumour's states raise goes with response, by ``effect``."""
    rng = np.random.default_rng(seed)
    inflamed = rng.normal(size=N)
    index = INDICES["response"]
    genes = state_edges().columns.genes
    loading = dict.fromkeys(genes, 0.0)
    for state, direction in zip(index.states, index.directions.values(), strict=True):
        loading |= {gene: sign * direction for gene, sign in state.genes.items()}
    values = inflamed[:, None] * np.array([loading[gene] for gene in genes]) * 0.5
    values = (values + rng.normal(size=values.shape)).astype(np.float32)
    ids = np.array([f"S{row:03d}" for row in range(N)])
    samples = pd.Index(ids, name="sample_id")
    response = rng.random(N) < 1 / (1 + np.exp(-effect * inflamed))
    days = rng.exponential(700 * np.exp(0.5 * effect * inflamed))
    clinical = pd.DataFrame(
        {"patient_id": ids, "centre": np.where(np.arange(N) % 3, "A", "B")}, index=samples
    )
    endpoints = pd.DataFrame(
        {"response": response.astype(float), "os.time_days": days.clip(max=1500), "os.event": days < 1500},
        index=samples,
    ).astype(float)
    table = AssayTable(Assay.EXPRESSION, ids, genes, values[..., None], np.full(N, "z_score"), np.full(N, ""))
    return Cohort.join(clinical, [table], endpoints, Provenance("made", "CC0", ""))


def by_cohort(cohort: Cohort) -> OuterSplit:
    centres = cohorts_of(cohort)
    part_of = np.array(["AB".index(str(centre)) for centre in centres], dtype=np.intp)
    return OuterSplit("each cohort", ("A", "B"), part_of, cohort.patient_ids, "cohort")


def null_of(cohort: Cohort, draws: int, seed: int = 1) -> pd.DataFrame:
    split = by_cohort(cohort)
    trial = IndexTrial.of("response", cohort, split, TASKS)
    table, drawn = null_figures(trial, HeldOut(cohort, split, EvaluationSection()), draws=draws, seed=seed)
    assert [len(each) for each in drawn] == [draws] * len(table)
    return table


def test_planted_states_stand_above_rewired_edges() -> None:
    table = null_of(made(1, 1.5), 39)
    assert tuple(table.columns) == NULL_COLUMNS
    assert len(table) == 2 * 2 * 2
    rewired = table[table["control"] == "rewired"]
    assert (rewired["p"] == 1 / 40).all()
    assert (rewired["auroc"] > rewired["control_p95"]).all()
    assert (rewired["auroc"] > rewired["control_mean"] + 0.05).all()
    assert (table["n"] <= N).all()


def test_where_nothing_goes_with_the_states_no_edges_stand_out() -> None:
    p = [null_of(made(seed, 0.0), 19).query("control == 'rewired' and stratum == 'mean'")["p"].iloc[0]
         for seed in range(10, 14)]  # fmt: skip
    assert sum(value <= 0.05 for value in p) <= 1
    assert max(p) > 0.3


def test_equal_seeds_draw_equal_edges() -> None:
    cohort = made(2, 1.0)
    table = null_of(cohort, 5, seed=4)
    pd.testing.assert_frame_equal(null_of(cohort, 5, seed=4), table)
    assert not null_of(cohort, 5, seed=5)["control_mean"].equals(table["control_mean"])


def test_the_figure_is_that_of_every_other_comparison() -> None:
    cohort = made(3, 1.0)
    split = by_cohort(cohort)
    trial = IndexTrial.of("response", cohort, split, TASKS)
    models = {OURS: trial.answers(trial.over(state_edges())), "effectors": trial.answers(trial.effectors())}
    figures = fold_figures(
        models, cohort, split, EvaluationSection(bootstrap=50), ranks_only=frozenset(models)
    )
    assert set(figures["metric"]) == {"auroc", "average_precision", "harrell_c", "uno_c"}
    ours = figures[(figures["model"] == OURS) & (figures["metric"] == "auroc")]
    for row in null_of(cohort, 2).itertuples():
        same = ours[(ours["endpoint"] == row.endpoint) & (ours["stratum"] == row.stratum)]
        np.testing.assert_allclose(same["value"], row.auroc)
    assert (figures.loc[figures["versus"] == "effectors", "p"].notna()).all()


def test_survival_is_asked_the_other_way_round() -> None:
    cohort = made(4, 2.0)
    trial = IndexTrial.of("response", cohort, by_cohort(cohort), TASKS)
    response, survival = trial.answers(np.arange(N, dtype=float)).values()
    np.testing.assert_array_equal(response, -survival)


def test_an_experiment_that_the_index_cannot_answer_is_refused() -> None:
    cohort = made(5, 1.0)
    with pytest.raises(ConfigError, match="cannot be asked of this experiment; expected expression"):
        IndexTrial.of("response", cohort, folds_by_patient(cohort, 2, 0), TASKS)
    with pytest.raises(ConfigError, match="one of the tasks metastatic, metastasis"):
        IndexTrial.of("spread", cohort, by_cohort(cohort), TaskSection(binary=("response",), timed=()))
