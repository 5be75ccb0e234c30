"""Several cohorts as one: what a cohort does not measure, know or record stays unknown for its samples."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.cohort import AssayTable, Cohort, Provenance
from metarisk.data.dated import unite_dated
from metarisk.data.digest import digest_of_text
from metarisk.data.found import Found, warning
from metarisk.errors import ConfigError, first_ten
from metarisk.schema.assays import ASSAYS, Assay
from metarisk.schema.clinical import COHORT

BETWEEN = ":"
# What a licence forbids by its words, strictest first; one with none of these words is unclear, so strictest.
_STRICTNESS = tuple(
    re.compile(words)
    for words in (
        r"not stated|unclear|^$",
        r"\bnc-nd\b",
        r"\bnc\b|non-?commercial|research (use )?only",
        r"\bnd\b|no-?deriv",
        r"\bsa\b|\bgpl",
        r"\bby\b|\bapache|\bmit\b|\bopen\b",
        r"\bcc0\b|public domain",
    )
)


class Part(NamedTuple):
    """One of the cohorts that are joined.

    Attributes
    ----------
    name
        What it is called in ids and in the clinical column ``cohort``.
    cohort
        Its samples.
    shares_patients
        Its patient ids name the same people as those of the other parts that say so.
    """

    name: str
    cohort: Cohort
    shares_patients: bool = False


def join_cohorts(parts: Sequence[Part], found: Found) -> Cohort:
    """One cohort of all samples: the union of genes, clinical columns and endpoints.

    A gene that a cohort did not measure is NaN for its samples, never wild type; so is an endpoint that it
    does not know. Each sample keeps its own unit and panel. Sample ids become ``cohort:id``, and patient ids
    too unless the cohort shares its patients. Each table is filled once, in place: beside the parts, the
    memory is that of the result.

    Parameters
    ----------
    parts
        At least one, under names of their own.
    found
        Receives people who are in several cohorts.

    Raises
    ------
    ConfigError
        If two cohorts have one name.
    InputError
        If a joined table cannot be a cohort's.
    """
    _check_names(parts)
    _tell_shared(parts, found)
    index = pd.Index(np.concatenate([_sample_ids(part) for part in parts]), name="sample_id", dtype=object)
    clinical = _stack([part.cohort.clinical for part in parts], index)
    clinical["patient_id"] = np.concatenate([_patient_ids(part) for part in parts]).astype(object)
    clinical[COHORT] = np.repeat([part.name for part in parts], _sizes(parts)).astype(object)
    assays = [_join_assay(assay, parts, index) for assay in Assay if any(_has(part, assay) for part in parts)]
    endpoints = _stack([part.cohort.endpoints for part in parts], index)
    dated = unite_dated(*(_dated(part) for part in parts))
    return Cohort.join(clinical, assays, endpoints, _provenance(parts), dated)


def own_patient_ids(cohort: Cohort) -> NDArray[np.str_]:
    """Patient ids as each study has them, without the name of a joined cohort, shape (N,)."""
    ids = cohort.patient_ids
    if COHORT not in cohort.clinical:
        return ids
    marks = cohort.clinical[COHORT].astype(str) + BETWEEN
    return np.array([name.removeprefix(mark) for name, mark in zip(ids, marks, strict=True)], dtype=str)


def strictest_licence(licences: Sequence[str]) -> str:
    """The licence that forbids most, by its words; one that says none of the known words forbids most."""
    return min(licences, key=_strictness)


def _strictness(licence: str) -> int:
    ranks = (rank for rank, words in enumerate(_STRICTNESS) if words.search(licence.lower()))
    return next(ranks, 0)


def _check_names(parts: Sequence[Part]) -> None:
    names = [part.name for part in parts]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated or any(BETWEEN in name for name in names):
        raise ConfigError(
            f"cohorts are called {', '.join(names)}",
            expected=f"a name of its own for each, without {BETWEEN!r}",
            do="Set cohorts.name.",
        )


def _tell_shared(parts: Sequence[Part], found: Found) -> None:
    """Say how many people, and how many samples by their own ids, are in several of the cohorts."""
    sharing = [part for part in parts if part.shares_patients]
    for kind in ("patient", "sample"):
        ids = [np.unique(getattr(part.cohort, f"{kind}_ids")) for part in sharing]
        own, count = np.unique(np.concatenate(ids), return_counts=True) if ids else (np.empty(0), np.empty(0))
        repeated = int((count > 1).sum())
        if repeated:
            names = ", ".join(part.name for part in sharing)
            message = f"{repeated} of {len(own)} {kind}s are in several of {names}"
            do = "Each is on one side of every split; their rows all count."
            found.append(warning("cohorts", message, do))


def _sizes(parts: Sequence[Part]) -> list[int]:
    return [len(part.cohort) for part in parts]


def _has(part: Part, assay: Assay) -> bool:
    return assay in part.cohort.assays


def _marked(part: Part, ids: NDArray[np.str_]) -> NDArray[np.str_]:
    return np.char.add(f"{part.name}{BETWEEN}", ids)


def _sample_ids(part: Part) -> NDArray[np.str_]:
    return _marked(part, part.cohort.sample_ids)


def _patient_ids(part: Part) -> NDArray[np.str_]:
    ids = part.cohort.patient_ids
    return ids if part.shares_patients else _marked(part, ids)


def _dated(part: Part) -> pd.DataFrame:
    dated = part.cohort.dated
    if part.shares_patients or dated.empty:
        return dated
    return dated.assign(patient_id=_marked(part, dated["patient_id"].to_numpy(dtype=str)).astype(object))


def _stack(frames: Sequence[pd.DataFrame], index: pd.Index[str]) -> pd.DataFrame:
    """Rows of all frames; a column that a frame lacks is unknown for its rows."""
    names = list(dict.fromkeys(str(name) for frame in frames for name in frame.columns))
    return pd.DataFrame({name: _stack_column(frames, name) for name in names}, index=index)


def _stack_column(frames: Sequence[pd.DataFrame], name: str) -> NDArray[np.float64] | NDArray[np.object_]:
    known = [frame[name] for frame in frames if name in frame.columns]
    numeric = all(pd.api.types.is_numeric_dtype(column) for column in known)
    stacked = np.full(sum(map(len, frames)), np.nan if numeric else None, dtype=float if numeric else object)
    start = 0
    for frame in frames:
        if name in frame.columns:
            stacked[start : start + len(frame)] = frame[name].to_numpy()
        start += len(frame)
    return stacked


def _join_assay(assay: Assay, parts: Sequence[Part], index: pd.Index[str]) -> AssayTable:
    tables = [part.cohort.assays.get(assay) for part in parts]
    genes = tuple(sorted({gene for table in tables if table is not None for gene in table.genes}))
    position = {gene: at for at, gene in enumerate(genes)}
    shape = (len(index), len(genes), len(ASSAYS[assay].channels))
    values = np.full(shape, np.nan, dtype=np.float32)
    units, panels = (np.full(shape[0], "", dtype=object) for _ in range(2))
    ends = np.cumsum([0, *_sizes(parts)])
    for table, (start, end) in zip(tables, pairwise(ends), strict=True):
        if table is not None:
            at = np.array([position[gene] for gene in table.genes], dtype=np.intp)
            values[start:end, at] = table.values
            units[start:end], panels[start:end] = table.units, table.panels
    sample_ids = index.to_numpy(dtype=str)
    return AssayTable(assay, sample_ids, genes, values, units.astype(str), panels.astype(str))


def _provenance(parts: Sequence[Part]) -> Provenance:
    sources: Mapping[str, Provenance] = {part.name: part.cohort.provenance for part in parts}
    licences = list(dict.fromkeys(source.licence for source in sources.values()))
    each = "; ".join(f"{name}: {source.licence}" for name, source in sources.items())
    builds = {source.build for source in sources.values() if source.build}
    return Provenance(
        name=first_ten(sources),
        licence=licences[0] if len(licences) == 1 else f"{strictest_licence(licences)} ({each})",
        sha256=digest_of_text([[name, source.sha256] for name, source in sources.items()]),
        build=builds.pop() if len(builds) == 1 else "",
    )
