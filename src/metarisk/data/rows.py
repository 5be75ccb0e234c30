"""One row a sample: what a registry, a service or a data-frame engine hands over, to a cohort and back.

Columns: ``sample_id``; ``patient_id`` (the sample's own id when absent); clinical columns of the schema and
numbers of a study's own, ``extra.<name>``; for each assay a map from gene (pathway, feature) to number, with
the unit of that row beside it in ``<assay>_unit``. A gene that is not in the map was not measured; one that
was measured and not altered is there with 0. Mutations have several channels, so an altered gene is
``GENE:channel``; channels that it leaves out are 0, but for ``hotspot``, which is then unknown. ``GENE``
alone stands for all channels and can only be 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.cohort import AssayTable, Cohort, FloatArray, Provenance
from metarisk.data.row_checks import (
    check_columns,
    check_values,
    clinical_numbers,
    clinical_text,
    ids_of,
    is_absent,
    numbers_of,
    unit_column,
    units_of,
)
from metarisk.errors import InputError, nearest
from metarisk.schema.assays import ASSAYS, Assay
from metarisk.schema.clinical import CATEGORICAL, is_clinical_number

WHOLE_GENE = -1
# Channels about which a gene's other channels say nothing.
UNTOLD = frozenset({"hotspot"})

GeneMap = dict[str, float | None]


def rows_of(cohort: Cohort) -> pd.DataFrame:
    """Table with one row a sample, for `cohort_of`: what may be read of a sample, and none of its endpoints.

    Returns
    -------
    DataFrame
        N rows in the cohort's order. A sample without an assay has None in its column.
    """
    clinical = cohort.clinical
    columns: dict[str, object] = {"sample_id": cohort.sample_ids.astype(object)}
    columns["patient_id"] = cohort.patient_ids.astype(object)
    for name in clinical.columns:
        if is_clinical_number(name):
            columns[name] = clinical[name].to_numpy()
        elif name in CATEGORICAL:
            text = clinical[name].to_numpy(dtype=object, copy=True)
            text[clinical[name].isna().to_numpy()] = None
            columns[name] = text
    for assay, table in cohort.assays.items():
        maps = _maps_of(table)
        columns[assay.value] = pd.Series(maps, dtype=object)
        measured = [entry is not None for entry in maps]
        columns[unit_column(assay)] = [
            unit if there else None for unit, there in zip(table.units.tolist(), measured, strict=True)
        ]
    return pd.DataFrame(columns)


def cohort_of(rows: pd.DataFrame, name: str) -> Cohort:
    """Cohort of a table with one row a sample; the inverse of `rows_of`, without endpoints.

    Parameters
    ----------
    rows
        See the module. Maps may also be lists of pairs, as Arrow hands them over.
    name
        What to call the table in messages and in the provenance.

    Raises
    ------
    InputError
        If there is no row, an id is missing, not text or stands twice, a column or unit is unknown, a unit
        is absent where the assay has several, a key names no channel, or a value is no number or cannot be
        in its unit.
    """
    check_columns(rows, name)
    clinical = _clinical_of(rows, ids_of(rows["sample_id"], name))
    sample_ids = clinical.index.to_numpy(dtype=str)
    tables = [_table_of(assay, rows, sample_ids) for assay in Assay if assay.value in rows]
    return Cohort.join(
        clinical,
        [table for table in tables if (table.units != "").any()],
        pd.DataFrame(index=clinical.index),
        Provenance(name, "", ""),
    )


def _clinical_of(rows: pd.DataFrame, sample_ids: NDArray[np.str_]) -> pd.DataFrame:
    patients = rows["patient_id"] if "patient_id" in rows else [None] * len(rows)
    named = zip(patients, sample_ids, strict=True)
    columns: dict[str, object] = {
        "patient_id": [own if is_absent(given) else str(given) for given, own in named]
    }
    for column in map(str, rows.columns):
        if is_clinical_number(column):
            columns[column] = clinical_numbers(rows[column], column, sample_ids)
        elif column in CATEGORICAL:
            columns[column] = clinical_text(rows[column], column, sample_ids)
    return pd.DataFrame(columns, index=pd.Index(sample_ids, name="sample_id", dtype=object))


def _maps_of(table: AssayTable) -> list[GeneMap | None]:
    genes = np.array(table.genes, dtype=object)
    channels = ASSAYS[table.assay].channels
    build = _levels_map if len(channels) == 1 else _channels_map
    return [build(genes, channels, values) or None for values in table.values]


def _levels_map(genes: NDArray[np.object_], channels: tuple[str, ...], values: FloatArray) -> GeneMap:
    known = ~np.isnan(values[:, 0])
    return dict(zip(genes[known].tolist(), values[known, 0].tolist(), strict=True))


def _channels_map(genes: NDArray[np.object_], channels: tuple[str, ...], values: FloatArray) -> GeneMap:
    """Genes without alteration by name alone, of the others every channel that is not as if left out."""
    measured = ~np.isnan(values).all(axis=1)
    silent = (values == 0).all(axis=1)
    entries: GeneMap = dict.fromkeys(genes[silent].tolist(), 0.0)
    left_out = _left_out(channels)
    as_left_out = (values == left_out) | (np.isnan(values) & np.isnan(left_out))
    as_left_out[as_left_out.all(axis=1), 0] = False  # a gene must be named to have been measured
    for gene, channel in np.argwhere((measured & ~silent)[:, None] & ~as_left_out):
        value = values[gene, channel]
        entries[f"{genes[gene]}:{channels[channel]}"] = None if np.isnan(value) else float(value)
    return entries


def _left_out(channels: tuple[str, ...]) -> FloatArray:
    """What a channel is that a gene's keys leave out, shape (C,)."""
    return np.array([np.nan if channel in UNTOLD else 0.0 for channel in channels], dtype=np.float32)


def _table_of(assay: Assay, rows: pd.DataFrame, sample_ids: NDArray[np.str_]) -> AssayTable:
    """Table of one assay, shape (N, G, C), with the genes that any row names."""
    cells = zip(rows[assay.value], sample_ids, strict=True)
    maps = [_as_map(value, assay, sample) for value, sample in cells]
    runs = _runs_of_keys(maps)
    slots = _slots(assay, (run.keys for run in runs))
    genes = tuple(dict.fromkeys(gene for gene, _ in slots.values()))
    position = {gene: at for at, gene in enumerate(genes)}
    numbered = {key: (position[gene], channel) for key, (gene, channel) in slots.items()}
    left_out = _left_out(ASSAYS[assay].channels)
    values = np.full((len(maps), len(genes), len(left_out)), np.nan, dtype=np.float32)
    for run in runs:
        places = _places(run.keys, numbered)
        for row in range(run.start, run.stop if run.keys else run.start):
            _fill(values[row], maps[row], places, left_out, f"sample {sample_ids[row]}: {assay.value}")
    measured = np.asarray(~np.isnan(values).all(axis=(1, 2)))
    units = units_of(assay, rows, sample_ids, measured)
    check_values(assay, values, units, sample_ids)
    return AssayTable(assay, sample_ids, genes, values, units)


class _Run(NamedTuple):
    """Rows start .. stop - 1, whose maps have the same keys in the same order."""

    keys: list[str]
    start: int
    stop: int


def _runs_of_keys(maps: Iterable[GeneMap]) -> list[_Run]:
    """One assay's rows mostly name the same genes: what rests on the keys alone is then done once."""
    runs: list[_Run] = []
    for row, entries in enumerate(maps):
        keys = list(entries)
        if runs and runs[-1].keys == keys:
            runs[-1] = runs[-1]._replace(stop=row + 1)
        else:
            runs.append(_Run(keys, row, row + 1))
    return runs


class _Places(NamedTuple):
    """Where keys stand in a row: gene and channel of those with one, genes of those that say all channels."""

    told: NDArray[np.bool_]
    genes: NDArray[np.intp]
    channels: NDArray[np.intp]
    whole_genes: NDArray[np.intp]


def _places(keys: list[str], numbered: Mapping[str, tuple[int, int]]) -> _Places:
    at = np.array([numbered[key] for key in keys], dtype=np.intp).reshape(-1, 2)
    told = at[:, 1] != WHOLE_GENE
    return _Places(told, at[told, 0], at[told, 1], at[~told, 0])


def _fill(values: FloatArray, entries: GeneMap, places: _Places, left_out: FloatArray, where: str) -> None:
    """Put one sample's map into its row, shape (G, C); what it leaves out is `_left_out`."""
    numbers = numbers_of(entries, where)
    whole = numbers[~places.told]
    wrong = np.flatnonzero((whole != 0) & ~np.isnan(whole))
    if len(wrong):
        key = list(entries)[int(np.flatnonzero(~places.told)[wrong[0]])]
        raise InputError(
            f"{where} has {key!r} with a value that is not 0",
            expected=f"{key}:<channel> for an altered gene, {key} alone only for one that is not altered",
            do="Say which kind of alteration it is.",
        )
    if len(left_out) > 1:
        values[places.genes] = left_out
        values[places.whole_genes] = whole[:, None]
    values[places.genes, places.channels] = numbers[places.told]


def _slots(assay: Assay, keys_of_maps: Iterable[list[str]]) -> dict[str, tuple[str, int]]:
    """Key -> gene and channel, for every key of any map."""
    channels = ASSAYS[assay].channels
    keys = dict.fromkeys(chain.from_iterable(keys_of_maps))
    wrong = next((key for key in keys if not isinstance(key, str) or not key), None)
    if wrong is not None:
        raise InputError(
            f"{assay.value} has the key {wrong!r}", expected="gene names", do="Use text as keys."
        )
    if len(channels) == 1:
        return {key: (key, 0) for key in keys}
    return {key: _slot(key, assay, channels) for key in keys}


def _slot(key: str, assay: Assay, channels: tuple[str, ...]) -> tuple[str, int]:
    gene, colon, channel = key.partition(":")
    if not colon:
        return gene, WHOLE_GENE
    if channel not in channels:
        raise InputError(
            f"{assay.value} has the key {key!r}, and {channel!r} is not one of its channels",
            expected=f"GENE:{' or GENE:'.join(channels)}",
            do=nearest(channel, channels),
        )
    return gene, channels.index(channel)


def _as_map(value: Any, assay: Assay, sample: str) -> GeneMap:
    """The map of one cell; empty where the sample lacks the assay."""
    if isinstance(value, dict):
        return value
    if is_absent(value):
        return {}
    # Arrow and Spark hand a map over as pairs.
    if isinstance(value, Mapping) or _is_pairs(value):
        return dict(value)
    raise InputError(
        f"sample {sample}: {assay.value} is {type(value).__name__}",
        expected="a map from gene to number, or nothing where it was not measured",
        do="Hand over a dict, e.g. {'TP53': 0.0}.",
    )


def _is_pairs(value: object) -> bool:
    if not isinstance(value, list | tuple | np.ndarray):
        return False
    return all(isinstance(pair, list | tuple | np.ndarray) and len(pair) == 2 for pair in value)
