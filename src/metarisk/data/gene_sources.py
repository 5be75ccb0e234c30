"""Files that gene tables are read from: the embedded one, a symbol list, HGNC's complete set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import pandas as pd

from metarisk.data.found import Found
from metarisk.data.gene_names import damaged_by_spreadsheet
from metarisk.data.genes import EMBEDDED, GeneTable
from metarisk.data.text import read_text
from metarisk.errors import InputError

Names = Mapping[str, frozenset[str]]


@cache
def read_embedded(path: Path) -> GeneTable:
    """The package's table: columns ``alias, symbol, kind`` (previous or alias)."""
    frame = _frame(path)
    kind = frame["kind"]
    approved = frozenset(frame["symbol"])
    return GeneTable(
        approved,
        previous=_without(_collect(frame[kind == "previous"], "alias", "symbol"), approved),
        aliases=_without(_collect(frame[kind == "alias"], "alias", "symbol"), approved),
    )


def read_hgnc(path: Path) -> GeneTable:
    """A table of genes, in one of three forms; raises `InputError` if it is none of them.

    One row a name (columns ``Symbol`` and ``Approved.Symbol``); one row a gene as HGNC ships it (``symbol``,
    ``prev_symbol``, ``alias_symbol``, ``entrez_id``, ``ensembl_gene_id``; several values are separated by
    ``|``); or the ids of some genes (``symbol``, ``entrez``), beside the package's own symbols. Names that a
    spreadsheet turned into dates are left out.
    """
    frame = _frame(path)
    if {"Symbol", "Approved.Symbol"} <= set(frame.columns):
        return _from_symbol_list(frame)
    if {"symbol", "prev_symbol", "alias_symbol"} <= set(frame.columns):
        return _from_complete_set(frame)
    if {"symbol", "entrez"} <= set(frame.columns):
        return _from_ids(frame)
    raise InputError(
        f"{path.name}: its columns are {', '.join(map(str, frame.columns[:8]))}",
        expected="Symbol and Approved.Symbol, or symbol, prev_symbol and alias_symbol, or symbol and entrez",
        do="Download hgnc_complete_set.txt, or name these columns.",
    )


def _from_symbol_list(frame: pd.DataFrame) -> GeneTable:
    """A list that does not tell former symbols from nicknames; the embedded table breaks ties it knows."""
    listed = frame[["Symbol", "Approved.Symbol"]]
    damaged = list(filter(_is_damaged, set(listed.to_numpy().ravel())))
    sound = listed[~listed.isin(damaged).any(axis=1)] if damaged else listed
    embedded = read_embedded(EMBEDDED)
    sound = _brought_up_to_date(sound, embedded.previous)
    approved = frozenset(sound["Approved.Symbol"])
    names = {**_collect(sound, "Symbol", "Approved.Symbol"), **_settled(embedded.aliases, approved)}
    previous = _without(_settled(embedded.previous, approved), approved)
    return GeneTable(approved, previous=previous, aliases=_without(names, approved), complete=True)


def _brought_up_to_date(frame: pd.DataFrame, previous: Names) -> pd.DataFrame:
    """A list older than the package: what it still calls approved takes the newer symbol."""
    approved = set(frame["Approved.Symbol"])
    newer = {old: next(iter(new)) for old, new in previous.items() if old in approved and not new & approved}
    return frame.assign(
        **{"Approved.Symbol": [newer.get(symbol, symbol) for symbol in frame["Approved.Symbol"]]}
    )


def _settled(names: Names, approved: frozenset[str]) -> Names:
    return {name: meant for name, meant in names.items() if len(meant) == 1 and meant <= approved}


def _from_complete_set(frame: pd.DataFrame) -> GeneTable:
    approved = frozenset(frame["symbol"])
    return GeneTable(
        approved,
        previous=_without(_split(frame, "prev_symbol"), approved),
        aliases=_without(_split(frame, "alias_symbol"), approved),
        entrez=_ids(frame, "entrez_id"),
        ensembl=_ids(frame, "ensembl_gene_id"),
        complete=True,
    )


def _from_ids(frame: pd.DataFrame) -> GeneTable:
    """Not complete: a symbol that it does not list may still be one."""
    embedded = read_embedded(EMBEDDED)
    # Tables that were written from floats have 7157.0.
    ids = frame.assign(entrez=frame["entrez"].str.removesuffix(".0"))
    sound = _brought_up_to_date(ids.rename(columns={"symbol": "Approved.Symbol"}), embedded.previous)
    approved = embedded.approved | frozenset(sound["Approved.Symbol"])
    return replace(
        embedded,
        approved=approved,
        previous=_without(embedded.previous, approved),
        aliases=_without(embedded.aliases, approved),
        entrez=_ids(sound.rename(columns={"Approved.Symbol": "symbol"}), "entrez"),
    )


def read_gene_list(path: Path, genes: GeneTable) -> frozenset[str]:
    """Approved symbols of a list of genes: its column ``symbol``, else its first column.

    Raises
    ------
    InputError
        If the file is no table, or names no gene.
    """
    frame = _frame(path)
    column = "symbol" if "symbol" in frame.columns else frame.columns[0]
    symbols = frozenset(genes.resolve(frame[column], file=path.name).by_name.values())
    if not symbols:
        raise InputError(
            f"{path.name}: its column {column} names no gene",
            expected="gene symbols in a column symbol, or in the first one",
            do="Correct `only_genes` in the study file.",
        )
    return symbols


def _frame(path: Path) -> pd.DataFrame:
    found: Found = []
    table = read_text(path, found)
    if table is None:
        raise InputError(f"{path.name}: {found[0].message}", do=found[0].do)
    return table.frame


def _is_damaged(name: str) -> bool:
    return "-" in name and damaged_by_spreadsheet(name) is not None


def _collect(frame: pd.DataFrame, name: str, symbol: str) -> Names:
    return _grouped(zip(frame[name], frame[symbol], strict=True))


def _split(frame: pd.DataFrame, column: str) -> Names:
    return _grouped(
        (name, symbol)
        for names, symbol in zip(frame[column], frame["symbol"], strict=True)
        for name in names.strip('"').split("|")
        if name
    )


def _grouped(pairs: Iterable[tuple[str, str]]) -> Names:
    """What each name may mean; nearly all names mean one gene, whose set they share."""
    alone: dict[str, frozenset[str]] = {}
    collected: dict[str, frozenset[str]] = {}
    for name, symbol in pairs:
        if name != symbol:
            meant = alone.get(symbol) or alone.setdefault(symbol, frozenset((symbol,)))
            known = collected.setdefault(name, meant)
            if known is not meant:
                collected[name] = known | meant
    return collected


def _without(names: Names, approved: frozenset[str]) -> Names:
    """An approved symbol means its own gene, whatever else it was once used for."""
    return {name: meant for name, meant in names.items() if name not in approved}


def _ids(frame: pd.DataFrame, column: str) -> dict[str, str]:
    if column not in frame.columns:
        return {}
    known = frame[frame[column] != ""]
    return dict(zip(known[column], known["symbol"], strict=True))
