"""Ligands and receptors: CellPhoneDB's own tables, and tables in the manner of LIANA."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from metarisk.errors import TopologyError
from metarisk.pathways.importers.gather import Origin, both_ways, columns_of, gather, spell_out
from metarisk.pathways.importers.reading import first_columns, read_table
from metarisk.pathways.importers.report import Imported, Resolve, as_is

if TYPE_CHECKING:
    import pandas as pd

CELLPHONEDB_LICENCE = "MIT (CellPhoneDB)"
DIRECTED = "Ligand-Receptor"
UNDIRECTED = ("Adhesion-Adhesion", "Ligand-Ligand", "Receptor-Receptor", "Gap-Gap")
INTERACTION_COLUMNS = ("partner_a", "partner_b", "is_ppi", "directionality")
SUBUNITS = tuple(f"uniprot_{number}" for number in range(1, 6))

# Names that tables in the manner of LIANA give to the two columns.
LIGAND_COLUMNS = ("ligand", "ligand_symbol", "source_genesymbol", "ligand_complex", "from")
RECEPTOR_COLUMNS = ("receptor", "receptor_symbol", "target_genesymbol", "receptor_complex", "to")


def read_cellphonedb(
    interactions: Path, complexes: Path, *, genes: Path | None = None, resolve: Resolve | None = None
) -> Imported:
    """CellPhoneDB's pairs, each complex spelled out into its subunits.

    A ``Ligand-Receptor`` pair is directed: ligand_receptor, or via_metabolite where the ligand is a small
    molecule that stands for the enzymes that make it (``is_ppi`` is False). All other pairs bind both
    ways. The sign is 0, since binding does not say what the receptor then does, but -1 for an ``Inhibitory``
    effect.

    Parameters
    ----------
    interactions, complexes
        ``interaction_input.csv`` and ``complex_input.csv``.
    genes
        ``gene_input.csv``, which turns accessions into symbols before ``resolve`` sees them.
    resolve
        UniProt accession (symbol, with ``genes``) to approved symbol.

    Raises
    ------
    TopologyError
        If a column is missing, or a directionality is not CellPhoneDB's.
    """
    table = read_table(interactions, ",", INTERACTION_COLUMNS, filled=("partner_a", "partner_b"))
    _check_directions(interactions, table)
    direct = table["directionality"] == DIRECTED
    relation = table["is_ppi"].str.lower().map({"false": "via_metabolite"}).fillna("ligand_receptor")
    frame = table.assign(
        source=table["partner_a"],
        target=table["partner_b"],
        relation=relation.where(direct, "binding"),
        sign=_effect(table),
    )
    frame = both_ways(frame[["source", "target", "relation", "sign"]], ~direct)
    frame = spell_out(frame, _subunits(complexes))
    origin = Origin("CellPhoneDB", interactions.name, (CELLPHONEDB_LICENCE,), rows_read=len(table))
    return gather(origin, columns_of(frame), resolve=_through(genes, resolve))


def read_ligand_receptor(
    path: Path,
    *,
    provider: str,
    licence: str,
    sign: int = 0,
    subunit_separator: str = "_",
    resolve: Resolve | None = None,
) -> Imported:
    """Edges ligand_receptor of a table in the manner of LIANA, complexes spelled out.

    Parameters
    ----------
    path
        Comma- or tab-separated with a column for the ligand and one for the receptor.
    provider, licence
        Who, and under what terms.
    sign
        What binding does to the receptor: 1 if each ligand activates, 0 if the table does not say.
    subunit_separator
        Between the subunits of a complex.
    resolve
        Symbol to approved symbol.

    Raises
    ------
    TopologyError
        If no column is a ligand's or a receptor's.
    """
    separator = "\t" if len(first_columns(path, "\t")) > 1 else ","
    header = first_columns(path, separator)
    ligand, receptor = _column(path, header, LIGAND_COLUMNS), _column(path, header, RECEPTOR_COLUMNS)
    table = read_table(path, separator, (ligand, receptor), filled=(ligand, receptor))
    frame = table.assign(source=table[ligand], target=table[receptor], relation="ligand_receptor", sign=sign)
    names = {*frame["source"], *frame["target"]}
    complexes = {name: tuple(name.split(subunit_separator)) for name in names if subunit_separator in name}
    frame = spell_out(frame[["source", "target", "relation", "sign"]], complexes)
    return gather(
        Origin(provider, path.name, (licence,), rows_read=len(table)), columns_of(frame), resolve=resolve
    )


def _check_directions(path: Path, table: pd.DataFrame) -> None:
    strange = table[~table["directionality"].isin([DIRECTED, *UNDIRECTED])]
    if len(strange):
        raise TopologyError(
            f"{path.name} line {int(strange.index[0]) + 2}, column directionality: "
            f"{strange['directionality'].iloc[0]!r}",
            expected=f"one of {', '.join([DIRECTED, *UNDIRECTED])}",
            do="Give interaction_input.csv of CellPhoneDB v5.",
        )


def _effect(table: pd.DataFrame) -> pd.Series[int]:
    import pandas as pd

    if "modulatory_effect" not in table:
        return pd.Series(0, index=table.index)
    return -(table["modulatory_effect"].str.lower() == "inhibitory").astype(int)


def _subunits(path: Path) -> dict[str, tuple[str, ...]]:
    table = read_table(path, ",", ("complex_name", *SUBUNITS[:4]), filled=("complex_name",))
    columns = [column for column in SUBUNITS if column in table]
    return {
        name: tuple(accession for accession in accessions if accession)
        for name, accessions in zip(
            table["complex_name"], table[columns].itertuples(index=False, name=None), strict=True
        )
    }


def _through(genes: Path | None, resolve: Resolve | None) -> Resolve | None:
    """Resolve an accession by way of CellPhoneDB's own table of genes."""
    if genes is None:
        return resolve
    table = read_table(genes, ",", ("uniprot", "hgnc_symbol"))
    symbols = dict(zip(table["uniprot"], table["hgnc_symbol"], strict=True))
    onward = resolve or as_is
    return lambda accession: onward(symbols.get(accession, accession))


def _column(path: Path, header: Sequence[str], names: Sequence[str]) -> str:
    for name in names:
        if name in header:
            return name
    raise TopologyError(
        f"{path.name} has the columns {', '.join(header)}",
        expected=f"one of {', '.join(names)}",
        do="Rename the column.",
    )
