"""The slow reader: what the files of a study literally say, cell by cell, and no cleverness.

It shares with the package only the table of gene names, which has tests of its own. Whatever the package
reads from a damaged study must stand here; what stands here and was not read must have been told.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import NamedTuple

from metarisk.data.genes import GeneTable
from metarisk.schema.endpoints import DAYS_PER_MONTH

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
NOTHING = {"", "NA", "NAN", "N/A", "NULL", "NONE", "UNKNOWN", "[NOT AVAILABLE]"}
CHANNEL = {
    "MISSENSE_MUTATION": "missense",
    "MISSENSE": "missense",
    "NONSENSE_MUTATION": "truncating",
    "FRAME_SHIFT_DEL": "truncating",
    "FRAME_SHIFT_INS": "truncating",
    "SPLICE_SITE": "truncating",
    "IN_FRAME_DEL": "in_frame",
    "IN_FRAME_INS": "in_frame",
}

Key = tuple[str, ...]
Rows = list[dict[str, str]]


class UnreadableError(Exception):
    """A file that no careful person would read."""


@dataclass
class Said:
    """What the files say.

    Attributes
    ----------
    values
        (table, sample, column...) -> every value that the files give it.
    unreadable
        Keys whose cell is neither a number nor a word for nothing.
    samples
        Ids of the clinical table.
    """

    values: dict[Key, set[object]] = field(default_factory=dict)
    unreadable: set[Key] = field(default_factory=set)
    samples: set[str] = field(default_factory=set)

    def number(self, key: Key, cell: str, scale: float = 1.0) -> None:
        text = cell.strip()
        if NUMBER.fullmatch(text):
            self.values.setdefault(key, set()).add(float(text) * scale)
        elif text.upper() not in NOTHING:
            self.unreadable.add(key)

    def word(self, key: Key, cell: str) -> None:
        if cell.strip().upper() not in NOTHING:
            self.values.setdefault(key, set()).add(cell.strip())

    def answer(self, key: Key, cell: str, yes: str, no: str) -> None:
        if cell in (yes, no):
            self.values.setdefault(key, set()).add(float(cell == yes))
        elif cell.strip().upper() not in NOTHING:
            self.unreadable.add(key)


def what_tables_say(folder: Path) -> Said:
    """Everything that the folder of plain tables says."""
    said = Said()
    rows = read_rows(folder / "clinical.csv", ",")
    for row in rows:
        sample = row["sample"]
        said.samples.add(sample)
        # A sample whose patient nobody names is a patient of its own, by what the documentation says.
        said.values[("clinical", sample, "patient_id")] = {row["patient"] or sample}
        said.number(("clinical", sample, "age_years"), row["age"])
        said.number(("clinical", sample, "tmb_per_mb"), row["tmb"])
        said.word(("clinical", sample, "sex"), row["sex"])
        said.word(("clinical", sample, "cancer_type"), row["cancer"])
        said.answer(("endpoint", sample, "response"), row["response"], "R", "NR")
        follow_up(said, sample, FollowUp(row["days"], row["dead"], 1.0, "1", "0"))
    for name, file in (("expression", "expression.tsv"), ("copy_number", "copy_number.tsv")):
        matrix(said, name, folder / file, "gene")
    turned = read_rows(folder / "methylation.csv", ",")
    genes = symbols([column for column in turned[0] if column != "sample"])
    for row in turned:
        for column, symbol in genes.items():
            said.number(("methylation", row["sample"], symbol, "level"), row[column])
    return said


def what_portal_says(folder: Path) -> Said:
    """Everything that the portal folder says."""
    said = Said()
    patients = {row["PATIENT_ID"]: row for row in read_rows(folder / "data_clinical_patient.txt")}
    for row in read_rows(folder / "data_clinical_sample.txt"):
        sample, patient = row["SAMPLE_ID"], patients.get(row["PATIENT_ID"], {})
        said.samples.add(sample)
        said.word(("clinical", sample, "patient_id"), row["PATIENT_ID"])
        said.number(("clinical", sample, "purity"), row["TUMOR_PURITY"], 0.01)
        said.number(("clinical", sample, "tmb_per_mb"), row["TMB_NONSYNONYMOUS"])
        said.number(("clinical", sample, "age_years"), patient.get("AGE", ""))
        said.word(("clinical", sample, "cancer_type"), row["ONCOTREE_CODE"])
        said.word(("clinical", sample, "sex"), patient.get("SEX", ""))
        for organ in ("bone", "liver"):
            said.answer(("endpoint", sample, f"site.{organ}"), row[organ.upper()], "Yes", "No")
        months, status = patient.get("OS_MONTHS", ""), patient.get("OS_STATUS", "")
        follow_up(said, sample, FollowUp(months, status, DAYS_PER_MONTH, "1:DECEASED", "0:LIVING"))
    panels = {row["SAMPLE_ID"]: row for row in read_rows(folder / "data_gene_panel_matrix.txt")}
    genes_of = panel_genes(folder)
    matrix(said, "expression", folder / "data_expression.txt", "Hugo_Symbol")
    matrix(said, "copy_number", folder / "data_cna.txt", "Hugo_Symbol")
    for key in [key for key in said.values if key[0] == "copy_number"]:
        row = panels.get(key[1], {})
        # A profile that the panel matrix does not have measured every gene.
        if "cna" in row and key[2] not in genes_of.get(row["cna"], set()):
            del said.values[key]
    calls(said, folder, panels, genes_of)
    return said


def calls(said: Said, folder: Path, panels: dict[str, dict[str, str]], genes_of: dict[str, set[str]]) -> None:
    """Not altered on the whole panel, then the alterations that are listed."""
    channels = {"mutation": ("truncating", "missense", "in_frame"), "fusion": ("present",)}
    profiles = {"mutation": "mutations", "fusion": "structural_variants"}
    for sample, (assay, profile) in product(said.samples, profiles.items()):
        row = panels.get(sample, {})
        for gene in genes_of.get(row.get(profile, row.get("mutations", "")), set()):
            said.values |= {(assay, sample, gene, channel): {0.0} for channel in channels[assay]}
    mutations = read_rows(folder / "data_mutations.txt")
    names = symbols([row["Hugo_Symbol"].strip() for row in mutations])
    for row in mutations:
        channel = CHANNEL.get(row["Variant_Classification"].upper(), "")
        gene = names.get(row["Hugo_Symbol"].strip(), "")
        altered(said, ("mutation", row["Tumor_Sample_Barcode"], gene, channel))
    fusions = [row for row in read_rows(folder / "data_sv.txt") if row["SV_Status"].upper() != "GERMLINE"]
    for column in ("Site1_Hugo_Symbol", "Site2_Hugo_Symbol"):
        names = symbols([row[column].strip() for row in fusions])
        for row in fusions:
            altered(said, ("fusion", row["Sample_Id"], names.get(row[column].strip(), ""), "present"))


def altered(said: Said, key: Key) -> None:
    """An alteration in a gene on the sample's panel; off the panel nothing is known of it."""
    if key in said.values:
        said.values[key] = {1.0}


class FollowUp(NamedTuple):
    """Cells of a time and a status, the time's factor to days, and what the status may be."""

    time: str
    status: str
    scale: float
    dead: str
    alive: str


def follow_up(said: Said, sample: str, cells: FollowUp) -> None:
    """Time and status count only together."""
    time_key, event_key = ("endpoint", sample, "os.time_days"), ("endpoint", sample, "os.event")
    if NUMBER.fullmatch(cells.time.strip()) and cells.status in (cells.dead, cells.alive):
        said.number(time_key, cells.time, cells.scale)
        said.values[event_key] = {float(cells.status == cells.dead)}
    elif cells.time.strip().upper() not in NOTHING and cells.status.strip().upper() not in NOTHING:
        said.unreadable.add(time_key)


def matrix(said: Said, name: str, path: Path, corner: str) -> None:
    rows = read_rows(path)
    genes = symbols([row[corner] for row in rows])
    for row in rows:
        symbol = genes.get(row[corner])
        for sample, cell in row.items():
            if symbol and sample != corner:
                said.number((name, sample, symbol, "level"), cell)


def symbols(names: list[str]) -> dict[str, str]:
    return GeneTable.embedded().resolve(names).by_name


def panel_genes(folder: Path) -> dict[str, set[str]]:
    held: dict[str, set[str]] = {}
    for path in sorted(folder.glob("data_gene_panel_*.txt")):
        if "matrix" not in path.name:
            fields = dict(line.split(":", 1) for line in read_lines(path) if ":" in line)
            held[fields.get("stable_id", "").strip()] = set(
                symbols(fields.get("gene_list", "").split()).values()
            )
    return held


def read_rows(path: Path, separator: str = "\t") -> Rows:
    """Rows as dictionaries; a row that does not have the header's fields makes the file unreadable."""
    lines = read_lines(path)
    while lines and lines[0].startswith("#"):
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    try:
        text = io.StringIO("\n".join(lines) + "\n")
        cells = (
            list(csv.reader(text, strict=True)) if separator == "," else [line.split("\t") for line in lines]
        )
    except csv.Error as caught:
        raise UnreadableError(f"{path.name}: {caught}") from caught
    if len(cells) < 2:
        raise UnreadableError(f"{path.name} has no rows")
    if any(len(row) != len(cells[0]) for row in cells) or len(set(cells[0])) < len(cells[0]):
        raise UnreadableError(f"{path.name} is ragged or names a column twice")
    return [dict(zip(cells[0], row, strict=True)) for row in cells[1:]]


def read_lines(path: Path) -> list[str]:
    """Lines of a file of UTF-8 text, gzipped or not."""
    try:
        raw = path.read_bytes()
        data = gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw
        text = data.decode("utf-8-sig")
    except (OSError, EOFError, ValueError, gzip.zlib.error) as caught:
        raise UnreadableError(f"{path.name}: {caught}") from caught
    if "\0" in text or not text.strip():
        raise UnreadableError(f"{path.name} is empty or binary")
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
