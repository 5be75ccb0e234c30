from __future__ import annotations

import numpy as np
import pytest

from metarisk.errors import InputError
from metarisk.metrics.decision import decision_curve


def test_net_benefit_by_hand():
    curve = decision_curve(np.array([0.9, 0.6, 0.3, 0.1]), np.array([1, 0, 1, 0]), np.array([0.5, 0.2]))
    np.testing.assert_allclose(curve.model, [1 / 4 - 1 / 4, 2 / 4 - 1 / 4 * 0.25])
    np.testing.assert_allclose(curve.everybody, [0.5 - 0.5, 0.5 - 0.5 * 0.25])


def test_a_perfect_model_gains_the_prevalence_at_every_threshold():
    label = np.array([1, 0, 0, 1, 0])
    curve = decision_curve(label.astype(float), label, np.array([0.1, 0.5, 0.9]))
    np.testing.assert_allclose(curve.model, 0.4)


def test_a_row_of_weight_two_is_two_rows():
    probability, label = np.array([0.9, 0.6, 0.3]), np.array([1, 0, 1])
    steps = np.array([0.25, 0.5])
    weighted = decision_curve(probability, label, steps, np.array([1.0, 2.0, 1.0]))
    repeated = decision_curve(probability[[0, 1, 1, 2]], label[[0, 1, 1, 2]], steps)
    np.testing.assert_allclose(weighted.model, repeated.model)


def test_a_threshold_of_one_is_refused():
    with pytest.raises(InputError, match="expected at least one row and thresholds strictly between 0 and 1"):
        decision_curve(np.array([0.5]), np.array([1]), np.array([0.5, 1.0]))
