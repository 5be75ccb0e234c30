"""Packed values come back to the bit, in one byte a number where they can."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metarisk.data.store.packing import pack, unpack

ANY_FLOAT = st.floats(width=32, allow_nan=True, allow_infinity=True, allow_subnormal=True)
CALL = st.sampled_from([0.0, 1.0, -1.5, -2.0, 2.0, np.nan])
SHAPE = st.tuples(st.integers(1, 6), st.integers(0, 4), st.integers(1, 4))


def bits(values: np.ndarray) -> list[int]:
    return np.ascontiguousarray(values, dtype=np.float32).view(np.uint32).ravel().tolist()


def there_and_back(values: np.ndarray) -> np.ndarray:
    flat = unpack(pack(values), np.arange(len(values)), int(np.prod(values.shape[1:])))
    return flat.reshape(values.shape)


@given(SHAPE.flatmap(lambda shape: arrays(np.float32, shape, elements=ANY_FLOAT | CALL)))
def test_any_values_come_back_to_the_bit(values):
    assert bits(there_and_back(values)) == bits(values)


@pytest.mark.parametrize(
    ("row", "bytes_a_number"),
    [
        ([0, 1, np.nan], 1),
        ([-2, -1.5, 2], 1),
        ([63.5, -63.5, 0], 1),
        ([64, 0, 0], 4),
        ([0.25, 0, 0], 4),
        ([-0.0, 0, 0], 4),
        ([np.inf, 0, 0], 4),
        ([np.nan, np.nan, np.nan], 0),
    ],
)
def test_a_sample_takes_one_byte_a_number_only_where_that_loses_nothing(row, bytes_a_number):
    values = np.array(row, dtype=np.float32).reshape(1, 3, 1)
    assert len(pack(values)[0].as_py()) == 3 * bytes_a_number
    assert bits(there_and_back(values)) == bits(values)


def test_a_nan_with_another_payload_is_kept():
    values = np.array([0xFFC00001, 0x3F800000], dtype=np.uint32).view(np.float32).reshape(1, 2, 1)
    assert bits(there_and_back(values)) == [0xFFC00001, 0x3F800000]


def test_rows_are_read_in_any_order_and_from_a_window():
    values = np.array([[1, 0], [0.3, 7], [np.nan, np.nan], [-1.5, 2], [9e9, 1]], dtype=np.float32)[:, :, None]
    rows = np.array([3, 0, 0, 1])
    window = pack(values).slice(1)
    np.testing.assert_array_equal(unpack(window, rows, 2), values[1:][rows, :, 0])


def test_bytes_of_another_length_are_refused():
    with pytest.raises(ValueError, match="a sample has 3 bytes for 2 numbers"):
        unpack(pa.array([b"abc"], pa.binary()), np.arange(1), 2)
