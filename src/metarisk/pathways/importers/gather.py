"""From a provider's rows to a topology: names resolved, complexes spelled out, the rules counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from metarisk.errors import TopologyError, first_ten
from metarisk.pathways.edges import RELATIONS, EdgeColumns
from metarisk.pathways.hierarchy import GeneSets
from metarisk.pathways.importers.report import Imported, ImportReport, Resolve, as_is
from metarisk.pathways.topology import topology_from_columns

if TYPE_CHECKING:
    import pandas as pd

RELATION_INDEX = {relation: index for index, relation in enumerate(RELATIONS)}


@dataclass(frozen=True)
class Origin:
    """Where rows come from.

    Attributes
    ----------
    provider, file
        Who, and the name of the file.
    licences
        Terms, as they enter the topology.
    rows_read
        Rows of the file.
    skipped
        Rows that a rule of the importer left out, by reason.
    notes
        Sentences for the report.
    """

    provider: str
    file: str
    licences: tuple[str, ...]
    rows_read: int
    skipped: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def gather(
    origin: Origin,
    edges: EdgeColumns | None = None,
    sets: GeneSets | None = None,
    resolve: Resolve | None = None,
) -> Imported:
    """Topology of rows whose genes stand under the provider's names, and the report on them.

    An edge or membership of a name that is no gene is left out and the name reported; what is left settles
    by the rule of `metarisk.pathways.edges.settle`.

    Raises
    ------
    TopologyError
        If nothing is left, since then the names are of another kind, or if the hierarchy has a cycle.
    """
    edges, sets = edges or EdgeColumns.empty(), sets or GeneSets()
    membership = list(sets.membership)
    names = sorted({*edges.genes, *(gene for _, gene in membership)})
    symbols = _resolved(origin, names, resolve or as_is)
    known, unresolved_edges, self_loops = _rename(edges, symbols)
    kept = [(pathway, symbols[gene]) for pathway, gene in membership if gene in symbols]
    topology, tally = topology_from_columns(
        origin.provider, known, replace(sets, membership=kept), origin.licences
    )
    report = ImportReport(
        provider=origin.provider,
        file=origin.file,
        rows_read=origin.rows_read,
        skipped=dict(origin.skipped),
        edges_kept=tally.kept,
        self_loops=self_loops,
        duplicates=tally.duplicates,
        conflicts=tally.conflicts,
        conflicting=tally.conflicting,
        unresolved=tuple(name for name in names if name not in symbols),
        edges_unresolved=unresolved_edges,
        pathways_kept=topology.n_pathways,
        memberships_kept=len(topology.member_gene),
        notes=origin.notes,
    )
    return Imported(topology, report)


def columns_of(frame: pd.DataFrame) -> EdgeColumns:
    """Edge columns of a frame with text in source and target, a relation by name, and a sign."""
    import pandas as pd

    codes, names = pd.factorize(np.concatenate([frame["source"].to_numpy(), frame["target"].to_numpy()]))
    E = len(frame)
    return EdgeColumns(
        genes=tuple(str(name) for name in names),
        source=codes[:E].astype(np.int32),
        target=codes[E:].astype(np.int32),
        relation=frame["relation"].map(RELATION_INDEX).to_numpy().astype(np.int8),
        sign=frame["sign"].to_numpy().astype(np.int8),
    )


def spell_out(frame: pd.DataFrame, members: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Rows with each complex in source or target replaced by its members, one row a pair."""
    for end in ("source", "target"):
        names = [tuple(members.get(name, (name,))) for name in frame[end]]
        frame = frame.drop(columns=end)
        frame[end] = names
        frame = frame.explode(end, ignore_index=True)
    return frame


def both_ways(frame: pd.DataFrame, undirected: Any) -> pd.DataFrame:
    """Rows with every undirected one repeated the other way round."""
    import pandas as pd

    back = frame[undirected]
    back = back.assign(source=back["target"], target=back["source"])
    doubled: pd.DataFrame = pd.concat([frame, back], ignore_index=True)
    return doubled


def undirected_columns(edges: EdgeColumns) -> EdgeColumns:
    """Every edge in both directions."""
    return replace(
        edges,
        source=np.concatenate([edges.source, edges.target]),
        target=np.concatenate([edges.target, edges.source]),
        relation=np.tile(edges.relation, 2),
        sign=np.tile(edges.sign, 2),
    )


def _resolved(origin: Origin, names: Iterable[str], resolve: Resolve) -> dict[str, str]:
    found = {name: symbol for name in names if (symbol := resolve(name))}
    if not found:
        what = first_ten(names) or "no row was kept"
        raise TopologyError(
            f"{origin.provider}: {origin.file} gave no gene ({what})",
            expected="names that the gene table resolves",
            do="Check the kind of ids in the file and the table of genes given.",
        )
    return found


def _rename(edges: EdgeColumns, symbols: Mapping[str, str]) -> tuple[EdgeColumns, int, int]:
    """Edges over approved symbols; how many were left out since an end is no gene; how many were loops."""
    genes = sorted({symbols[name] for name in edges.genes if name in symbols})
    place = {gene: index for index, gene in enumerate(genes)}
    moved: NDArray[np.int32] = np.array(
        [place[symbols[name]] if name in symbols else -1 for name in edges.genes], dtype=np.int32
    )
    source, target = moved[edges.source], moved[edges.target]
    known = (source >= 0) & (target >= 0)
    proper = known & (source != target)
    seen = np.zeros(len(genes), dtype=bool)
    seen[source[proper]], seen[target[proper]] = True, True
    place_seen = (np.cumsum(seen) - 1).astype(np.int32)
    renamed = EdgeColumns(
        genes=tuple(gene for gene, used in zip(genes, seen, strict=True) if used),
        source=place_seen[source[proper]],
        target=place_seen[target[proper]],
        relation=edges.relation[proper],
        sign=edges.sign[proper],
    )
    return renamed, int((~known).sum()), int(known.sum() - proper.sum())
