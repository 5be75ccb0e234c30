"""Gene panels: which genes each panel measures, so that what was not measured is never called wild type."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from metarisk.data.content import read_content
from metarisk.data.found import Found, error
from metarisk.data.genes import GeneTable
from metarisk.data.text import read_text, require_columns

Panels = Mapping[str, frozenset[str]]

# Panel names that mean every gene of the exome or genome.
WHOLE_EXOME = frozenset({"WES", "WXS", "WGS", "WHOLE_EXOME", "WHOLE_GENOME", "EXOME"})
# What a sample's panel is called where the source only says that it is an exome.
EXOME = "WES"


def read_panels(path: Path, genes: GeneTable, found: Found) -> dict[str, frozenset[str]]:
    """Genes of each panel, as approved symbols.

    Parameters
    ----------
    path
        A table with columns ``panel`` and ``gene``, one cBioPortal ``data_gene_panel_*.txt`` (plain or
        gzipped), or a folder of these.
    genes
        Resolves the names.
    found
        Receives what is wrong; a panel file that cannot be read gives no panel.
    """
    if path.is_dir():
        files = panels_in(path)
        return {name: held for file in files for name, held in _read_portal_panel(file, genes, found).items()}
    if path.name.startswith("data_gene_panel_"):
        return _read_portal_panel(path, genes, found)
    return _read_panel_table(path, genes, found)


def panels_in(folder: Path) -> tuple[Path, ...]:
    """Panel files of a study folder; the panel matrix is not one of them."""
    places = (folder, folder / "gene_panels")
    found = (file for place in places for file in sorted(place.glob("data_gene_panel_*.txt*")))
    return tuple(file for file in found if file.suffix in (".txt", ".gz") and "matrix" not in file.name)


def _read_panel_table(path: Path, genes: GeneTable, found: Found) -> dict[str, frozenset[str]]:
    table = read_text(path, found)
    if table is None or not require_columns(table, ("panel", "gene"), found):
        return {}
    resolution = genes.resolve(table.frame["gene"], file=path.name)
    found.extend(resolution.findings)
    symbols = table.frame["gene"].map(resolution.by_name)
    grouped = symbols.dropna().groupby(table.frame["panel"])
    return {str(panel): frozenset(held) for panel, held in grouped}


def _read_portal_panel(path: Path, genes: GeneTable, found: Found) -> dict[str, frozenset[str]]:
    data = read_content(path, found)
    if data is None:
        return {}
    fields = dict(line.split(":", 1) for line in data.decode().splitlines() if ":" in line)
    if not {"stable_id", "gene_list"} <= fields.keys():
        message = "has no stable_id and gene_list lines"
        found.append(error(path.name, message, "Export the gene panel again in cBioPortal's format."))
        return {}
    resolution = genes.resolve(fields["gene_list"].split(), file=path.name)
    found.extend(resolution.findings)
    return {fields["stable_id"].strip(): frozenset(resolution.by_name.values())}
