"""Work that does not fit into memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from metarisk.errors import ResourceError
from metarisk.models import ensemble
from metarisk.models.memory import Rows, by_pieces, is_out_of_memory


def test_work_is_halved_until_it_fits_and_said_each_time(caplog: pytest.LogCaptureFixture) -> None:
    attempts: list[Rows] = []
    undone = []

    def work(piece: Rows) -> list[int]:
        attempts.append(piece)
        if piece.stop - piece.start > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return list(range(piece.start, piece.stop))

    results, pieces = by_pieces(work, 10, again=lambda: undone.append(len(attempts)))
    assert [row for result in results for row in result] == list(range(10))
    assert (pieces, undone) == (4, [1, 2])
    assert [record.getMessage() for record in caplog.records] == [
        "memory ran out over 10 samples at once; going on with 5",
        "memory ran out over 5 samples at once; going on with 2",
    ]
    attempts.clear()
    by_pieces(work, 10, pieces=pieces)
    assert len(attempts) == 4  # what was learned is not tried again


def test_a_single_row_that_does_not_fit_is_said() -> None:
    def work(piece: Rows) -> None:
        raise MemoryError

    with pytest.raises(ResourceError, match=r"memory ran out over a single sample\. Choose a smaller"):
        by_pieces(work, 5)


def test_another_error_is_not_taken_for_want_of_memory() -> None:
    def work(piece: Rows) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes cannot"):
        by_pieces(work, 5)


@pytest.mark.parametrize("n", [0, 1, 2, 7])
@pytest.mark.parametrize("pieces", [1, 2, 3, 16])
def test_pieces_cover_every_row_once(n: int, pieces: int) -> None:
    found, _ = by_pieces(lambda piece: list(range(*piece)), n, pieces=pieces)
    assert [row for rows in found for row in rows] == list(range(n))


def test_an_allocation_that_the_system_refuses_is_want_of_memory() -> None:
    with pytest.raises(RuntimeError, match="allocate memory") as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


def test_an_ensemble_answers_the_same_where_memory_holds_few_rows(
    tiny_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tiny_model.bundle
    batch = bundle.transform.apply(tiny_model.new_samples)
    whole = bundle.ensemble.answers(batch)
    place = ensemble.tensors

    def refusing(part: Any, device: torch.device) -> Any:
        if len(part) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return place(part, device)

    monkeypatch.setattr(ensemble, "tensors", refusing)
    parts = bundle.ensemble.answers(batch)
    for name, values in whole.items():
        np.testing.assert_allclose(parts[name], values, atol=2e-6)
