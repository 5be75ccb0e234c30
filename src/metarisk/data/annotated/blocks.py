"""Rows of a stored matrix, dense or sparse, a bounded number of values at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.errors import InputError

if TYPE_CHECKING:
    from scipy import sparse

# Values in a block: with their indices, in two blocks and their product, they take some 30 MB.
VALUES_AT_A_TIME = 1_000_000
# Pointers read at a time.
POINTERS_AT_A_TIME = 1_000_000

SPARSE_BY_ROWS, SPARSE_BY_COLUMNS = "csr_matrix", "csc_matrix"


class StoredMatrix(NamedTuple):
    """A matrix in a file, not yet read.

    Attributes
    ----------
    item
        Dataset, or group of a sparse matrix.
    name
        Where it stands in the file.
    shape
        Rows and columns.
    form
        ``array``, ``csr_matrix`` or ``csc_matrix``.
    """

    item: Any
    name: str
    shape: tuple[int, int]
    form: str


def stored_matrix(item: Any, name: str) -> StoredMatrix:
    """Matrix of numbers at a place of the file.

    Raises
    ------
    InputError
        If there are no numbers there, or not in two dimensions.
    """
    dense = hasattr(item, "dtype")
    form = "array" if dense else str(item.attrs.get("encoding-type", item.attrs.get("h5sparse_format", "")))
    form = {"csr": SPARSE_BY_ROWS, "csc": SPARSE_BY_COLUMNS}.get(form, form)
    if form not in ("array", SPARSE_BY_ROWS, SPARSE_BY_COLUMNS):
        raise InputError(f"holds {form or 'a group'} in {name}", expected="a matrix", do="Write it again.")
    kind = (item if dense else item["data"]).dtype
    if kind.kind not in "fiub":
        raise InputError(
            f"holds {'text' if kind.kind in 'OSU' else kind} in {name}, not numbers",
            do="Store numbers, with NaN where nothing was measured.",
        )
    declared = item.shape if dense else item.attrs.get("shape", item.attrs.get("h5sparse_shape", ()))
    shape = tuple(int(length) for length in declared)
    if len(shape) != 2:
        raise InputError(f"has {name} of shape {shape}", expected="rows and columns", do="Write it again.")
    return StoredMatrix(item, name, (shape[0], shape[1]), form)


def blocks(matrix: StoredMatrix) -> Iterator[tuple[int, sparse.csr_array]]:
    """First row and rows of each block, sparse, all columns; of a matrix by columns the same turned.

    Raises
    ------
    InputError
        If a sparse matrix's pointers or indices do not fit its shape: such a file is damaged.
    """
    from scipy import sparse

    if matrix.form == "array":
        rows = max(1, VALUES_AT_A_TIME // max(1, matrix.shape[1]))
        for start in range(0, matrix.shape[0], rows):
            yield start, sparse.csr_array(matrix.item[start : start + rows])
    else:
        yield from _sparse_blocks(matrix)


def dense_values(matrix: StoredMatrix) -> NDArray[np.float32]:
    """All of a matrix, float32, shape as stored."""
    if matrix.form == "array":
        values: NDArray[np.float32] = matrix.item[()].astype(np.float32)
        return values
    values = np.zeros(matrix.shape, dtype=np.float32)
    into = values if matrix.form == SPARSE_BY_ROWS else values.T
    for start, block in blocks(matrix):
        cells = block.tocoo()
        np.add.at(into, (cells.row + start, cells.col), cells.data)
    return values


def _sparse_blocks(matrix: StoredMatrix) -> Iterator[tuple[int, sparse.csr_array]]:
    from scipy import sparse

    lines, width = matrix.shape if matrix.form == SPARSE_BY_ROWS else matrix.shape[::-1]
    pointers, indices, data = (matrix.item[part] for part in ("indptr", "indices", "data"))
    if pointers.shape != (lines + 1,) or indices.shape != data.shape:
        raise _damaged(matrix)
    for first in range(0, lines, POINTERS_AT_A_TIME):
        ends = pointers[first : first + POINTERS_AT_A_TIME + 1].astype(np.int64)
        held = np.diff(ends)
        if (held < 0).any() or (held > width).any() or ends[0] < 0 or ends[-1] > len(data):
            raise _damaged(matrix)
        for start, stop in _cuts(ends):
            where = indices[ends[start] : ends[stop]]
            if len(where) and (where.min() < 0 or where.max() >= width):
                raise _damaged(matrix)
            parts = (data[ends[start] : ends[stop]], where, ends[start : stop + 1] - ends[start])
            yield first + start, sparse.csr_array(parts, shape=(stop - start, width))


def _cuts(ends: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Ranges of lines that hold a bounded number of values, one line at least."""
    start, last = 0, len(ends) - 1
    while start < last:
        stop = int(np.searchsorted(ends, ends[start] + VALUES_AT_A_TIME, side="right")) - 1
        stop = min(max(stop, start + 1), last)
        yield start, stop
        start = stop


def _damaged(matrix: StoredMatrix) -> InputError:
    return InputError(
        f"is damaged: the sparse matrix in {matrix.name} does not fit its shape {matrix.shape}",
        do="Fetch or write it again; nothing of it was used.",
    )
