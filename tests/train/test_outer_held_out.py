from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from metarisk.data.cohort import Cohort
from metarisk.train.figures import EVER, OURS, Question
from metarisk.train.outer import UNTESTED, OuterSplit
from metarisk.train.outer_held_out import samples_judged

BONE, DATED = Question("site.bone", EVER), Question("metastasis", 365.0)
SETTINGS: dict[str, Any] = {
    "simulation": {"samples": 80},
    "tasks": {"sites": ["bone"], "timed": ["metastasis"]},
}


@pytest.fixture(scope="module")
def samples(make: Any) -> Cohort:
    return make.cohort(make.experiment(**SETTINGS))


def test_only_samples_judged_with_an_answer_of_ours_count(make: Any, samples: Cohort) -> None:
    part_of = np.resize([0, 1, UNTESTED], len(samples))
    split = OuterSplit("two parts", ("a", "b"), part_of, samples.patient_ids, "cohort")
    bone = np.where(part_of == 0, 0.3, np.nan)  # the fit that held b out was not asked
    answers = {OURS: {BONE: bone, DATED: np.full(len(samples), 0.2)}}
    kept, held_out = samples_judged(answers, samples, split, make.experiment(**SETTINGS).evaluation)
    tested = samples.sample_ids[part_of != UNTESTED]
    assert held_out.clinical.index.tolist() == tested.tolist()
    assert len(kept[OURS][BONE]) == len(tested)
    known = held_out.endpoints["site.bone"].notna().to_numpy()
    in_a = part_of[part_of != UNTESTED] == 0
    theirs = samples.endpoints.loc[tested, "site.bone"].notna().to_numpy()
    np.testing.assert_array_equal(known, theirs & in_a)
    before = samples.endpoints.loc[tested, "metastasis.event"]
    assert held_out.endpoints["metastasis.event"].equals(before)
