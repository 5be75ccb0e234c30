"""Too few genes, and kinds of patients that training never met: a wider interval, or no answer at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.data.cohort import Cohort
from metarisk.features.transform import FEWEST_MEASURED
from metarisk.models.scoring import score_cohort
from metarisk.schema.assays import Assay


def with_share(cohort: Cohort, share: float) -> Cohort:
    """Only this share of the genes has mutations looked for, the same in every sample."""
    table = cohort.assays[Assay.MUTATION]
    values = np.nan_to_num(table.values)
    values[:, int(share * values.shape[1]) :] = np.nan
    mutation = replace(table, values=values, units=np.full(len(cohort), "calls"))
    return replace(cohort, assays={**cohort.assays, Assay.MUTATION: mutation})


def without_mutations(cohort: Cohort) -> Cohort:
    return replace(cohort, assays={name: kept for name, kept in cohort.assays.items() if name != "mutation"})


def widths(scores: pd.DataFrame) -> np.ndarray:
    """Width of each interval on the log odds, on which it is symmetric."""
    answered = scores.dropna(subset="probability")
    lower, upper = (np.log(answered[name] / (1 - answered[name])) for name in ("lower", "upper"))
    return (upper - lower).to_numpy()


@pytest.fixture(scope="module")
def cohort(tiny_model: Any) -> Cohort:
    return tiny_model.new_samples.take(np.arange(6))


def test_under_a_twentieth_of_the_genes_the_assay_counts_as_missing(tiny_model: Any, cohort: Cohort) -> None:
    few = score_cohort(tiny_model.bundle, with_share(cohort, 0.9 * FEWEST_MEASURED))
    none = score_cohort(tiny_model.bundle, without_mutations(cohort))
    columns = ["probability", "lower", "upper"]
    pd.testing.assert_frame_equal(few[columns], none[columns])
    assert few["flags"].str.contains("too-few:mutation").all()
    assert few["flags"].str.contains("missing:mutation").all()
    assert not none["flags"].str.contains("too-few").any()


def test_the_fewer_genes_are_known_the_wider_the_interval(tiny_model: Any, cohort: Cohort) -> None:
    spread = {Assay.MUTATION: np.full(len(tiny_model.bundle.calibration.slope), 3.0)}
    calibration = replace(tiny_model.bundle.calibration, missing_spread=spread)
    bundle = replace(tiny_model.bundle, calibration=calibration)
    half, fifth, tenth = (score_cohort(bundle, with_share(cohort, share)) for share in (0.6, 0.2, 0.1))
    sites = (half["task"] == "site") & half["probability"].notna()
    assert (widths(half[sites]) < widths(fifth[sites])).all()
    assert (widths(fifth[sites]) < widths(tenth[sites])).all()
    assert not half["flags"].str.contains("partial:mutation").any()
    assert fifth["flags"].str.contains("partial:mutation").all()


def test_a_cancer_type_that_training_never_met_is_not_answered(tiny_model: Any, cohort: Cohort) -> None:
    clinical = cohort.clinical.copy()
    clinical.iloc[1, clinical.columns.get_loc("cancer_type")] = "MARS"
    scores = score_cohort(tiny_model.bundle, replace(cohort, clinical=clinical))
    strange = scores["sample_id"] == cohort.sample_ids[1]
    assert scores.loc[strange, "probability"].isna().all()
    told = scores.loc[strange & (scores["task"] == "site"), "flags"]
    assert told.str.contains("abstained:never-met:cancer_type").all()
    assert told.str.contains("other:cancer_type").all()
    assert scores.loc[~strange & (scores["task"] == "site"), "probability"].notna().any()


def test_a_rare_type_is_answered_where_training_met_rare_types(tiny_model: Any, cohort: Cohort) -> None:
    bundle = tiny_model.bundle
    other = [column.name for column in bundle.transform.columns].index("cancer_type=(other)")
    centre = bundle.ensemble.plan.centre.copy()
    centre[other] = 0.1  # a tenth of the training patients were of rare types
    clinical = cohort.clinical.assign(cancer_type="MARS")
    met = replace(bundle.ensemble.plan, centre=centre)
    known, bundle.ensemble.plan = bundle.ensemble.plan, met
    try:
        scores = score_cohort(bundle, replace(cohort, clinical=clinical))
    finally:
        bundle.ensemble.plan = known
    assert scores.loc[scores["task"] == "site", "probability"].notna().any()
    assert scores["flags"].str.contains("other:cancer_type").all()


def with_age(cohort: Cohort, age: float) -> Cohort:
    """The first sample's age replaced."""
    clinical = cohort.clinical.copy()
    clinical.iloc[0, clinical.columns.get_loc("age_years")] = age
    return replace(cohort, clinical=clinical)


def age_range(bundle: Any) -> tuple[float, float]:
    """Youngest and oldest training patient."""
    plan = bundle.ensemble.plan
    at = [plan.groups[column] for column in plan.number_columns].index("age_years")
    return float(plan.edges[at, 0]), float(plan.edges[at, -1])


@pytest.mark.parametrize("towards", [-1.0, 1.0])
def test_an_age_further_outside_than_training_is_wide_is_not_answered(
    tiny_model: Any, cohort: Cohort, towards: float
) -> None:
    youngest, oldest = age_range(tiny_model.bundle)
    far = (oldest if towards > 0 else youngest) + 1.5 * towards * (oldest - youngest)
    scores = score_cohort(tiny_model.bundle, with_age(cohort, far))
    strange = scores["sample_id"] == cohort.sample_ids[0]
    assert scores.loc[strange, ["probability", "lower", "upper"]].isna().all(axis=None)
    told = scores.loc[strange & (scores["task"] == "site"), "flags"]
    assert told.str.contains("abstained:far-outside:age_years").all()
    assert told.str.contains("outside:age_years").all()
    assert scores.loc[~strange & (scores["task"] == "site"), "probability"].notna().all()


def test_an_age_a_little_older_than_training_is_read_as_the_oldest_and_flagged(
    tiny_model: Any, cohort: Cohort
) -> None:
    youngest, oldest = age_range(tiny_model.bundle)
    older, at_most = (
        score_cohort(tiny_model.bundle, with_age(cohort, age))
        for age in (oldest + 0.2 * (oldest - youngest), oldest)
    )
    pd.testing.assert_series_equal(older["probability"], at_most["probability"])
    mine = older["sample_id"] == cohort.sample_ids[0]
    assert older.loc[mine, "flags"].str.contains("outside:age_years").all()
    assert not at_most["flags"].str.contains("outside:age_years").any()


def test_a_number_that_never_varied_taught_nothing_and_is_never_outside(
    tiny_model: Any, cohort: Cohort
) -> None:
    bundle = tiny_model.bundle
    edges = bundle.ensemble.plan.edges.copy()
    edges[:] = 60.0 + 1e-4 * np.arange(edges.shape[1])
    known, bundle.ensemble.plan = bundle.ensemble.plan, replace(bundle.ensemble.plan, edges=edges)
    try:
        scores = score_cohort(bundle, with_age(cohort, 90.0))
    finally:
        bundle.ensemble.plan = known
    assert not scores["flags"].str.contains("outside").any()


def test_an_unknown_number_is_not_outside(tiny_model: Any, cohort: Cohort) -> None:
    scores = score_cohort(tiny_model.bundle, with_age(cohort, np.nan))
    assert not scores["flags"].str.contains("outside").any()
