"""SIGNOR: the causal TSV with its entities, effects and mechanisms."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from metarisk.pathways.importers.gather import Origin, columns_of, gather, spell_out
from metarisk.pathways.importers.reading import read_table
from metarisk.pathways.importers.report import Imported, Resolve

if TYPE_CHECKING:
    import pandas as pd

LICENCE = "CC BY 4.0 (SIGNOR)"
COLUMNS = ("ENTITYA", "TYPEA", "IDA", "ENTITYB", "TYPEB", "IDB", "EFFECT", "MECHANISM", "TAX_ID")
GENE_TYPES = ("protein", "mirna", "ncrna")
FORMS_COMPLEX = "form complex"

# Every mechanism that is not here is an association; the report names those it met.
MECHANISMS: dict[str, str] = {
    **dict.fromkeys(("phosphorylation", "dephosphorylation"), "phosphorylation"),
    **dict.fromkeys(("binding",), "binding"),
    **dict.fromkeys(
        (
            "transcriptional regulation",
            "transcriptional activation",
            "transcriptional repression",
            "post transcriptional regulation",
            "translation regulation",
            "mrna stability",
            "transcription",
        ),
        "tf_target",
    ),
    **dict.fromkeys(
        (
            "acetylation",
            "adp-ribosylation",
            "carboxylation",
            "catalytic activity",
            "cleavage",
            "deacetylation",
            "deglycosylation",
            "demethylation",
            "desumoylation",
            "deubiquitination",
            "glycosylation",
            "gtpase-activating protein",
            "guanine nucleotide exchange factor",
            "hydroxylation",
            "isomerization",
            "lipidation",
            "methylation",
            "monoubiquitination",
            "neddylation",
            "oxidation",
            "palmitoylation",
            "polyubiquitination",
            "post translational modification",
            "s-nitrosylation",
            "sumoylation",
            "trimethylation",
            "tyrosination",
            "ubiquitination",
        ),
        "modification",
    ),
    **dict.fromkeys(("small molecule catalysis", "chemical modification"), "via_metabolite"),
}
PLAIN_ASSOCIATIONS = ("", "relocalization", "stabilization", "destabilization", "unknown")


def read_signor(
    path: Path,
    *,
    complexes: Path | None = None,
    taxa: Collection[str] | None = ("9606", "-1", ""),
    resolve: Resolve | None = None,
) -> Imported:
    """SIGNOR's signed edges between genes.

    Effects that begin with ``up-regulates`` are +1, with ``down-regulates`` -1, ``unknown`` is 0;
    ``form complex`` is no effect on a gene and is left out, as are chemicals, phenotypes, stimuli and
    families. Complexes are spelled out by ``complexes`` and left out without it.

    Parameters
    ----------
    path
        Tab-separated export with SIGNOR's header line.
    complexes
        SIGNOR's table of complexes: id, name and comma-separated members, separated by semicolons.
    taxa
        Species of the experiments to keep, as TAX_ID says; None keeps all.
    resolve
        Symbol (of a protein) or UniProt accession (of a complex's member) to approved symbol.

    Raises
    ------
    TopologyError
        If the file lacks a column or an effect is not SIGNOR's.
    """
    table = read_table(path, "\t", COLUMNS, filled=("ENTITYA", "ENTITYB", "EFFECT"))
    members = signor_complexes(complexes) if complexes else {}
    skipped: dict[str, int] = {}
    kept = table
    for reason, keep in _rules(table, members, taxa):
        chosen = keep.loc[kept.index]
        skipped[reason] = int((~chosen).sum())
        kept = kept[chosen]
    origin = Origin("SIGNOR", path.name, (LICENCE,), len(table), skipped, _unmapped(kept))
    frame = spell_out(_named(kept), members)
    return gather(origin, columns_of(frame), resolve=resolve)


def signor_complexes(path: Path) -> dict[str, tuple[str, ...]]:
    """Members of each SIGNOR complex by its id, as UniProt accessions."""
    table = read_table(path, ";", ("SIGNOR ID", "LIST OF ENTITIES"))
    return {
        complex_id: tuple(part.strip() for part in listed.split(",") if part.strip())
        for complex_id, listed in zip(table["SIGNOR ID"], table["LIST OF ENTITIES"], strict=True)
    }


def _rules(
    table: pd.DataFrame, members: Mapping[str, Sequence[str]], taxa: Collection[str] | None
) -> list[tuple[str, pd.Series[bool]]]:
    """Reasons to leave a row out, in order, each with True where the row stays."""
    effect = table["EFFECT"].str.lower()
    known = effect.str.startswith(("up-regulates", "down-regulates")) | (effect == "unknown")
    ends = [
        table[f"TYPE{end}"].str.lower().isin(GENE_TYPES) | table[f"ID{end}"].isin(list(members))
        for end in "AB"
    ]
    species = table["TAX_ID"].isin(list(taxa)) if taxa is not None else table["TAX_ID"].notna()
    return [
        ("it forms a complex, an effect on no gene", effect != FORMS_COMPLEX),
        ("the effect is none that SIGNOR defines", known | (effect == FORMS_COMPLEX)),
        ("an end is no gene (chemical, phenotype, stimulus, family, complex)", ends[0] & ends[1]),
        ("the experiment is of another species", species),
    ]


def _named(table: pd.DataFrame) -> pd.DataFrame:
    effect = table["EFFECT"].str.lower()
    mechanism = table["MECHANISM"].str.lower().str.strip()
    return table.assign(
        source=_names(table, "A"),
        target=_names(table, "B"),
        relation=mechanism.map(MECHANISMS).fillna("association"),
        sign=effect.str.startswith("up-").astype(int) - effect.str.startswith("down-").astype(int),
    )[["source", "target", "relation", "sign"]]


def _names(table: pd.DataFrame, end: str) -> pd.Series[str]:
    """Symbols of genes, ids of complexes."""
    genes = table[f"TYPE{end}"].str.lower().isin(GENE_TYPES)
    return table[f"ENTITY{end}"].where(genes, table[f"ID{end}"])


def _unmapped(table: pd.DataFrame) -> tuple[str, ...]:
    met = table["MECHANISM"].str.lower().str.strip()
    strange = met[~met.isin(list(MECHANISMS)) & ~met.isin(list(PLAIN_ASSOCIATIONS))].value_counts()
    return tuple(
        f"{count} rows have the mechanism {name!r}, kept as association."
        for name, count in sorted(strange.items(), key=lambda item: str(item[0]))
    )
