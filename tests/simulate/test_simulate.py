from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from metarisk.config.experiment import SimulationSection, TaskSection
from metarisk.errors import TopologyError
from metarisk.pathways.topology import Topology
from metarisk.schema.assays import Assay
from metarisk.simulate import Simulation, simulate

TASKS = TaskSection(sites=("bone", "liver"))
SIZE = 3000


@pytest.fixture(scope="module")
def drawn(small_topology: Topology) -> Simulation:
    return simulate(SimulationSection(samples=SIZE), small_topology, TASKS, 3)


def small_cohort(topology: Topology, seed: int, **section: Any) -> Simulation:
    return simulate(SimulationSection(samples=80, **section), topology, TASKS, seed)


def test_equal_seeds_give_equal_cohorts_and_others_do_not(small_topology: Any) -> None:
    one, again, other = (small_cohort(small_topology, seed) for seed in (1, 1, 2))
    assert one.cohort.content_sha256() == again.cohort.content_sha256()
    pd.testing.assert_frame_equal(one.truth, again.truth)
    assert one.cohort.content_sha256() != other.cohort.content_sha256()


def test_the_truth_is_calibrated(drawn: Any) -> None:
    response, truth = drawn.cohort.endpoints["response"].dropna(), drawn.truth["response"]
    expected = truth[response.index]
    error = np.sqrt((expected * (1 - expected)).sum()) / len(expected)
    assert abs(response.mean() - expected.mean()) < 4 * error
    gap = (response - expected).groupby(pd.qcut(expected, 5), observed=True).mean()
    assert gap.abs().max() < 0.08


def test_the_truth_of_a_dated_endpoint_is_the_incidence_among_those_followed_long_enough(drawn: Any) -> None:
    # Follow-up is at least 200 days and independent of the course, so weight by the chance of being followed.
    time, event = (drawn.cohort.endpoints[f"metastasis.{part}"] for part in ("time_days", "event"))
    followed = (2600.0 - time) / 2400.0
    happened = ((event == 1) & (time <= 365.0)) / np.minimum(followed, 1.0)
    assert happened.mean() == pytest.approx(drawn.truth["metastasis@365"].mean(), abs=0.03)


@pytest.mark.parametrize("endpoint", ["metastatic", "site.bone", "site.liver"])
def test_the_truth_of_an_organ_is_calibrated_among_those_whose_course_was_seen(
    drawn: Any, endpoint: str
) -> None:
    # Under constant hazards which event comes first does not depend on when, so censoring takes no side.
    known = drawn.cohort.endpoints[endpoint].dropna()
    expected = drawn.truth.loc[known.index, endpoint]
    gap = (known - expected).groupby(pd.qcut(expected, 4), observed=True).mean()
    assert abs(known.mean() - expected.mean()) < 0.03
    assert gap.abs().max() < 0.07


def test_what_follow_up_did_not_see_is_unknown(drawn: Any) -> None:
    endpoints = drawn.cohort.endpoints
    censored, died = endpoints["metastasis.event"] == 0, endpoints["metastasis.event"] == 2
    for site in ("site.bone", "site.liver"):
        assert endpoints.loc[censored, site].isna().all()
        assert set(endpoints.loc[died, site].dropna()) == {0.0}
        share = endpoints.loc[~censored, site].isna().mean()
        assert share == pytest.approx(0.1, abs=0.03)
    assert endpoints["metastasis.time_days"].between(0, 2600).all()


def test_only_the_treated_have_a_response(drawn: Any) -> None:
    treated = drawn.cohort.clinical["therapy_class"].notna()
    assert (drawn.cohort.endpoints["response"].notna() == treated).all()
    assert treated.mean() == pytest.approx(0.6, abs=0.04)


def test_a_gene_off_the_panel_is_unmeasured_and_the_same_genes_for_all_of_a_panel(drawn: Any) -> None:
    measured = drawn.cohort.assays[Assay.MUTATION].measured
    panel = drawn.cohort.clinical["panel"].to_numpy()
    small, large = (measured[panel == name] for name in ("PANEL_SMALL", "PANEL_LARGE"))
    for rows in (small, large):
        assert (rows == rows[0]).all()
    assert (large[0] >= small[0]).all()
    assert small[0].mean() == pytest.approx(0.65, abs=0.15)
    assert np.isnan(drawn.cohort.assays[Assay.MUTATION].values[~measured]).all()


def test_some_samples_lack_copy_number_or_expression(drawn: Any) -> None:
    for assay, share in ((Assay.EXPRESSION, 0.35), (Assay.COPY_NUMBER, 0.15)):
        table = drawn.cohort.assays[assay]
        missing = ~table.measured.any(axis=1)
        assert missing.mean() == pytest.approx(share, abs=0.04)
        assert (table.units[missing] == "").all()
        assert (table.units[~missing] != "").all()


def test_each_endpoint_has_a_circuit_of_its_own(drawn: Any) -> None:
    endpoints = [circuit.endpoint for circuit in drawn.planted]
    assert endpoints == ["metastasis", "site.bone", "site.liver", "response"]
    assert len({circuit.pathway for circuit in drawn.planted}) == 4
    for circuit in drawn.planted:
        assert np.abs(circuit.effect).max() == 1.0
        assert circuit.effect.min() < 0 < circuit.effect.max()


def expression_score(drawn: Simulation, endpoint: str) -> pd.Series[float]:
    """Expression of the planted circuit's genes along the sign of their effect."""
    circuit = next(circuit for circuit in drawn.planted if circuit.endpoint == endpoint)
    level = drawn.cohort.assays[Assay.EXPRESSION].values[..., 0]
    return pd.Series((level - np.nanmean(level, axis=0)) @ circuit.effect, drawn.cohort.clinical.index)


@pytest.mark.parametrize(("endpoint", "direction"), [("site.bone", 1), ("site.liver", 1), ("response", -1)])
def test_a_planted_circuits_activity_moves_its_endpoint(drawn: Any, endpoint: str, direction: int) -> None:
    score = expression_score(drawn, endpoint)
    known = score.notna() & drawn.cohort.endpoints[endpoint].notna()
    auroc = roc_auc_score(drawn.cohort.endpoints.loc[known, endpoint], direction * score[known])
    assert auroc > 0.65


def test_the_metastasis_circuit_brings_metastasis_forward(drawn: Any) -> None:
    score = expression_score(drawn, "metastasis")
    assert score.corr(drawn.truth["metastasis@365"], method="spearman") > 0.6


def test_activators_are_amplified_and_inhibitors_lost(drawn: Any) -> None:
    truncating, missense = (drawn.cohort.assays[Assay.MUTATION].values[..., channel] for channel in (0, 1))
    copy_number = drawn.cohort.assays[Assay.COPY_NUMBER].values[..., 0]
    for circuit in drawn.planted:
        raising, lowering = circuit.effect > 0, circuit.effect < 0
        assert (copy_number[:, raising] == -2).sum() == 0
        assert (copy_number[:, lowering] == 2).sum() == 0
        assert np.nanmean(missense[:, raising]) > 2 * np.nanmean(missense[:, lowering])
        assert np.nanmean(truncating[:, lowering]) > 2 * np.nanmean(truncating[:, raising])


def test_without_signal_no_planted_circuit_moves_its_endpoint(small_topology: Any) -> None:
    silent = simulate(SimulationSection(samples=SIZE, signal=0.0), small_topology, TASKS, 3)
    for endpoint in ("site.bone", "site.liver"):
        score = expression_score(silent, endpoint)
        known = score.notna() & silent.cohort.endpoints[endpoint].notna()
        auroc = roc_auc_score(silent.cohort.endpoints.loc[known, endpoint], score[known])
        assert auroc == pytest.approx(0.5, abs=0.05)


def test_without_signal_or_background_every_patient_has_the_same_truth(small_topology: Any) -> None:
    silent = small_cohort(small_topology, 3, signal=0.0, background=0.0)
    assert (silent.truth.nunique() == 1).all()
    assert (small_cohort(small_topology, 3, signal=0.0).truth.nunique() > 1).all()


def test_a_background_leaves_the_tumours_themselves_as_they_are(small_topology: Any) -> None:
    one, other = (small_cohort(small_topology, 3, background=factor) for factor in (1.0, 0.0))
    pd.testing.assert_frame_equal(one.cohort.clinical, other.cohort.clinical)
    for assay, table in one.cohort.assays.items():
        np.testing.assert_array_equal(table.values, other.cohort.assays[assay].values)
    assert small_cohort(small_topology, 3).cohort.content_sha256() == one.cohort.content_sha256()


def test_too_few_circuits_for_the_endpoints_is_refused(small_topology: Any) -> None:
    many = TaskSection(sites=("bone", "brain", "liver", "lung", "skin"))
    with pytest.raises(
        TopologyError, match="small has 6 pathways with 12 to 120 connected genes; expected at least 7"
    ):
        simulate(SimulationSection(samples=80), small_topology, many, 0)
