"""A cohort to MuData ``.h5mu`` or AnnData ``.h5ad``, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from metarisk.data.annotated.container import h5_library, naming
from metarisk.data.annotated.form import (
    DATED,
    EVERY_SAMPLE,
    MANIFEST,
    OURS,
    PANEL,
    UNIT,
    manifest_of,
    rows_with,
)
from metarisk.data.annotated.frames import storable
from metarisk.data.annotated.seal import USER_BLOCK, seal
from metarisk.data.cohort import AssayTable, Cohort, FloatArray
from metarisk.errors import InputError, OutputError, nearest
from metarisk.files import check_free_file, written
from metarisk.schema.assays import ASSAYS, Assay

COMPRESSION = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
ANNDATA, MUDATA = (
    {"encoding-type": "anndata", "encoding-version": "0.1.0"},
    {"encoding-type": "MuData", "encoding-version": "0.1.0", "axis": 0},
)
_SLOTS = ("obsm", "varm", "obsp", "varp")


class _Part(NamedTuple):
    """One AnnData.

    Attributes
    ----------
    values
        Shape (n, G, C).
    genes
        Length G.
    channels
        Length C.
    obs
        One row a sample.
    """

    values: FloatArray
    genes: tuple[str, ...]
    channels: tuple[str, ...]
    obs: pd.DataFrame


class _Axes(NamedTuple):
    """Samples and genes of a modality."""

    samples: pd.Index
    genes: tuple[str, ...]


def write_h5mu(cohort: Cohort, path: Path, *, overwrite: bool = False) -> None:
    """Write a cohort as MuData: a modality an assay, clinical columns and endpoints in ``obs``.

    `read_h5mu` gives an equal cohort back. The file appears under its name only when all of it is on disk.

    Raises
    ------
    OutputError
        If the file exists and may not be replaced, or cannot be written.
    InputError
        If the optional packages are not installed, or the cohort holds what the file cannot.
    """
    axes: dict[str, _Axes] = {}
    with _drafted(path, overwrite, "MuData") as file:
        for name, part in _parts(cohort):
            _write_part(file.require_group(f"mod/{name}"), part)
            axes[name] = _Axes(part.obs.index, part.genes)
        _write_shared(file, cohort, axes)
        _write_ours(file, cohort, {assay: f"mod/{assay}" for assay in cohort.assays})
        file["mod"].attrs["mod-order"] = list(axes)
        file.attrs.update(MUDATA)


def write_h5ad(cohort: Cohort, assay: Assay, path: Path, *, overwrite: bool = False) -> None:
    """Write one assay as AnnData, with all that is known of the samples that have it.

    Raises
    ------
    OutputError, InputError
        As `write_h5mu`; the latter also if no sample has the assay.
    """
    if assay not in cohort.assays:
        raise InputError(f"the cohort has no {assay}", do=nearest(assay, map(str, cohort.assays)))
    rows = rows_with(cohort.assays[assay])
    if not rows.any():
        raise InputError(f"no sample of the cohort has {assay}", do="Choose an assay that some samples have.")
    held = replace(cohort, assays={assay: cohort.assays[assay]}).take(rows)
    part = _part(held.assays[assay])
    with _drafted(path, overwrite, "AnnData") as file:
        known = pd.concat([held.clinical, held.endpoints, part.obs], axis=1)
        _write_part(file, part._replace(obs=known))
        _write_ours(file, held, {assay: "/"})


@contextmanager
def _drafted(path: Path, overwrite: bool, kind: str) -> Iterator[Any]:
    """HDF5 file that is sealed and takes its name when the block ends well."""
    with naming(path):
        h5py = h5_library()
    check_free_file(path, overwrite=overwrite)
    with written(path) as draft, naming(path):
        try:
            with h5py.File(draft, "w", userblock_size=USER_BLOCK) as file:
                yield file
        except (ValueError, RuntimeError) as caught:
            # Text with a NUL byte; a disk that fills up while the file is closed.
            raise OutputError(
                f"{path} cannot be written ({caught})",
                do="Check free space, and that no text holds a NUL byte; nothing was left under that name.",
            ) from caught
        seal(draft, kind)


def _parts(cohort: Cohort) -> Iterator[tuple[str, _Part]]:
    """The modality of every sample, then one an assay; one at a time, since each is a copy."""
    index = pd.Index(cohort.sample_ids, name="sample_id", dtype=object)
    no_genes = np.empty((len(cohort), 0, 1), dtype=np.float32)
    yield EVERY_SAMPLE, _Part(no_genes, (), ("level",), pd.DataFrame(index=index))
    for assay, table in cohort.assays.items():
        yield str(assay), _part(table)


def _part(table: AssayTable) -> _Part:
    """The samples that have an assay."""
    rows = rows_with(table)
    index = pd.Index(table.sample_ids[rows], name="sample_id", dtype=object)
    told = {UNIT: table.units[rows].astype(object), PANEL: table.panels[rows].astype(object)}
    channels = ASSAYS[table.assay].channels
    return _Part(table.values[rows], table.genes, channels, pd.DataFrame(told, index=index))


def _write_part(group: Any, part: _Part) -> None:
    _write(group, "X", np.fmax.reduce(part.values, axis=2))
    _write(group, "obs", storable(part.obs))
    _write(group, "var", pd.DataFrame(index=pd.Index(list(part.genes), dtype=object)))
    for slot in (*_SLOTS, "layers", "uns"):
        _write(group, slot, {})
    if len(part.channels) > 1:
        for position, channel in enumerate(part.channels):
            _write(group["layers"], channel, np.ascontiguousarray(part.values[:, :, position]))
    group.attrs.update(ANNDATA)


def _write_shared(file: Any, cohort: Cohort, axes: Mapping[str, _Axes]) -> None:
    """What MuData keeps over its modalities: obs, var, and where the rows and columns of each stand."""
    genes = [gene for axis in axes.values() for gene in axis.genes]
    _write(file, "obs", storable(pd.concat([cohort.clinical, cohort.endpoints], axis=1)))
    _write(file, "var", pd.DataFrame(index=pd.Index(genes, dtype=object)))
    for slot in (*_SLOTS, "obsmap", "varmap"):
        _write(file, slot, {})
    start = 0
    for name, axis in axes.items():
        rows = axis.samples.get_indexer(cohort.clinical.index) + 1
        columns = np.zeros(len(genes), dtype=np.uint32)
        columns[start : start + len(axis.genes)] = np.arange(1, len(axis.genes) + 1)
        _write(file["obsmap"], name, rows.astype(np.uint32))
        _write(file["varmap"], name, columns)
        start += len(axis.genes)


def _write_ours(file: Any, cohort: Cohort, places: Mapping[Assay, str]) -> None:
    """``uns["metarisk"]``: manifest and dated values."""
    ours = {MANIFEST: manifest_of(cohort, places), DATED: storable(cohort.dated.reset_index(drop=True))}
    _write(file, "uns", {OURS: ours})


def _write(group: Any, name: str, value: Any) -> None:
    from anndata.io import write_elem

    compressed = isinstance(value, np.ndarray) and value.size > 0
    write_elem(group, name, value, dataset_kwargs=COMPRESSION if compressed else {})
