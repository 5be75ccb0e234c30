"""A cohort from an ``.h5mu`` or ``.h5ad`` that metarisk wrote: the same again, or refused."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from metarisk.data.annotated.container import check_size, element, naming, opened
from metarisk.data.annotated.form import DATED, OURS, PANEL, UNIT, read_manifest
from metarisk.data.annotated.frames import TEXT, restored
from metarisk.data.annotated.seal import is_sealed
from metarisk.data.cohort import AssayTable, Cohort, Provenance
from metarisk.data.digest import digest_of
from metarisk.errors import InputError, first_ten
from metarisk.schema.assays import ASSAYS, Assay


def read_h5mu(path: Path) -> Cohort:
    """Cohort that `write_h5mu` wrote, every value verified against the hash in its manifest.

    Raises
    ------
    InputError
        If the file is cut, damaged, altered, of another format version or of another program, or the
        optional packages are not installed.
    """
    with naming(path):
        return read_annotated(path)


def read_h5ad(path: Path) -> Cohort:
    """Cohort of one assay that `write_h5ad` wrote; errors as for `read_h5mu`."""
    return read_h5mu(path)


def read_annotated(path: Path) -> Cohort:
    """Cohort of either file; errors as for `read_h5mu`, their sentence goes on after the file's name."""
    with opened(path, sealed=path.is_file() and is_sealed(path)) as file:
        manifest = read_manifest(file)
        cohort = _read(file, manifest)
    if digest_of(cohort, vars(cohort.provenance)) != manifest["sha256"]:
        raise InputError(
            "was altered after it was written (its values do not have the SHA-256 of its manifest)",
            do="Copy it again or write it again from its study; read it through a study file "
            "(format: tables) if it was changed on purpose.",
        )
    return cohort


def _read(file: Any, manifest: Mapping[str, Any]) -> Cohort:
    obs = element(file, "obs")
    dated = restored(element(file["uns"][OURS], DATED), manifest["dated"])
    tables = [
        _read_assay(Assay(name), file[told["place"]], told["channels"])
        for name, told in manifest["assays"].items()
    ]
    ids = obs.index.to_numpy(dtype=str)
    return Cohort(
        restored(obs, manifest["clinical"]),
        {table.assay: table.align(ids) for table in tables},
        restored(obs, manifest["endpoints"]),
        Provenance(**manifest["provenance"]),
        dated.reset_index(drop=True),
    )


def _read_assay(assay: Assay, group: Any, written: Sequence[str]) -> AssayTable:
    obs, channels = element(group, "obs"), ASSAYS[assay].channels
    if tuple(written) != channels:
        raise InputError(
            f"has {assay} with channels {first_ten(written)}",
            expected=first_ten(channels),
            do="Read it with the metarisk that wrote it, or write it again from its study.",
        )
    told = restored(obs, {UNIT: TEXT, PANEL: TEXT})
    genes = tuple(element(group, "var").index.astype(str))
    shape = (len(obs), len(genes), len(channels))
    check_size(4 * math.prod(shape), group, "X")
    values = np.empty(shape, dtype=np.float32)
    for position, channel in enumerate(channels):
        values[..., position] = element(group, f"layers/{channel}" if len(channels) > 1 else "X")
    units, panels = (told[name].to_numpy(dtype=str) for name in (UNIT, PANEL))
    return AssayTable(assay, obs.index.to_numpy(dtype=str), genes, values, units, panels)
