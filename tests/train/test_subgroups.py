from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from metarisk.config.evaluation import EvaluationSection
from metarisk.metrics.censoring import censoring_curve, status_at_horizon
from metarisk.metrics.discrimination import auroc
from metarisk.metrics.intervals import bootstrap, over_rows
from metarisk.train.figures import EVER, OURS, Answers, Question
from metarisk.train.held_out import TOO_FEW, HeldOut
from metarisk.train.subgroups import (
    GAP,
    GROUP,
    RARE,
    SMALL,
    SUBGROUP_COLUMNS,
    UNKNOWN,
    groupings,
    subgroup_figures,
    ungrouped_note,
    worst_groups,
    worst_in_words,
)

N = 400
BONE, METASTASIS = Question("site.bone", EVER), Question("metastasis", 365.0)
FIGURES = [name for name in SUBGROUP_COLUMNS if name.startswith(("auroc", "excess", "brier", "pred", "obs"))]


@pytest.fixture(scope="module")
def held_out() -> HeldOut:
    rng = np.random.default_rng(0)
    bone = (rng.random(N) < 0.4).astype(float)
    bone[::9] = np.nan
    endpoints = pd.DataFrame(
        {
            "site.bone": bone,
            "metastasis.time_days": rng.exponential(500, N),
            "metastasis.event": rng.choice([0.0, 1.0, 2.0], N, p=[0.3, 0.5, 0.2]),
        }
    )
    clinical = pd.DataFrame(
        {
            "patient_id": [f"P{n // 2}" for n in range(N)],  # two samples each
            "sex": np.where(rng.random(N) < 0.5, "Female", "Male"),
            "age_years": rng.uniform(30, 90, N),
            "race": pd.Series(rng.choice(["White", "Asian", None], N, p=[0.9, 0.05, 0.05]), dtype=object),
            "cancer_type": ["LUAD"] * N,
            "panel": ["ONE"] * 3 + ["TWO"] * (N - 3),
        }
    )
    return HeldOut(endpoints, endpoints, clinical, EvaluationSection(bootstrap=200))


@pytest.fixture(scope="module")
def models(held_out: HeldOut) -> dict[str, Answers]:
    rng = np.random.default_rng(1)
    event = held_out.endpoints["site.bone"].fillna(0.5).to_numpy()
    return {
        OURS: {BONE: np.clip(rng.random(N) * 0.7 + 0.2 * event, 0, 1), METASTASIS: rng.random(N)},
        "linear": {BONE: rng.random(N)},
    }


@pytest.fixture(scope="module")
def table(models: dict[str, Answers], held_out: HeldOut) -> pd.DataFrame:
    return subgroup_figures(models, held_out)


def row_of(table: pd.DataFrame, group: str, model: str = OURS, endpoint: str = "site.bone") -> pd.Series:
    chosen = table[(table["group"] == group) & (table["model"] == model) & (table["endpoint"] == endpoint)]
    assert len(chosen) == 1
    return chosen.iloc[0]


@pytest.mark.parametrize("model", [OURS, "linear"])
def test_a_groups_figures_are_those_of_its_samples_alone(
    table: pd.DataFrame, models: dict[str, Answers], held_out: HeldOut, model: str
) -> None:
    inside = (held_out.clinical["sex"] == "Female") & held_out.endpoints["site.bone"].notna()
    label = held_out.endpoints.loc[inside, "site.bone"].to_numpy()
    score = models[model][BONE][inside]
    row = row_of(table, "Female", model)
    assert (row["kind"], row["n"], row["events"]) == (GROUP, len(label), label.sum())
    assert row["auroc"] == pytest.approx(roc_auc_score(label, score))
    assert row["predicted"] == pytest.approx(score.mean())
    assert row["observed"] == pytest.approx(label.mean())
    assert row["excess"] == pytest.approx(label.mean() - score.mean())
    assert row["brier"] == pytest.approx(((score - label) ** 2).mean())


def test_the_interval_is_of_patients_drawn_from_all_and_then_cut_to_the_group(
    table: pd.DataFrame, models: dict[str, Answers], held_out: HeldOut
) -> None:
    """A slow version: samples are repeated as often as their patient was drawn."""
    label = held_out.endpoints["site.bone"].to_numpy()
    inside = (held_out.clinical["sex"] == "Female").to_numpy() & ~np.isnan(label)
    score = models[OURS][BONE]

    def figure(rows: np.ndarray) -> float:
        chosen = rows[inside[rows]]
        return auroc(score[chosen], label[chosen])

    slow = bootstrap(over_rows(figure), held_out.patients, events=0, resamples=200)
    row = row_of(table, "Female")
    assert (row["auroc_lower"], row["auroc_upper"]) == pytest.approx((slow.lower, slow.upper))
    assert row["auroc_lower"] < row["auroc"] < row["auroc_upper"]


def test_a_dated_question_is_weighted_for_those_lost_early_and_death_before_it_is_a_no(
    table: pd.DataFrame, models: dict[str, Answers], held_out: HeldOut
) -> None:
    time, event = (held_out.endpoints[f"metastasis.{name}"].to_numpy() for name in ("time_days", "event"))
    status = status_at_horizon(time, event, 365.0, censoring_curve(time, event))
    male = (held_out.clinical["sex"] == "Male").to_numpy() & (status.weight > 0)
    label, weight, score = status.label[male], status.weight[male], models[OURS][METASTASIS][male]
    row = row_of(table, "Male", endpoint="metastasis")
    assert row["n"] == male.sum() < (held_out.clinical["sex"] == "Male").sum()
    assert row["auroc"] == pytest.approx(roc_auc_score(label, score, sample_weight=weight))
    assert row["observed"] == pytest.approx(np.average(label, weights=weight))
    assert row["brier"] == pytest.approx(np.average((score - label) ** 2, weights=weight))
    died = (event == 2) & (time <= 365)
    assert (status.label[died] == 0).all()
    assert (status.weight[died] > 0).all()


def test_a_group_that_is_too_small_is_said_and_has_no_figures(table: pd.DataFrame, held_out: HeldOut) -> None:
    label = held_out.endpoints.loc[held_out.clinical["race"] == "Asian", "site.bone"].dropna()
    assert label.sum() < TOO_FEW
    row = row_of(table, "Asian")
    assert (row["kind"], row["n"], row["events"]) == (SMALL, len(label), label.sum())
    assert row[FIGURES].isna().all()
    enough = table[table["kind"] == GROUP]
    assert (np.minimum(enough["events"], enough["n"] - enough["events"]) >= TOO_FEW).all()


def test_nobody_without_a_name_has_no_row_and_a_named_group_of_nobody_has(held_out: HeldOut) -> None:
    """Those whose race is unknown, and all Asians, are not judged: the first say nothing, the second much."""
    race = held_out.clinical["race"]
    judged = held_out.endpoints["site.bone"].where(race.notna() & (race != "Asian"))
    told = replace(held_out, endpoints=held_out.endpoints.assign(**{"site.bone": judged}))
    table = subgroup_figures({OURS: {BONE: np.linspace(0.1, 0.9, N)}}, told)
    by_race = table[table["column"] == "race"].set_index("group")
    assert list(by_race.index) == ["White", "Asian"]
    assert (by_race.loc["Asian", "kind"], by_race.loc["Asian", "n"]) == (SMALL, 0)


def test_ages_stand_in_bands_whose_lower_end_belongs_to_them() -> None:
    ages = [49.9, 50.0, 64.9, 65.0, 74.9, 75.0, np.nan]
    clinical = pd.DataFrame({"patient_id": "P", "age_years": np.repeat(ages, 5)})
    bands = groupings(clinical)["age_band"][::5]
    assert bands.tolist() == ["below 50", "50-64", "50-64", "65-74", "65-74", "75 and above", UNKNOWN]


def test_a_value_of_fewer_than_five_samples_is_not_named(held_out: HeldOut, table: pd.DataFrame) -> None:
    assert set(groupings(held_out.clinical)["panel"]) == {RARE, "TWO"}
    assert "ONE" not in set(table["group"])
    assert row_of(table, RARE)["kind"] == SMALL


def test_columns_that_tell_no_sample_from_another_are_left_out_and_named(
    held_out: HeldOut, table: pd.DataFrame
) -> None:
    assert set(table["column"]) == {"all", "sex", "age_band", "race", "panel"}
    (note,) = ungrouped_note(held_out.clinical)
    assert note == "No subgroups by cancer type, cohort, centre, stage: not recorded, or alike in all."


def test_the_gap_is_the_largest_less_the_smallest_of_the_named_groups(table: pd.DataFrame) -> None:
    bands = table[(table["column"] == "age_band") & (table["endpoint"] == "site.bone")]
    bands = bands[bands["model"] == OURS]
    large = bands[bands["kind"] == GROUP].set_index("group")["auroc"]
    gap = bands[bands["kind"] == GAP].iloc[0]
    assert gap["group"] == f"{large.idxmax()} - {large.idxmin()}"
    assert gap["auroc"] == pytest.approx(large.max() - large.min())
    assert gap["auroc_lower"] < gap["auroc"] < gap["auroc_upper"]
    assert not table[table["kind"] == GAP]["group"].str.contains(r"\(").any()


def test_the_worst_group_is_told_beside_all_with_the_groups_that_cannot_be_told(
    table: pd.DataFrame,
) -> None:
    worst = worst_groups(table)
    assert list(worst["endpoint"]) == ["site.bone", "metastasis"]
    mine = table[(table["model"] == OURS) & (table["kind"] == GROUP) & (table["column"] != "all")]
    for row in worst.to_dict("records"):
        assert row["auroc"] == mine.loc[mine["endpoint"] == row["endpoint"], "auroc"].min()
    first, second = worst_in_words(table)
    whole = row_of(table, "all")["auroc"]
    assert first.startswith(f"site.bone: {worst['column'][0].replace('_', ' ')} {worst['group'][0]}, AUROC ")
    assert f"all {whole:.3f}" in first
    assert second.startswith("metastasis by 365 days: ")


def test_the_order_of_the_samples_changes_no_figure(
    models: dict[str, Answers], held_out: HeldOut, table: pd.DataFrame
) -> None:
    order = np.random.default_rng(2).permutation(N)
    turned = replace(
        held_out,
        endpoints=held_out.endpoints.iloc[order],
        training=held_out.training.iloc[order],
        clinical=held_out.clinical.iloc[order],
    )
    said = {name: {asked: score[order] for asked, score in of.items()} for name, of in models.items()}
    pd.testing.assert_frame_equal(subgroup_figures(said, turned), table)


def test_a_question_without_two_of_each_answer_has_no_row(held_out: HeldOut) -> None:
    alone = held_out.endpoints.assign(**{"site.bone": np.where(np.arange(N) == 0, 1.0, 0.0)})
    assert subgroup_figures({OURS: {BONE: np.full(N, 0.5)}}, replace(held_out, endpoints=alone)).empty
