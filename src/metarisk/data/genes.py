"""Gene names to approved symbols: former symbols, aliases, ids; damaged names are refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from metarisk.data.found import Found, error, warning
from metarisk.data.gene_names import (
    damaged_by_spreadsheet,
    ensembl_gene,
    is_mouse_style,
    looks_like_symbol,
    name_kind,
)
from metarisk.errors import InputError, first_ten
from metarisk.schema.findings import Finding

EMBEDDED = Path(__file__).with_name("gene_aliases.tsv")


@dataclass(frozen=True)
class Resolution:
    """What each name stands for.

    Attributes
    ----------
    names
        The names asked for, length G.
    symbols
        Approved symbol of each name, None where it has none, length G.
    counts
        Names by how they were resolved: ``approved``, ``previous``, ``alias``, ``entrez``, ``ensembl``,
        ``chosen`` (by the study file), ``unknown``, ``ambiguous``, ``damaged``, ``mouse``.
    findings
        What has to be told about them.
    """

    names: tuple[str, ...]
    symbols: tuple[str | None, ...]
    counts: Mapping[str, int]
    findings: tuple[Finding, ...]

    @cached_property
    def by_name(self) -> dict[str, str]:
        """Resolved names only: name to symbol."""
        return {
            name: symbol for name, symbol in zip(self.names, self.symbols, strict=True) if symbol is not None
        }


@dataclass(frozen=True)
class GeneTable:
    """Names that genes have had.

    Attributes
    ----------
    approved
        Approved symbols the table knows.
    previous, aliases
        Former symbol, or nickname -> the approved symbols it may mean. A former symbol of exactly one gene
        wins over a nickname of another.
    entrez, ensembl
        Ids -> approved symbol; empty where the source has no such column.
    complete
        True if a symbol that the table does not know is unknown; the embedded table is small, so there
        whatever looks like a symbol passes as approved.
    """

    approved: frozenset[str]
    previous: Mapping[str, frozenset[str]]
    aliases: Mapping[str, frozenset[str]]
    entrez: Mapping[str, str] = field(default_factory=dict)
    ensembl: Mapping[str, str] = field(default_factory=dict)
    complete: bool = False

    @staticmethod
    def embedded() -> GeneTable:
        """The small table in the package: panel genes and genes of metastasis circuits."""
        from metarisk.data.gene_sources import read_embedded

        return read_embedded(EMBEDDED)

    @staticmethod
    def from_hgnc(path: Path) -> GeneTable:
        """A table of columns ``Symbol, Approved.Symbol``, HGNC's own complete set, or ``symbol, entrez``.

        Raises
        ------
        InputError
            If the file is not such a table.
        """
        from metarisk.data.gene_sources import read_hgnc

        return read_hgnc(path)

    def resolve(
        self, names: Iterable[str], *, file: str = "genes", chosen: Mapping[str, str] | None = None
    ) -> Resolution:
        """Approved symbol of each name.

        Parameters
        ----------
        names
            As they stand in a file.
        file
            Name to tell findings under.
        chosen
            Name -> symbol, said by the study file; it wins.
        """
        asked = tuple(names)
        times = Counter(asked)
        answers = {name: self._one(name, chosen or {}) for name in times}
        counts: Counter[str] = Counter()
        for name, (kind, _) in answers.items():
            counts[kind] += times[name]
        symbol_of = {name: symbol for name, (_, symbol) in answers.items()}
        symbols = tuple(map(symbol_of.__getitem__, asked))
        return Resolution(asked, symbols, dict(counts), tuple(self._findings(answers, file)))

    def candidates(self, name: str) -> tuple[str, ...]:
        """Every approved symbol that a former symbol or alias may mean, sorted."""
        return tuple(sorted(self.previous.get(name, frozenset()) | self.aliases.get(name, frozenset())))

    def _one(self, name: str, chosen: Mapping[str, str]) -> tuple[str, str | None]:
        if name in chosen:
            return "chosen", chosen[name]
        kind = name_kind(name)
        if kind != "symbol":
            return self._by_id(name, kind)
        return self._by_symbol(name)

    def _by_id(self, name: str, kind: str) -> tuple[str, str | None]:
        known = self.entrez if kind == "entrez" else self.ensembl
        symbol = known.get(name if kind == "entrez" else ensembl_gene(name))
        if symbol is None:
            return (f"{kind}_unknown" if known else f"{kind}_table", None)
        return kind, symbol

    def _by_symbol(self, name: str) -> tuple[str, str | None]:
        if name in self.approved:
            return "approved", name
        for kind, known in (("previous", self.previous), ("alias", self.aliases)):
            meant = known.get(name, frozenset())
            if len(meant) == 1:
                return kind, next(iter(meant))
        if self.candidates(name):
            return "ambiguous", None
        if damaged_by_spreadsheet(name) is not None:
            return "damaged", None
        if is_mouse_style(name) and self._knows(name.upper()):
            return "mouse", None
        passes = not self.complete and looks_like_symbol(name)
        return ("approved", name) if passes else ("unknown", None)

    def _knows(self, name: str) -> bool:
        return name in self.approved or name in self.previous or name in self.aliases

    def _findings(self, answers: Mapping[str, tuple[str, str | None]], file: str) -> Found:
        of: dict[str, list[str]] = {}
        for name, (kind, _) in answers.items():
            of.setdefault(kind, []).append(name)
        found: Found = [_refused(file, kind, of[kind], len(answers)) for kind in _REFUSALS if kind in of]
        if "ambiguous" in of:
            found.append(self._ambiguous(file, of["ambiguous"]))
        found.extend(_mixed(file, of))
        renamed = [
            f"{name} -> {answers[name][1]}" for kind in ("previous", "alias") for name in of.get(kind, [])
        ]
        if renamed:
            counted = _counted({kind: len(of[kind]) for kind in ("previous", "alias") if kind in of})
            message = (
                f"{len(renamed)} names are not approved symbols and were mapped ({first_ten(renamed)}): "
                f"{counted}, of {len(answers)}"
            )
            found.append(warning(file, message, "Nothing to do; check a name that surprises you."))
        if "unknown" in of:
            message = f"{len(of['unknown'])} names are no known gene symbols ({first_ten(of['unknown'])})"
            found.append(warning(file, message, "They were left out; correct their spelling if they matter."))
        return found

    def _ambiguous(self, file: str, names: list[str]) -> Finding:
        told = [f"{name} = {' or '.join(self.candidates(name))}" for name in names]
        message = f"{len(names)} names are aliases of several genes ({first_ten(told)}) and were left out"
        return warning(file, message, "Say which one you mean under gene_names in the study file.")


_KINDS: dict[str, str] = {
    "approved": "approved symbols",
    "chosen": "chosen in the study file",
    "previous": "former symbols",
    "alias": "aliases",
    "entrez": "Entrez ids",
    "ensembl": "Ensembl ids",
    "entrez_unknown": "unknown Entrez ids",
    "ensembl_unknown": "unknown Ensembl ids",
    "entrez_table": "Entrez ids without a table",
    "ensembl_table": "Ensembl ids without a table",
    "unknown": "unknown",
    "ambiguous": "ambiguous",
}


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts[kind]} {words}" for kind, words in _KINDS.items() if counts.get(kind))


def _mixed(file: str, of: Mapping[str, list[str]]) -> Found:
    """Tell names of several kinds in one file, with the counts of how each was read."""
    kinds = {kind.partition("_")[0] for kind in of}
    ids = kinds & {"entrez", "ensembl"}
    if not ids or len(ids) + bool(kinds - ids) == 1:
        return []
    counts = {kind: len(names) for kind, names in of.items()}
    message = f"names genes in several ways: {_counted(counts)}"
    return [warning(file, message, "Each was read by its look; nothing to do if that was meant.")]


_REFUSALS: dict[str, tuple[str, str]] = {
    "damaged": (
        "gene names look damaged by a spreadsheet",
        "Export the file again as text, with every gene column marked as text.",
    ),
    "mouse": (
        "gene names are written as mouse genes are",
        "metarisk reads human genes: map the orthologues first, or write human symbols in capitals.",
    ),
    "entrez_table": (
        "gene names are Entrez ids, and the gene table has no Entrez ids",
        "Name a full HGNC table (hgnc_complete_set.txt) under genes in the study file.",
    ),
    "ensembl_table": (
        "gene names are Ensembl ids, and the gene table has no Ensembl ids",
        "Name a full HGNC table (hgnc_complete_set.txt) under genes in the study file.",
    ),
    "entrez_unknown": ("Entrez ids are in no gene of the table", "They were left out."),
    "ensembl_unknown": ("Ensembl ids are in no gene of the table", "They were left out."),
}


def _refused(file: str, kind: str, names: list[str], total: int) -> Finding:
    """An error, but for ids without a gene: some among symbols were left out, most of a file stop it."""
    what, do = _REFUSALS[kind]
    told = [f"{name} = {damaged_by_spreadsheet(name)}" if kind == "damaged" else name for name in names]
    message = f"{len(names)} {what} ({first_ten(told)})"
    if kind.endswith("_unknown"):
        return warning(file, message, do)
    if kind.endswith("_table") and 2 * len(names) < total:
        return warning(file, message, f"They were left out. {do}")
    return error(file, message, do)


def load_genes(path: Path | None) -> GeneTable:
    """The table that a study names, or the embedded one; raises `InputError` like `GeneTable.from_hgnc`."""
    if path is None:
        return GeneTable.embedded()
    if not path.is_file():
        raise InputError(
            f"{path.name}: the gene table does not exist",
            do="Correct `genes` in the study file or remove it.",
        )
    return GeneTable.from_hgnc(path)
