"""STRING: links between proteins, cut by score, streamed in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from metarisk.errors import TopologyError
from metarisk.pathways.edges import EdgeColumns
from metarisk.pathways.importers.gather import RELATION_INDEX, Origin, gather, undirected_columns
from metarisk.pathways.importers.reading import first_columns, text_lines
from metarisk.pathways.importers.report import Imported, Resolve, as_is

if TYPE_CHECKING:
    import pyarrow as pa

LICENCE = "CC BY 4.0 (STRING)"
BLOCK_BYTES = 1 << 22
ALIAS_SOURCE = "Ensembl_HGNC_symbol"


def read_string(
    links: Path,
    *,
    names: Path | None = None,
    min_score: int = 700,
    channels: Mapping[str, int] | None = None,
    relation: str = "association",
    resolve: Resolve | None = None,
) -> Imported:
    """STRING's links as unsigned edges, both ways.

    A link stays if its combined score reaches ``min_score`` and, where channels are given, any of them
    reaches its own cut.

    Parameters
    ----------
    links
        ``<taxon>.protein.links[.detailed|.full].v*.txt[.gz]``, separated by spaces.
    names
        ``protein.info`` or ``protein.aliases`` of the same version: turns STRING's ids into names before
        ``resolve`` sees them.
    min_score
        Combined score, 0 .. 1000.
    channels
        Column of the detailed file to its cut, such as ``{"experimental": 400, "database": 900}``.
    relation
        ``association``, or ``binding`` for the physical subnetwork.
    resolve
        Name to approved symbol.

    Raises
    ------
    TopologyError
        If a column is missing or the file cannot be read.
    """
    channels = dict(channels or {})
    _check_columns(links, ("protein1", "protein2", "combined_score", *channels))
    read, edges = _stream(links, min_score, channels, RELATION_INDEX[relation])
    kept = len(edges.source)
    origin = Origin("STRING", links.name, (LICENCE,), read, {"the scores are under the cut": read - kept})
    symbols = string_names(names) if names else {}
    onward = resolve or as_is
    return gather(
        origin, undirected_columns(edges), resolve=lambda protein: onward(symbols.get(protein, protein))
    )


def string_names(path: Path, source: str = ALIAS_SOURCE) -> dict[str, str]:
    """Name of each STRING protein, from its ``protein.info`` or ``protein.aliases`` file.

    Parameters
    ----------
    path
        Tab-separated, header ``#string_protein_id`` first.
    source
        Which of the aliases to take; of several the first in the file.

    Raises
    ------
    TopologyError
        If the file is neither, or has no alias of that source.
    """
    header = first_columns(path, "\t")
    rows = (line.split("\t") for number, line in text_lines(path) if number > 1)
    if "preferred_name" in header:
        at = header.index("preferred_name")
        return {row[0]: row[at] for row in rows}
    if header[:3] != ["string_protein_id", "alias", "source"]:
        raise TopologyError(
            f"{path.name} has the columns {', '.join(header)}",
            expected="those of STRING's protein.info or protein.aliases",
            do="Download one of the two for the same version as the links.",
        )
    found: dict[str, str] = {}
    for row in rows:
        if source in row[2].split():
            found.setdefault(row[0], row[1])
    if not found:
        raise TopologyError(
            f"{path.name} has no alias of the source {source!r}",
            do="Name one of the sources in its third column.",
        )
    return found


def _check_columns(path: Path, columns: tuple[str, ...]) -> None:
    header = first_columns(path, " ")
    missing = [column for column in columns if column not in header]
    if missing:
        raise TopologyError(
            f"{path.name} lacks the columns {', '.join(missing)}",
            expected=f"{', '.join(columns)} separated by spaces",
            do="Channels are in the detailed file; download protein.links.detailed.",
        )


def _stream(
    path: Path, min_score: int, channels: Mapping[str, int], relation: int
) -> tuple[int, EdgeColumns]:
    """Rows read, and the links that pass, a block at a time."""
    places: dict[str, int] = {}
    sources, targets, read = [], [], 0
    for block in _blocks(path, ["protein1", "protein2", "combined_score", *channels]):
        read += block.num_rows
        passing = block.filter(_passes(block, min_score, channels))
        sources.append(_codes(passing.column(0), places))
        targets.append(_codes(passing.column(1), places))
    source, target = np.concatenate(sources), np.concatenate(targets)
    same = np.full(len(source), relation, dtype=np.int8)
    return read, EdgeColumns(tuple(places), source, target, same, np.zeros(len(source), dtype=np.int8))


def _blocks(path: Path, columns: list[str]) -> Any:
    import pyarrow as pa
    from pyarrow import csv

    text = dict.fromkeys(columns[:2], pa.string())
    numbers = dict.fromkeys(columns[2:], pa.int32())
    try:
        yield from csv.open_csv(
            path,
            read_options=csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False),
            parse_options=csv.ParseOptions(delimiter=" "),
            convert_options=csv.ConvertOptions(include_columns=columns, column_types={**text, **numbers}),
        )
    except (pa.ArrowInvalid, OSError) as error:
        raise TopologyError(
            f"{path.name} cannot be read ({' '.join(str(error).split())})",
            expected="STRING's links, scores as whole numbers",
            do="The file is cut or damaged; download it again.",
        ) from error


def _passes(block: pa.RecordBatch, min_score: int, channels: Mapping[str, int]) -> pa.Array:
    import pyarrow.compute as pc

    passing = pc.greater_equal(block.column("combined_score"), min_score)
    if not channels:
        return passing
    some = None
    for channel, cut in channels.items():
        enough = pc.greater_equal(block.column(channel), cut)
        some = enough if some is None else pc.or_(some, enough)
    return pc.and_(passing, some)


def _codes(column: pa.Array, places: dict[str, int]) -> NDArray[np.int32]:
    encoded = column.dictionary_encode()
    local = [places.setdefault(name, len(places)) for name in encoded.dictionary.to_pylist()]
    codes: NDArray[np.int32] = np.array(local, dtype=np.int32)[encoded.indices.to_numpy()]
    return codes
