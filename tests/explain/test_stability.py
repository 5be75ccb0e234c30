from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from metarisk.explain.stability import STABLE, Tally, rank_correlation, sign_agreement


def test_members_of_one_mind_are_stable_and_others_are_not() -> None:
    rng = np.random.default_rng(0)
    agreed = np.abs(rng.normal(size=(5, 1, 40, 1)))
    torn = rng.normal(size=(5, 1, 40, 1))
    torn[:2], torn[2:] = np.abs(torn[:2]), -np.abs(torn[2:])
    tally = Tally(5, 1, 2)
    tally.add(np.concatenate([agreed, torn], axis=3).astype(np.float32))
    found = tally.result()
    assert found.agreement[0, 0] == 1.0
    assert found.agreement[0, 1] <= 0.6 < STABLE
    assert found.unstable.tolist() == [[False, True]]


def test_samples_some_at_a_time_give_what_all_at_once_give() -> None:
    shares = np.random.default_rng(1).normal(size=(3, 2, 30, 4)).astype(np.float32)
    toward = np.sign(np.random.default_rng(2).normal(size=(30, 4))).astype(np.float32)
    whole, parts = Tally(3, 2, 4), Tally(3, 2, 4)
    whole.add(shares, toward)
    for rows in np.array_split(np.arange(30), 7):
        parts.add(shares[:, :, rows], toward[rows])
    for one, other in zip(whole.result(), parts.result(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
    mean = shares.mean(axis=0)
    found = whole.result()
    np.testing.assert_allclose(found.size, np.abs(mean).mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(found.raised, (mean * toward).mean(axis=1), rtol=1e-4)


def test_the_rank_correlation_is_the_mean_of_spearman_s_over_pairs() -> None:
    sizes = np.random.default_rng(3).integers(0, 6, size=(4, 25)).astype(float)
    pairs = [stats.spearmanr(sizes[a], sizes[b]).statistic for a in range(4) for b in range(a)]
    assert rank_correlation(sizes) == pytest.approx(np.mean(pairs))
    assert np.isnan(rank_correlation(sizes[:1]))
    assert np.isnan(rank_correlation(np.ones((2, 5))))


def test_one_member_says_nothing_of_stability() -> None:
    tally = Tally(1, 1, 2)
    tally.add(np.ones((1, 1, 3, 2), np.float32))
    assert np.isnan(sign_agreement(np.ones((1, 4)))).all()
    assert np.isnan(tally.result().agreement).all()
    assert not tally.result().unstable.any()
