"""A sample's values as bytes: one byte a number where that loses nothing, float32 where it would.

The length of a sample's bytes says which: none if nothing was measured, G x C for one byte a number,
4 x G x C for little-endian float32. The form is chosen for each sample by packing, unpacking and comparing
bits.
"""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from metarisk.data.cohort import FloatArray

# A one-byte code is twice the value, since discrete copy number has -1.5 beside its whole numbers.
UNMEASURED = -128
LARGEST = 63.5
SHORT, LONG = 1, 4


def pack(values: FloatArray) -> pa.BinaryArray:
    """One binary value a sample.

    Parameters
    ----------
    values
        Shape (N, G, C), at most 2 GiB of them.
    """
    width = math.prod(values.shape[1:])
    rows = np.ascontiguousarray(values, dtype="<f4").reshape(len(values), width)
    codes = _codes_of(rows)
    exact = _same_bits(_numbers_of(codes), rows)
    blank = exact & (codes == UNMEASURED).all(axis=1)
    form = np.where(blank, 0, np.where(exact, SHORT, LONG))  # in blocks of G x C bytes, (N,)
    ends = np.cumsum(form)
    blocks = np.empty((int(form.sum()), width), dtype=np.uint8)
    starts = ends - form
    blocks[starts[form == SHORT]] = codes[form == SHORT].view(np.uint8)
    long = form == LONG
    blocks[_four(starts[long])] = rows[long].view(np.uint8).reshape(int(long.sum()), LONG, width)
    offsets = np.concatenate([[0], ends * width]).astype(np.int32)
    return pa.Array.from_buffers(
        pa.binary(), len(rows), [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(blocks)]
    )


def unpack(packed: pa.BinaryArray, rows: NDArray[np.intp], width: int) -> FloatArray:
    """Values of some samples, flat.

    Parameters
    ----------
    packed
        What `pack` made; a window into a longer array is one too.
    rows
        Positions in ``packed``, shape (n,).
    width
        Numbers a sample has, G x C.

    Returns
    -------
    FloatArray
        Shape (n, width).

    Raises
    ------
    ValueError
        If the bytes of a sample are of no length that `pack` makes.
    """
    values = np.full((len(rows), width), np.nan, dtype=np.float32)
    offsets = np.frombuffer(packed.buffers()[1], dtype=np.int32)[packed.offset :][: len(packed) + 1]
    starts, lengths = offsets[rows], offsets[rows + 1] - offsets[rows]
    short, long = (lengths == width) & (width > 0), (lengths == LONG * width) & (width > 0)
    if not (short | long | (lengths == 0)).all() or (starts % max(width, 1)).any():
        raise ValueError(f"a sample has {lengths.max()} bytes for {width} numbers")
    if not (short | long).any():
        return values
    data = np.frombuffer(packed.buffers()[2], dtype=np.uint8)
    blocks = data[: len(data) // width * width].reshape(-1, width)
    values[short] = _numbers_of(blocks[starts[short] // width].view(np.int8))
    values[long] = blocks[_four(starts[long] // width)].reshape(-1, LONG * width).view("<f4")
    return values


def _codes_of(rows: FloatArray) -> NDArray[np.int8]:
    with np.errstate(over="ignore"):
        return np.where(np.abs(rows) <= LARGEST, rows * 2, np.float32(UNMEASURED)).astype(np.int8)


def _numbers_of(codes: NDArray[np.int8]) -> FloatArray:
    halves = codes.astype(np.float32) * np.float32(0.5)
    halves[codes == UNMEASURED] = np.nan
    return halves


def _same_bits(left: FloatArray, right: FloatArray) -> NDArray[np.bool_]:
    """True for each row whose every number is the same to the bit: -0.0 is not 0.0, shape (N,)."""
    return np.asarray((left.view(np.uint32) == right.view(np.uint32)).all(axis=1))


def _four(starts: NDArray[np.intp]) -> NDArray[np.intp]:
    """The four blocks of each float32 row, shape (n, 4)."""
    return starts[:, None] + np.arange(LONG)
