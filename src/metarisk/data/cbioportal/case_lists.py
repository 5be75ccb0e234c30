"""Case lists: which samples a study calls measured, assay by assay."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metarisk.data.cbioportal.meta import read_fields
from metarisk.data.found import Found, error
from metarisk.errors import first_ten
from metarisk.schema.assays import Assay

FOLDER = "case_lists"
# Assay <- the category that a list names, the end of its stable id, or the file name that stands for it.
CATEGORY_OF = {
    "all_cases_with_mutation_data": Assay.MUTATION,
    "all_cases_with_cna_data": Assay.COPY_NUMBER,
    "all_cases_with_sv_data": Assay.FUSION,
}
SUFFIX_OF = {"_sequenced": Assay.MUTATION, "_cna": Assay.COPY_NUMBER, "_sv": Assay.FUSION}
FILE_OF = {
    "cases_sequenced.txt": Assay.MUTATION,
    "cases_cna.txt": Assay.COPY_NUMBER,
    "cases_sv.txt": Assay.FUSION,
}
# A list of sequenced samples stands for these too, where they have none of their own.
_AS_SEQUENCED = (Assay.FUSION,)


def tell_samples_lost(folder: Path, samples: NDArray[np.str_], found: Found) -> None:
    """Refuse a study whose lists name samples that its clinical table does not have: the table was cut.

    Parameters
    ----------
    folder
        The study's folder.
    samples
        Every sample of the clinical table, shape (N,).
    found
        Receives one error a list; a list that cannot be read is told by `read_case_lists`.
    """
    known = frozenset(samples.tolist())
    unread: Found = []
    for path in sorted((folder / FOLDER).glob("*.txt")):
        listed = read_fields(path, unread).get("case_list_ids", "").split()
        lost = [sample for sample in listed if sample not in known]
        if lost:
            message = f"lists {len(lost)} samples that the clinical table does not have ({first_ten(lost)})"
            do = "The table looks cut: fetch it again, or take these samples off the list."
            found.append(error(f"{FOLDER}/{path.name}", message, do))


def read_case_lists(folder: Path, found: Found) -> Mapping[Assay, frozenset[str]]:
    """Samples of each assay's case list; an assay without a list is absent.

    Parameters
    ----------
    folder
        The study's folder.
    found
        Receives why a list cannot be read.
    """
    listed: dict[Assay, frozenset[str]] = {}
    for path in sorted((folder / FOLDER).glob("*.txt")):
        fields = read_fields(path, found)
        assay = _assay_of(fields, path.name)
        if assay is not None and "case_list_ids" in fields:
            ids = frozenset(fields["case_list_ids"].split())
            listed[assay] = listed.get(assay, frozenset()) | ids
    if Assay.MUTATION in listed:
        for assay in _AS_SEQUENCED:
            listed.setdefault(assay, listed[Assay.MUTATION])
    return listed


def _assay_of(fields: Mapping[str, str], file: str) -> Assay | None:
    category = fields.get("case_list_category", "")
    if category in CATEGORY_OF:
        return CATEGORY_OF[category]
    stable_id = fields.get("stable_id", "")
    by_suffix = (assay for suffix, assay in SUFFIX_OF.items() if stable_id.endswith(suffix))
    return next(by_suffix, FILE_OF.get(file))
