"""The same answers from a GPU, where there is one."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from metarisk.features.batch import Batch
from metarisk.models.ensemble import Ensemble
from metarisk.models.network import Network

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.fixture(scope="module")
def wide(small: Any) -> tuple[Ensemble, Batch]:
    """An untrained ensemble whose block of samples takes some hundred MiB, and samples for it."""
    bundle = small.bundle
    plan = bundle.ensemble.plan
    plan = replace(plan, section=plan.section.model_copy(update={"width": 1024}))
    torch.manual_seed(0)
    ensemble = Ensemble(plan, bundle.topology, [Network(plan, bundle.topology) for _ in range(2)])
    return ensemble, bundle.transform.apply(small.new_samples)


def test_answers_are_those_of_the_processor(small: Any) -> None:
    bundle = small.bundle
    batch = bundle.transform.apply(small.new_samples)
    here = bundle.ensemble.answers(batch)
    there = copy.deepcopy(bundle.ensemble).cuda().answers(batch)
    for name, values in here.items():
        np.testing.assert_allclose(there[name], values, atol=1e-5)


def test_a_gpu_whose_memory_holds_half_a_block_gives_the_same_answers(
    wide: tuple[Ensemble, Batch], caplog: pytest.LogCaptureFixture
) -> None:
    """A real allocation fails: the process may have little more than half of what a block needs."""
    ensemble, batch = wide
    ensemble = ensemble.cuda()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_reserved()
    whole = ensemble.answers(batch)
    needs = torch.cuda.max_memory_reserved() - before
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 0.7 * needs) / total)
    try:
        halved = ensemble.answers(batch)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "memory ran out over 64 samples at once" in caplog.text
    for name, values in whole.items():
        np.testing.assert_allclose(halved[name], values, atol=1e-5)
