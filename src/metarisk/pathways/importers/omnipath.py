"""OmniPath: the interactions table of the web service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from metarisk.pathways.importers.gather import Origin, both_ways, columns_of, gather, spell_out
from metarisk.pathways.importers.reading import read_table
from metarisk.pathways.importers.report import Imported, Resolve

if TYPE_CHECKING:
    import pandas as pd

LICENCE = "as its resources (OmniPath)"
COLUMNS = ("source", "target", "source_genesymbol", "target_genesymbol", "is_directed")
COMPLEX = "COMPLEX:"
TRUE = ("1", "true")

TYPES: dict[str, str] = {
    "transcriptional": "tf_target",
    "post_transcriptional": "tf_target",
    "mirna_transcriptional": "tf_target",
    "lncrna_post_transcriptional": "tf_target",
    "post_translational": "association",
}
# Datasets that say more than the type does; the last that holds decides.
DATASETS: dict[str, str] = {"kinaseextra": "phosphorylation", "ligrecextra": "ligand_receptor"}


def read_omnipath(path: Path, *, taxon: str = "9606", resolve: Resolve | None = None) -> Imported:
    """OmniPath's edges between genes, complexes spelled out into their members.

    The sign is that of the consensus where the table has it, else of the resources together: stimulation
    +1, inhibition -1, both or neither 0. Undirected rows go both ways. The relation comes from the datasets
    ``kinaseextra`` and ``ligrecextra``, else from ``type``; a post-translational row is an association, since
    the table does not say of what kind.

    Parameters
    ----------
    path
        Tab-separated, asked for with ``genesymbols=yes``.
    taxon
        Species that both ends must have, where the table says it.
    resolve
        Symbol to approved symbol.

    Raises
    ------
    TopologyError
        If a column is missing.
    """
    table = read_table(path, "\t", COLUMNS, filled=COLUMNS)
    small = _any_type(table, "small_molecule") | _any_type(table, "drug")
    ours = _of_taxon(table, taxon)
    kept = table[ours & ~small].reset_index(drop=True)
    frame = kept.assign(
        source=kept["source_genesymbol"],
        target=kept["target_genesymbol"],
        relation=_relation(kept),
        sign=_sign(kept),
    )
    frame = both_ways(frame, ~_flag(frame, "is_directed"))
    frame = spell_out(frame[["source", "target", "relation", "sign"]], _complexes(kept))
    skipped = {
        f"another species than {taxon}": int((~ours).sum()),
        "an end is a small molecule": int((ours & small).sum()),
    }
    return gather(
        Origin("OmniPath", path.name, (LICENCE,), len(table), skipped), columns_of(frame), resolve=resolve
    )


def _flag(table: pd.DataFrame, column: str) -> pd.Series[bool]:
    import pandas as pd

    if column not in table:
        return pd.Series(False, index=table.index)
    return table[column].str.lower().isin(TRUE)


def _sign(table: pd.DataFrame) -> pd.Series[int]:
    own = _flag(table, "is_stimulation").astype(int) - _flag(table, "is_inhibition").astype(int)
    consensus = _flag(table, "consensus_stimulation").astype(int) - _flag(
        table, "consensus_inhibition"
    ).astype(int)
    return consensus.where(_flag(table, "consensus_direction") & (consensus != 0), own)


def _relation(table: pd.DataFrame) -> pd.Series[str]:
    import pandas as pd

    relation = pd.Series("association", index=table.index)
    if "type" in table:
        relation = table["type"].map(TYPES).fillna("association")
    for dataset, name in DATASETS.items():
        relation = relation.mask(_flag(table, dataset), name)
    return relation


def _complexes(table: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Members of each name that stands for a complex."""
    found: dict[str, tuple[str, ...]] = {}
    for end in ("source", "target"):
        names = table[f"{end}_genesymbol"][table[end].str.startswith(COMPLEX)]
        found |= {name: tuple(name.removeprefix(COMPLEX).split("_")) for name in names}
    return found


def _of_taxon(table: pd.DataFrame, taxon: str) -> pd.Series[bool]:
    import pandas as pd

    keep = pd.Series(True, index=table.index)
    for column in ("ncbi_tax_id_source", "ncbi_tax_id_target"):
        if column in table:
            keep &= table[column].isin([taxon, "", "0"])
    return keep


def _any_type(table: pd.DataFrame, kind: str) -> pd.Series[bool]:
    import pandas as pd

    found = pd.Series(False, index=table.index)
    for column in ("entity_type_source", "entity_type_target"):
        if column in table:
            found |= table[column] == kind
    return found
