from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from metarisk.config.evaluation import EvaluationSection
from metarisk.metrics.censoring import censoring_curve, status_at_horizon
from metarisk.metrics.recalibration import recalibrate
from metarisk.train.figures import EVER, OURS, Question
from metarisk.train.held_out import HeldOut
from metarisk.train.probability_figures import probability_figures

N = 300


def test_yes_no_and_dated_questions_have_their_figures_with_weights_where_they_are_due() -> None:
    rng = np.random.default_rng(0)
    bone, time = (rng.random(N) < 0.4).astype(float), rng.exponential(500, N)
    event = rng.choice([0.0, 1.0, 2.0], N)
    endpoints = pd.DataFrame({"site.bone": bone, "metastasis.time_days": time, "metastasis.event": event})
    clinical = pd.DataFrame({"patient_id": [f"P{n}" for n in range(N)]})
    held_out = HeldOut(endpoints, endpoints, clinical, EvaluationSection(bootstrap=100))
    scores = [np.clip(0.3 * bone + 0.5 * rng.random(N), 0, 1), rng.random(N)]
    questions = [Question("site.bone", EVER), Question("metastasis", 365.0)]
    table = probability_figures({OURS: dict(zip(questions, scores, strict=True))}, held_out)
    status = status_at_horizon(time, event, 365.0, censoring_curve(time, event))
    known = status.weight > 0
    judged = [(bone, np.ones(N), scores[0]), (status.label[known], status.weight[known], scores[1][known])]
    for question, (label, weight, score) in zip(questions, judged, strict=True):
        rows = table[table["endpoint"] == question.endpoint].set_index("metric")
        line = recalibrate(score, label, weight)
        expected = {
            "average_precision": average_precision_score(label, score, sample_weight=weight),
            "brier": np.average((score - label) ** 2, weights=weight),
            "calibration_slope": line.slope,
            "calibration_in_the_large": line.in_the_large,
        }
        assert rows["value"].to_dict() == pytest.approx(expected, abs=1e-6)
        assert set(rows["n"]) == {len(label)}
        told = rows.drop(index="calibration_in_the_large")
        assert ((told["lower"] < told["value"]) & (told["value"] < told["upper"])).all()
