"""How a cohort lies in an ``.h5mu`` or ``.h5ad``, and the manifest that proves it.

``obs`` holds one row a sample: the clinical columns, then the endpoints. Each assay is a modality of the
samples that have it, its genes under their symbols: ``X`` is the value, or of several channels the highest,
and then each channel is a layer. The modality ``samples`` has every sample and no genes: readers of MuData
drop a sample that no modality has. ``uns["metarisk"]`` holds the manifest (JSON) and the dated values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metarisk.data.annotated.frames import kinds_of
from metarisk.data.cohort import AssayTable, Cohort
from metarisk.data.digest import digest_of
from metarisk.errors import InputError
from metarisk.schema.assays import ASSAYS, Assay

FORMAT = "metarisk cohort"
FORMAT_VERSION = 1
OURS = "metarisk"
MANIFEST, DATED = "manifest", "dated"
EVERY_SAMPLE = "samples"
UNIT, PANEL = "assay_unit", "assay_panel"


def manifest_of(cohort: Cohort, places: Mapping[Assay, str]) -> str:
    """Manifest of a cohort as JSON.

    Parameters
    ----------
    places
        Assay -> path of its AnnData in the file.
    """
    told = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "provenance": vars(cohort.provenance),
        "clinical": kinds_of(cohort.clinical),
        "endpoints": kinds_of(cohort.endpoints),
        "dated": kinds_of(cohort.dated),
        "assays": {
            str(assay): {"place": place, "channels": ASSAYS[assay].channels}
            for assay, place in places.items()
        },
        "sha256": digest_of(cohort, vars(cohort.provenance)),
    }
    return json.dumps(told)


def read_manifest(file: Any) -> dict[str, Any]:
    """Manifest of a file that metarisk wrote.

    Raises
    ------
    InputError
        If another program wrote the file, or another version of the format.
    """
    if "uns" not in file or OURS not in file["uns"] or MANIFEST not in file["uns"][OURS]:
        raise InputError(
            "was not written by metarisk: its uns has no metarisk",
            expected="a cohort written by write_h5mu or write_h5ad",
            do="Read it through a study file (format: tables): its obs as clinical_file, its matrices as "
            "assays with their unit.",
        )
    manifest: dict[str, Any] = json.loads(file["uns"][OURS][MANIFEST].asstr()[()])
    version = manifest.get("format_version")
    if version != FORMAT_VERSION:
        raise InputError(
            f"is of format version {version}",
            expected=f"version {FORMAT_VERSION}",
            do="Read it with the metarisk that wrote it, or write it again from its study.",
        )
    return manifest


def rows_with(table: AssayTable) -> NDArray[np.bool_]:
    """True where a sample has the assay, shape (N,): a declared unit, a panel, or any value."""
    values = ~np.isnan(table.values).all(axis=(1, 2))
    return np.asarray((table.units != "") | (table.panels != "") | values, dtype=bool)
