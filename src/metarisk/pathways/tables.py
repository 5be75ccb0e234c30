"""The five parquet tables of a topology, written and read in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from metarisk.errors import TopologyError
from metarisk.pathways.edges import RELATIONS, IntArray
from metarisk.pathways.topology import Topology

if TYPE_CHECKING:
    import pyarrow as pa

TABLES = ("genes", "edges", "pathways", "membership", "hierarchy")
ROWS_AT_ONCE = 1 << 20

EdgeArrays = dict[str, np.ndarray[Any, Any]]


def write_tables(topology: Topology, folder: Path) -> None:
    """Write the five tables of a topology, edges a block at a time, with page checksums."""
    import pyarrow as pa

    T = topology
    _write_table(folder / "genes.parquet", _whole({"symbol": pa.array(T.genes, pa.string())}))
    _write_table(folder / "edges.parquet", _edge_tables(T))
    titles = T.titles or T.pathways
    _write_table(
        folder / "pathways.parquet",
        _whole({"id": pa.array(T.pathways, pa.string()), "title": pa.array(titles, pa.string())}),
    )
    _write_table(
        folder / "membership.parquet",
        _whole({"pathway": pa.array(T.member_pathway), "gene": pa.array(T.member_gene)}),
    )
    _write_table(
        folder / "hierarchy.parquet",
        _whole({"child": pa.array(T.parents[:, 0].copy()), "parent": pa.array(T.parents[:, 1].copy())}),
    )


def _whole(columns: dict[str, Any]) -> Iterator[pa.Table]:
    import pyarrow as pa

    yield pa.table(columns)


def _edge_tables(topology: Topology) -> Iterator[pa.Table]:
    """Edges a block at a time, so that writing needs the memory of one block."""
    import pyarrow as pa

    edges = topology.edges
    for start in range(0, max(topology.n_edges, 1), ROWS_AT_ONCE):
        block = slice(start, start + ROWS_AT_ONCE)
        yield pa.table(
            {
                "source": pa.array(edges.source[block], pa.int32()),
                "target": pa.array(edges.target[block], pa.int32()),
                "relation": pa.array(edges.relation[block], pa.int8()),
                "sign": pa.array(edges.sign[block], pa.int8()),
            }
        )


def _write_table(path: Path, blocks: Iterator[pa.Table]) -> None:
    import pyarrow.parquet as pq

    first = next(blocks)
    with (
        path.open("wb") as stream,
        pq.ParquetWriter(
            stream, first.schema, compression="zstd", write_page_checksum=True, store_schema=False
        ) as writer,
    ):
        writer.write_table(first)
        for block in blocks:
            writer.write_table(block)


def read_tables(folder: Path, relations: Sequence[str]) -> Topology:
    """Topology of the five tables, with the folder's name and no licences.

    Parameters
    ----------
    folder
        Where the tables are.
    relations
        Names that the relation column's numbers stand for.

    Raises
    ------
    TopologyError
        If a relation is not one of `RELATIONS`, or an index points outside.
    """
    genes = _column(folder / "genes.parquet", "symbol")
    pathways = folder / "pathways.parquet"
    edges = _read_edges(folder / "edges.parquet", relations)
    hierarchy = folder / "hierarchy.parquet"
    parents = np.stack([_indices(hierarchy, "child"), _indices(hierarchy, "parent")], axis=1)
    return Topology(
        name=folder.name,
        genes=genes,
        source=edges["source"],
        target=edges["target"],
        relation=edges["relation"],
        sign=edges["sign"],
        pathways=_column(pathways, "id"),
        member_pathway=_indices(folder / "membership.parquet", "pathway"),
        member_gene=_indices(folder / "membership.parquet", "gene"),
        parents=parents,
        titles=_column(pathways, "title"),
    )


def _read_edges(path: Path, relations: Sequence[str]) -> EdgeArrays:
    """Edges a block at a time into arrays of their final size; relations by name, not by number."""
    import pyarrow.parquet as pq

    place = _relation_places(path, relations)
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        E = file.metadata.num_rows
        arrays = {
            name: np.empty(E, dtype)
            for name, dtype in (
                ("source", np.int32),
                ("target", np.int32),
                ("relation", np.int8),
                ("sign", np.int8),
            )
        }
        start = 0
        for batch in file.iter_batches(batch_size=ROWS_AT_ONCE):
            for name, array in arrays.items():
                array[start : start + len(batch)] = batch.column(name).to_numpy(zero_copy_only=False)
            start += len(batch)
    arrays["relation"] = place[arrays["relation"]]
    return arrays


def _relation_places(path: Path, names: Sequence[str]) -> np.ndarray[Any, Any]:
    unknown = [name for name in names if name not in RELATIONS]
    if unknown:
        raise TopologyError(
            f"{path.parent.name}: relation {unknown[0]!r} is not known",
            expected=f"relations among {', '.join(RELATIONS)}",
            do="Install the metarisk that wrote this topology, or build it again.",
        )
    return np.array([RELATIONS.index(name) for name in names], dtype=np.int8)


def _column(path: Path, name: str) -> tuple[str, ...]:
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=[name], page_checksum_verification=True, use_threads=False)
    return tuple(table.column(name).to_pylist())


def _indices(path: Path, name: str) -> IntArray:
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=[name], page_checksum_verification=True, use_threads=False)
    indices: IntArray = table.column(name).to_numpy().astype(np.int32)
    return indices
