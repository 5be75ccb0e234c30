"""The lists of alterations of a study folder, mutations and fusions, to tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from metarisk.data.calls import Calls, table_of_calls
from metarisk.data.cbioportal.fusions import read_old_fusions, read_structural_variants
from metarisk.data.cbioportal.meta import Meta
from metarisk.data.cbioportal.mutations import read_mutations
from metarisk.data.cbioportal.scope import Scope
from metarisk.data.cohort import AssayTable
from metarisk.data.found import Found, error, warning
from metarisk.data.panels import Panels
from metarisk.data.profile import Seen, inferred_panels, profile_of, tell_inferred
from metarisk.data.setting import Setting
from metarisk.data.source import tell_unknown_samples
from metarisk.errors import first_ten
from metarisk.schema.assays import Assay

Reader = Callable[[Path, Setting, Found], Calls | None]

# In this order: where no file describes a panel, mutations tell what it measures, for fusions too. Of two
# kinds that give one assay the first is read.
READERS: dict[str, tuple[Assay, Reader]] = {
    "MUTATION_EXTENDED": (Assay.MUTATION, read_mutations),
    "STRUCTURAL_VARIANT": (Assay.FUSION, read_structural_variants),
    "FUSION": (Assay.FUSION, read_old_fusions),
}


def read_alterations(metas: Sequence[Meta], scope: Scope, found: Found) -> tuple[list[AssayTable], str]:
    """Tables of every list that can be read, and the genome build of their positions (empty if unknown)."""
    tables: list[AssayTable] = []
    builds: list[str] = []
    panels = scope.panels
    for meta, (assay, read) in _chosen(metas, found):
        calls = read(meta.file, scope.setting, found)
        if calls is not None:
            builds.append(calls.build)
            panels = panels or _inferred(assay, calls, scope, meta, found)
            tables.append(_table(assay, calls, replace(scope, panels=panels), meta, found))
    return tables, _one_build(builds, scope.setting.folder.name, found)


def _chosen(metas: Sequence[Meta], found: Found) -> list[tuple[Meta, tuple[Assay, Reader]]]:
    """One file an assay, in the order of the readers; the others are told."""
    taken: dict[Assay, Meta] = {}
    chosen = []
    for kind, (assay, read) in READERS.items():
        for meta in (meta for meta in metas if meta.kind == kind):
            first = taken.setdefault(assay, meta)
            if first is meta:
                chosen.append((meta, (assay, read)))
            else:
                message = f"was not read: another file gives {assay} ({first.file.name})"
                found.append(warning(meta.file.name, message, "Unite the two files, or remove one of them."))
    return chosen


def _inferred(assay: Assay, calls: Calls, scope: Scope, meta: Meta, found: Found) -> Panels:
    names = scope.panel_names(assay, meta, calls.samples)
    panels = inferred_panels(names, Seen(calls.samples, calls.genes))
    if panels:
        tell_inferred(panels, meta.file.name, found)
    return panels


def _table(assay: Assay, calls: Calls, scope: Scope, meta: Meta, found: Found) -> AssayTable:
    file = meta.file.name
    tell_unknown_samples(calls.samples, scope.samples, scope.left_out, file, found)
    scope.tell_panel_source(assay, meta, found)
    scope.tell_unassigned(assay, meta, calls.samples, found)
    names = scope.panel_names(assay, meta, calls.samples)
    if scope.panels and names.eq("").any():
        message = f"nothing says which sample was measured on which of the panels {first_ten(scope.panels)}"
        do = "Add this profile to the gene panel matrix, or gene_panel to its meta file, or drop the panels."
        found.append(error(file, message, do))
    profile = profile_of(names, scope.panels, Seen(calls.samples, calls.genes), file, found)
    return table_of_calls(assay, calls, profile, file, found)


def _one_build(builds: Sequence[str], folder: str, found: Found) -> str:
    known = sorted(set(builds) - {""})
    if len(known) > 1:
        message = f"holds positions of two genome builds ({', '.join(known)})"
        found.append(error(folder, message, "Lift one of the files over, or remove its positions."))
    return known[0] if known else ""
