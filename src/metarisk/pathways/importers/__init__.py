"""Importers: the files of public resources, in their providers' own formats, to topologies with a report."""

from metarisk.pathways.importers.gmt import read_gmt
from metarisk.pathways.importers.ligands import read_cellphonedb, read_ligand_receptor
from metarisk.pathways.importers.omnipath import read_omnipath
from metarisk.pathways.importers.reactome import read_reactome
from metarisk.pathways.importers.regulons import read_regulons
from metarisk.pathways.importers.report import Imported, ImportReport, Resolve
from metarisk.pathways.importers.sif import PATHWAY_COMMONS, SIGNED, SifRelation, read_sif
from metarisk.pathways.importers.signor import read_signor
from metarisk.pathways.importers.string_links import read_string, string_names

__all__ = [
    "PATHWAY_COMMONS",
    "SIGNED",
    "ImportReport",
    "Imported",
    "Resolve",
    "SifRelation",
    "read_cellphonedb",
    "read_gmt",
    "read_ligand_receptor",
    "read_omnipath",
    "read_reactome",
    "read_regulons",
    "read_sif",
    "read_signor",
    "read_string",
    "string_names",
]
