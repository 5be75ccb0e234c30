"""The tidy folder: ``edges.tsv.gz`` of several public resources, with pathways and a hierarchy beside it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from metarisk.errors import TopologyError, nearest
from metarisk.pathways.hierarchy import GeneSets, above
from metarisk.pathways.importers.gather import Origin, both_ways, columns_of, gather
from metarisk.pathways.importers.reading import read_table
from metarisk.pathways.importers.report import Imported, Resolve

if TYPE_CHECKING:
    import pandas as pd

EDGES, VIA = "edges.tsv.gz", "edges_via_intermediate.tsv.gz"
MEMBERSHIP, PATHWAYS, HIERARCHY = "membership.tsv.gz", "pathways.tsv.gz", "hierarchy.tsv.gz"
COLUMNS = ("source", "target", "effect", "directed", "type", "layer", "sign_confidence", "license")

# Layers a reader may ask for; CollecTRI's rows are their own layer, since they are half of the core.
LAYERS = ("core", "tf_target", "extended", "via_intermediate")

# What each type of the folder is in our terms.
TYPES: dict[str, str] = {
    "ligand_receptor": "ligand_receptor",
    "phosphorylation": "phosphorylation",
    "dephosphorylation": "phosphorylation",
    "cleavage": "modification",
    "gtpase_regulation": "modification",
    "other_modification": "modification",
    "ubiquitin_like": "modification",
    "tf_target": "tf_target",
    "transcription": "tf_target",
    "post_transcription": "tf_target",
    "binding": "binding",
    "adhesion": "binding",
    "extracellular_binding": "binding",
    "receptor_tf": "association",
    "relocalization": "association",
    "other": "association",
    "signalling_unsigned": "association",
    "functional_interaction": "association",
}
DEFAULTED = "may_be_default"
LICENCES = {"composite (see README)": "CC BY-SA 4.0 (CollecTRI)"}


def read_tidy(
    folder: Path, layers: Collection[str] = ("core", "tf_target"), *, resolve: Resolve | None = None
) -> Imported:
    """Topology of a tidy folder.

    Types become relations by `TYPES`. A +1 of CollecTRI that may be its default is kept as sign 0: an edge
    whose direction of effect nobody decided must not teach the network one. Undirected rows go both ways.
    Edges through a molecule are ``via_metabolite``, through a complex ``association``.

    Parameters
    ----------
    folder
        With ``edges.tsv.gz``; pathways, membership and hierarchy are read where they are.
    layers
        Among `LAYERS`.
    resolve
        Name to approved symbol; the folder's names as they stand without it.

    Raises
    ------
    TopologyError
        If a layer or a type is unknown, or a file is damaged.
    """
    import pandas as pd

    unknown = [layer for layer in layers if layer not in LAYERS]
    if unknown:
        raise TopologyError(f"no layer is named {unknown[0]!r}", do=nearest(unknown[0], LAYERS))
    table = read_table(folder / EDGES, "\t", COLUMNS, filled=("source", "target", "type", "layer"))
    layer = table["layer"].where(table["type"] != "tf_target", "tf_target")
    chosen = table[layer.isin(list(layers))]
    frames = [_direct(folder / EDGES, chosen)]
    if "via_intermediate" in layers:
        frames.append(_through(folder / VIA))
    origin = Origin(
        folder.name,
        EDGES,
        _licences(chosen),
        rows_read=len(table),
        skipped={"the layer was not asked for": len(table) - len(chosen)},
        notes=(f"{_defaulted(chosen)} edges had a +1 that may be a default and are kept unsigned.",),
    )
    return gather(origin, columns_of(pd.concat(frames, ignore_index=True)), _sets(folder), resolve)


def _direct(path: Path, table: pd.DataFrame) -> pd.DataFrame:
    strange = sorted(set(table["type"]) - set(TYPES))
    if strange:
        raise TopologyError(
            f"{path.name} has edges of the unknown type {strange[0]!r}", do=nearest(strange[0], TYPES)
        )
    sign = table["effect"].map({"1": 1, "-1": -1, "0": 0})
    if sign.isna().any():
        row = int(sign.index[sign.isna()][0])
        raise TopologyError(
            f"{path.name} line {row + 2}, column effect: {table.loc[row, 'effect']!r}",
            expected="1, -1 or 0",
            do="Correct the row.",
        )
    frame = table.assign(
        relation=table["type"].map(TYPES),
        sign=sign.mask(table["sign_confidence"] == DEFAULTED, 0).astype(int),
    )
    return both_ways(frame, frame["directed"] == "0")[["source", "target", "relation", "sign"]]


def _through(path: Path) -> pd.DataFrame:
    table = read_table(path, "\t", ("source", "target", "effect", "via"), filled=("source", "target"))
    molecule = table["via"].str.startswith("MOL:")
    return table.assign(
        relation=molecule.map({True: "via_metabolite", False: "association"}),
        sign=table["effect"].astype(int).clip(-1, 1),
    )[["source", "target", "relation", "sign"]]


def _licences(table: pd.DataFrame) -> tuple[str, ...]:
    terms = {term for cell in set(table["license"]) for term in cell.split("|")}
    return tuple(sorted(LICENCES.get(term, term) for term in terms))


def _defaulted(table: pd.DataFrame) -> int:
    return int(((table["sign_confidence"] == DEFAULTED) & (table["effect"] == "1")).sum())


def _sets(folder: Path) -> GeneSets:
    """Pathways of the folder; none where it has no membership."""
    if not (folder / MEMBERSHIP).is_file():
        return GeneSets()
    members = read_table(folder / MEMBERSHIP, "\t", ("gene", "pathway_id"), filled=("gene", "pathway_id"))
    membership = list(zip(members["pathway_id"], members["gene"], strict=True))
    titles: dict[str, str] = {}
    if (folder / PATHWAYS).is_file():
        named = read_table(folder / PATHWAYS, "\t", ("pathway_id", "name"))
        titles = dict(zip(named["pathway_id"], named["name"], strict=True))
    if not (folder / HIERARCHY).is_file():
        return GeneSets(membership, titles=titles)
    pairs = read_table(folder / HIERARCHY, "\t", ("child", "parent"), filled=("child", "parent"))
    parents = list(zip(pairs["child"], pairs["parent"], strict=True))
    reached = above({pathway for pathway, _ in membership}, parents)
    return GeneSets(membership, [pair for pair in parents if pair[0] in reached], titles)
