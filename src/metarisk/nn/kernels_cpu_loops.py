"""The compiled loops of `kernels_cpu`; importing this imports numba.

The sum over a row's entries is written in LLVM's own terms, as one vector of `LANES` numbers that stays in
registers: as a loop over an array it would be stored and loaded again at each entry, several times slower.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 32
LANES_OF_A_SAMPLE = (8, 16, 32)  # in a whole step; a width between them is padded
CACHE_LINE = 64  # bytes
ROWS_AHEAD = 4  # rows between asking for the place of a sum and writing it
CHAINS = 4  # sums of a mix that run side by side, each waiting for its own last product only
# tanh is v P(v^2) / Q(v^2) of v = x / reach, beyond which it is one in single precision. The coefficients,
# from the power 0 up, were fitted for this file by least squares on the relative error, reweighted until it
# was level: 6.4e-8 at most.
TANH_REACH = 9.0
TANH_ABOVE = (
    8.999999046325684,
    94.20649719238281,
    172.67843627929688,
    44.46503448486328,
    -4.980337142944336,
    0.5778980851173401,
)
TANH_BELOW = (1.0, 37.46736145019531, 156.00889587402344, 121.4712600708008)
CONTRACT = ("contract",)  # a product and a sum may be one instruction; nothing is reordered


def _compiled(function: Callable[..., Any]) -> Any:
    """Machine code, kept on disk where a folder for it can be written."""
    try:
        return njit(function, nogil=True, cache=True, fastmath=set(CONTRACT), error_model="numpy")
    except RuntimeError:  # no folder: compiled again in each process
        return njit(function, nogil=True, fastmath=set(CONTRACT), error_model="numpy")


def _vector(context: Any, builder: Any, kind: Any, array: Any, place: Any) -> Any:
    """Address of `LANES` numbers from a place of an array's memory on, as that of one vector."""
    data = context.make_array(kind)(context, builder, array).data
    start = builder.gep(data, [place])
    return builder.bitcast(start, ir.VectorType(data.type.pointee, LANES).as_pointer())


def _load(builder: Any, place: Any) -> Any:
    vector = builder.load(place)
    vector.align = 4  # arrays that numba allocates promise no more
    return vector


def _add_to(builder: Any, place: Any, factor: Any, other: Any) -> None:
    product = builder.fmul(factor, other, flags=CONTRACT)
    builder.store(builder.fadd(product, _load(builder, place), flags=CONTRACT), place).align = 4


def _in_all_lanes(builder: Any, number: Any) -> Any:
    kind = ir.VectorType(number.type, LANES)
    undefined, zero = ir.Constant(kind, ir.Undefined), ir.IntType(32)(0)
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(builder.insert_element(undefined, number, zero), undefined, lanes)


def _scaled(context: Any, builder: Any, kinds: Any, given: Any, entry: Any) -> tuple[Any, Any]:
    """One entry's value times its source's vector, and the place in memory of its wire's first number."""
    packed, wire, col, value = (
        context.make_array(kind)(context, builder, array).data
        for kind, array in zip(kinds, given, strict=True)
    )
    lanes = ir.IntType(64)(LANES)
    at, which = (
        builder.mul(builder.zext(builder.load(builder.gep(part, [entry])), ir.IntType(64)), lanes)
        for part in (col, wire)
    )
    start = builder.bitcast(builder.gep(packed, [at]), ir.VectorType(packed.type.pointee, LANES).as_pointer())
    factor = _in_all_lanes(builder, builder.load(builder.gep(value, [entry])))
    return builder.fmul(factor, _load(builder, start), flags=CONTRACT), which


@intrinsic
def _receive_row(
    _: Any, total: Any, weight: Any, packed: Any, wire: Any, col: Any, value: Any, start: Any, stop: Any
) -> Any:
    """Set total[0] to the sum over entries of weight[wire] * value * packed[col]."""
    signature = types.void(total, weight, packed, wire, col, value, types.int64, types.int64)

    def code(context: Any, builder: Any, _: Any, given: Any) -> Any:
        place = _vector(context, builder, total, given[0], ir.IntType(64)(0))
        sums = _zeros(builder, place.type.pointee)
        with cgutils.for_range_slice(builder, *given[6:], ir.IntType(64)(1)) as (entry, _):
            sent, which = _scaled(context, builder, (packed, wire, col, value), given[2:6], entry)
            _add_to(builder, sums, _load(builder, _vector(context, builder, weight, given[1], which)), sent)
        builder.store(builder.load(sums), place).align = 4
        return context.get_dummy_value()

    return signature, code


@intrinsic
def _give_back_row(
    _: Any,
    total: Any,
    gradient: Any,
    state: Any,
    weight: Any,
    packed: Any,
    wire: Any,
    col: Any,
    value: Any,
    start: Any,
    stop: Any,
) -> Any:
    """As `_receive_row`; and add value * packed[col] * state[0] to gradient[wire]."""
    signature = types.void(total, gradient, state, weight, packed, wire, col, value, types.int64, types.int64)

    def code(context: Any, builder: Any, _: Any, given: Any) -> Any:
        zero = ir.IntType(64)(0)
        place = _vector(context, builder, total, given[0], zero)
        sums = _zeros(builder, place.type.pointee)
        own = _load(builder, _vector(context, builder, state, given[2], zero))
        with cgutils.for_range_slice(builder, *given[8:], ir.IntType(64)(1)) as (entry, _):
            sent, which = _scaled(context, builder, (packed, wire, col, value), given[4:8], entry)
            _add_to(builder, sums, _load(builder, _vector(context, builder, weight, given[3], which)), sent)
            _add_to(builder, _vector(context, builder, gradient, given[1], which), own, sent)
        builder.store(builder.load(sums), place).align = 4
        return context.get_dummy_value()

    return signature, code


def _zeros(builder: Any, kind: Any) -> Any:
    """Room for a vector, zero at first; it never leaves the registers."""
    room = cgutils.alloca_once(builder, kind)
    builder.store(ir.Constant(kind, None), room)
    return room


@intrinsic
def _copy_vector(_: Any, target: Any, to: Any, source: Any, at: Any) -> Any:
    """Copy `LANES` numbers from place ``at`` of one array's memory to place ``to`` of another's."""
    signature = types.void(target, types.int64, source, types.int64)

    def code(context: Any, builder: Any, _: Any, given: Any) -> Any:
        places = [
            _vector(context, builder, kind, array, place)
            for kind, array, place in ((target, *given[:2]), (source, *given[2:]))
        ]
        builder.store(_load(builder, places[1]), places[0]).align = 4
        return context.get_dummy_value()

    return signature, code


@intrinsic
def _await_write(_: Any, target: Any, at: Any) -> Any:
    """Ask for the cache lines of the `LANES` numbers from place ``at`` on, which will be written soon."""
    signature = types.void(target, types.int64)

    def code(context: Any, builder: Any, _: Any, given: Any) -> Any:
        place, small = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place, small, small, small])
        prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        start = builder.bitcast(_vector(context, builder, target, given[0], given[1]), place)
        size = LANES * context.get_abi_sizeof(context.get_data_type(target.dtype))
        for line in range(0, size, CACHE_LINE):
            there = builder.gep(start, [ir.IntType(64)(line)])
            builder.call(prefetch, [there, small(1), small(3), small(1)])  # to write, keep near, data
        return context.get_dummy_value()

    return signature, code


@_compiled
def _copy_few(target: Any, to: int, source: Any, at: int, width: int) -> None:
    """As `_copy_vector` for under `LANES` numbers: the last block."""
    flat_target, flat_source = target.reshape(-1), source.reshape(-1)
    for lane in range(width):
        flat_target[to + lane] = flat_source[at + lane]


@_compiled
def _pack(source: Any, start: int, packed: Any) -> None:
    """Copy columns from ``start`` on, (rows, C) to (rows, LANES); zeros beyond the last."""
    n_rows, n_columns = source.shape
    if start + LANES <= n_columns:
        for row in range(n_rows):
            _copy_vector(packed, row * LANES, source, row * n_columns + start)
    else:
        packed[:] = 0
        for row in range(n_rows):
            _copy_few(packed, row * LANES, source, row * n_columns + start, n_columns - start)


@_compiled
def _tile(weight: Any, start: int, scales: Any) -> None:
    """Weights of the block's columns, (R, D) to (R, LANES); the columns are samples times channels."""
    n_wires, n_channels = weight.shape
    for wire in range(n_wires):
        for lane in range(LANES):
            scales[wire, lane] = weight[wire, (start + lane) % n_channels]


@_compiled
def receive_blocks(
    source: Any,
    weight: Any,
    row_start: Any,
    wire: Any,
    col: Any,
    value: Any,
    room: Any,
    product: Any,
    first: int,
    step: int,
) -> None:
    """Fill every ``step``-th block of columns of the product, (cols, C) to (rows, C).

    ``room`` is working memory of (cols + R + 2, LANES).
    """
    packed, scales, total = room[: len(source)], room[len(source) : -2], room[-2:-1]
    for start in range(first * LANES, source.shape[1], step * LANES):
        _pack(source, start, packed)
        _tile(weight, start, scales)
        width = min(LANES, source.shape[1] - start)
        for row in range(len(product)):
            place = row * product.shape[1] + start
            _await_write(product, place + ROWS_AHEAD * product.shape[1])
            _receive_row(total, scales, packed, wire, col, value, row_start[row], row_start[row + 1])
            if width == LANES:
                _copy_vector(product, place, total, 0)
            else:
                _copy_few(product, place, total, 0, width)


@_compiled
def give_back_blocks(
    incoming: Any,
    sender: Any,
    weight: Any,
    row_start: Any,
    wire: Any,
    col: Any,
    value: Any,
    room: Any,
    change: Any,
    partial: Any,
    first: int,
    step: int,
) -> None:
    """Fill every ``step``-th block of the senders' gradient and add up the weights' in ``partial``."""
    packed, scales, total, state = room[: len(incoming)], room[len(incoming) : -2], room[-2:-1], room[-1:]
    for start in range(first * LANES, incoming.shape[1], step * LANES):
        _pack(incoming, start, packed)
        _tile(weight, start, scales)
        gradient = partial[start // LANES]
        width = min(LANES, incoming.shape[1] - start)
        state[:] = 0
        for row in range(len(change)):
            begin, end = row_start[row], row_start[row + 1]
            place = row * change.shape[1] + start
            _await_write(change, place + ROWS_AHEAD * change.shape[1])
            if width == LANES:
                _copy_vector(state, 0, sender, place)
            else:
                _copy_few(state, 0, sender, place, width)
            _give_back_row(total, gradient, state, scales, packed, wire, col, value, begin, end)
            if width == LANES:
                _copy_vector(change, place, total, 0)
            else:
                _copy_few(change, place, total, 0, width)


@_compiled
def add_tanh_to(state: Any, change: Any, moved: Any, tangent: Any) -> None:
    """Set moved to state + tanh(change), and tangent to tanh(change) unless it is empty; float32, flat."""
    one, single = np.float32(1), np.float32
    for i in range(len(state)):
        v = max(min(change[i] / single(TANH_REACH), one), -one)  # in this order NaN stays NaN
        t = v * v
        above = single(TANH_ABOVE[4]) + single(TANH_ABOVE[5]) * t
        above = single(TANH_ABOVE[2]) + (single(TANH_ABOVE[3]) + above * t) * t
        above = single(TANH_ABOVE[0]) + (single(TANH_ABOVE[1]) + above * t) * t
        below = single(TANH_BELOW[2]) + single(TANH_BELOW[3]) * t
        below = one + (single(TANH_BELOW[1]) + below * t) * t
        squashed = max(min(v * above / below, one), -one)
        moved[i] = state[i] + squashed
        if len(tangent):
            tangent[i] = squashed


@_compiled
def add_encoded(values: Any, column_of: Any, effect: Any, state: Any) -> None:
    """Add what was measured times its effect to the states; nothing for what is zero.

    ``values`` is (N, Ga, C), ``column_of`` the column of each node or below 0, (G,), ``effect`` (G, C, D) and
    ``state`` (G, N, D).
    """
    n_nodes, n_samples, width = state.shape
    for node in range(n_nodes):
        column = column_of[node]
        if column < 0:
            continue
        for sample in range(n_samples):
            for channel in range(values.shape[2]):
                value = values[sample, column, channel]
                if value != 0:
                    for d in range(width):
                        state[node, sample, d] += value * effect[node, channel, d]


def _step_row(group: int) -> Any:
    """Intrinsic for samples of ``group`` lanes."""

    @intrinsic
    def step_row(_: Any, target: Any, to: Any, state: Any, at: Any, heard: Any, mix: Any) -> Any:
        """Set target from place ``to`` on to state + tanh(heard mixed), `LANES` numbers."""
        signature = types.void(target, types.int64, state, types.int64, heard, mix)

        def code(context: Any, builder: Any, _: Any, given: Any) -> Any:
            mixed = _mixed(context, builder, (heard, given[4]), (mix, given[5]), group)
            own = _load(builder, _vector(context, builder, state, given[2], given[3]))
            place = _vector(context, builder, target, given[0], given[1])
            moved = builder.fadd(own, _tanh(builder, mixed))
            builder.store(moved, place).align = 4
            return context.get_dummy_value()

        return signature, code

    return step_row


def _mixed(context: Any, builder: Any, heard: tuple[Any, Any], mix: tuple[Any, Any], group: int) -> Any:
    """Sum over k of number k of each lane's own sample times row k of the mix."""
    first = _vector(context, builder, heard[0], heard[1], ir.IntType(64)(0))
    every = _load(builder, first)
    chains: list[Any] = []
    for k in range(group):
        if group == LANES:
            number = builder.bitcast(first, every.type.element.as_pointer())
            sent = _in_all_lanes(builder, builder.load(builder.gep(number, [ir.IntType(64)(k)])))
        else:
            lanes = [lane // group * group + k for lane in range(LANES)]
            sent = builder.shuffle_vector(
                every,
                ir.Constant(every.type, ir.Undefined),
                ir.Constant(ir.VectorType(ir.IntType(32), LANES), lanes),
            )
        row = _load(builder, _vector(context, builder, mix[0], mix[1], ir.IntType(64)(k * LANES)))
        product = builder.fmul(sent, row, flags=CONTRACT)
        if k < CHAINS:
            chains.append(product)
        else:
            chains[k % CHAINS] = builder.fadd(product, chains[k % CHAINS], flags=CONTRACT)
    return builder.fadd(builder.fadd(chains[0], chains[1]), builder.fadd(chains[2], chains[3]))


def _tanh(builder: Any, change: Any) -> Any:
    """As in `add_tanh_to`, in all lanes."""

    def same(number: float) -> Any:
        return ir.Constant(change.type, [change.type.element(number)] * LANES)

    def within(vector: Any) -> Any:  # in this order NaN stays NaN
        for beyond, bound in (("<", same(-1.0)), (">", same(1.0))):
            vector = builder.select(builder.fcmp_ordered(beyond, vector, bound), bound, vector)
        return vector

    def polynomial(square: Any, factors: tuple[float, ...]) -> Any:
        value = same(factors[-1])
        for factor in reversed(factors[:-1]):
            value = builder.fadd(builder.fmul(value, square, flags=CONTRACT), same(factor), flags=CONTRACT)
        return value

    v = within(builder.fmul(change, same(1.0 / TANH_REACH)))
    square = builder.fmul(v, v)
    above = builder.fmul(v, polynomial(square, TANH_ABOVE))
    return within(builder.fdiv(above, polynomial(square, TANH_BELOW)))


_step_8, _step_16, _step_32 = (_step_row(group) for group in LANES_OF_A_SAMPLE)


@_compiled
def step_tiles(
    source: Any,
    weight: Any,
    mix: Any,
    row_start: Any,
    wire: Any,
    col: Any,
    value: Any,
    room: Any,
    moved: Any,
    first: int,
    step: int,
) -> None:
    """Fill every ``step``-th tile of columns of what moved, (G, N * D) like the source.

    D is one of `LANES_OF_A_SAMPLE`, ``weight`` is (R, D), ``mix`` (D, D) from what was heard, by row, and
    ``room`` working memory of (G + R + D + 2, LANES).
    """
    n_genes, n_columns = source.shape
    group, n_wires = len(mix), len(weight)
    packed, scales = room[:n_genes], room[n_genes : n_genes + n_wires]
    mixes, heard, own = room[n_genes + n_wires : -2], room[-2:-1], room[-1:]
    _tile(weight, 0, scales)
    _tile(mix, 0, mixes)
    for start in range(first * LANES, n_columns, step * LANES):
        _pack(source, start, packed)
        width = min(LANES, n_columns - start)
        for row in range(n_genes):
            place = row * n_columns + start
            _await_write(moved, place + ROWS_AHEAD * n_columns)
            _receive_row(heard, scales, packed, wire, col, value, row_start[row], row_start[row + 1])
            if group == 8:
                _step_8(own, 0, packed, row * LANES, heard, mixes)
            elif group == 16:
                _step_16(own, 0, packed, row * LANES, heard, mixes)
            else:
                _step_32(own, 0, packed, row * LANES, heard, mixes)
            if width == LANES:
                _copy_vector(moved, place, own, 0)
            else:
                _copy_few(moved, place, own, 0, width)
