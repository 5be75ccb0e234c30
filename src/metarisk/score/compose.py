"""Parts of scores to one table, in the order of the input and in row groups of one size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from metarisk.schema.scores import DTYPES
from metarisk.score.layout import open_writer
from metarisk.score.ledger import Ledger, Place
from metarisk.score.report import Tally
from metarisk.score.sample_keys import KEY_BYTES

# Samples in a row group of the table: how the work was cut plays no part in it.
ROW_GROUP_SAMPLES = 512


def compose(
    ledger: Ledger,
    order: Path,
    table: Path,
    each: Callable[[pd.DataFrame], None],
    told: Callable[[int], None],
) -> Tally:
    """Write the table of scores of this input.

    In memory at a time: a row group, and one part.

    Parameters
    ----------
    ledger
        Where every sample of the input is entered.
    order
        File of the samples' keys in the order of the input.
    table
        File to make.
    each
        Given each row group as it was written.
    told
        Given how many samples are written.
    """
    tally = Tally()
    with open_writer(table) as writer:
        for keys in keys_in(order):
            group = _rows(ledger, keys)
            writer.write_table(group, row_group_size=group.num_rows)
            scores: pd.DataFrame = group.to_pandas().astype(DTYPES)
            tally.add(scores)
            each(scores)
            told(tally.samples)
    return tally


def keys_in(order: Path) -> Iterator[list[bytes]]:
    """Keys of each row group's samples."""
    with order.open("rb") as stream:
        while raw := stream.read(KEY_BYTES * ROW_GROUP_SAMPLES):
            yield [raw[at : at + KEY_BYTES] for at in range(0, len(raw), KEY_BYTES)]


def _rows(ledger: Ledger, keys: list[bytes]) -> pa.Table:
    """Scores of some samples in this order; each part that holds one of them is read once."""
    found = ledger.places(keys)
    places = [found[key] for key in keys]
    numbers = sorted({place.part for place in places})
    taken, start_of, start = [], np.zeros(len(places), dtype=np.intp), 0
    for number in numbers:
        here = [at for at, place in enumerate(places) if place.part == number]
        rows = _spans([places[at] for at in here])
        start_of[here] = start + _starts([places[at] for at in here])
        taken.append(ledger.read(number).take(pa.array(rows)))
        start += len(rows)
    spans = [Place(0, int(first), place.rows) for first, place in zip(start_of, places, strict=True)]
    return pa.concat_tables(taken).combine_chunks().take(pa.array(_spans(spans))).combine_chunks()


def _spans(places: list[Place]) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Row numbers of all of them, one after the other."""
    return np.concatenate([np.arange(place.first, place.first + place.rows) for place in places])


def _starts(places: list[Place]) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Where each begins once they stand one after the other, length of ``places``."""
    return np.concatenate([[0], np.cumsum([place.rows for place in places])[:-1]]).astype(np.intp)
