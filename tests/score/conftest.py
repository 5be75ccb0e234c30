"""A bundle and new samples in memory, and one folder of scores that many tests read."""

from __future__ import annotations

from typing import Any

import pytest

from metarisk.data.cohort import Cohort
from metarisk.models.bundle import ModelBundle, load_bundle
from metarisk.score import ScoreReport, score_to


@pytest.fixture(scope="session")
def bundle(tiny_model: Any) -> ModelBundle:
    return load_bundle(tiny_model.folder)


@pytest.fixture(scope="session")
def samples(tiny_model: Any) -> Cohort:
    cohort: Cohort = tiny_model.new_samples
    return cohort


@pytest.fixture(scope="session")
def scored(bundle: ModelBundle, samples: Cohort, tmp_path_factory: pytest.TempPathFactory) -> ScoreReport:
    return score_to(bundle, samples, tmp_path_factory.mktemp("scored") / "scores")
