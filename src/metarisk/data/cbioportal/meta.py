"""The meta files of a study folder: what the study is, and which data file holds what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from metarisk.data.build import build_named
from metarisk.data.content import read_content
from metarisk.data.found import Found, error, warning
from metarisk.schema.findings import errors_of

META_STUDY = "meta_study.txt"
LICENCE_FIELDS = ("license", "licence")
NOT_STATED = "not stated"


@dataclass(frozen=True)
class Meta:
    """One data file of a study.

    Attributes
    ----------
    kind, datatype
        ``genetic_alteration_type`` and ``datatype``, upper case.
    file
        The data file.
    fields
        Every line of the meta file.
    """

    kind: str
    datatype: str
    file: Path
    fields: Mapping[str, str]

    @property
    def panel(self) -> str:
        """Gene panel of every sample of the file; empty text if the meta file names none."""
        return self.fields.get("gene_panel", "")


def read_fields(path: Path, found: Found) -> dict[str, str]:
    """Lines ``key: value`` of a meta file; empty with the reason added to ``found`` if it cannot be read."""
    data = read_content(path, found)
    if data is None:
        return {}
    pairs = (line.split(":", 1) for line in data.decode().splitlines() if ":" in line and line[0] != "#")
    return {key.strip(): value.strip() for key, value in pairs}


def read_metas(folder: Path, found: Found) -> list[Meta]:
    """Every data file that a meta file of the folder names, in the order of the meta files' names."""
    paths = sorted(path for path in folder.glob("meta_*.txt") if path.name != META_STUDY)
    metas = (_read_meta(path, found) for path in paths)
    return [meta for meta in metas if meta is not None]


def licence_in(folder: Path) -> str:
    """Licence by meta_study.txt, with the citation where it names one; empty text where it names neither."""
    ignored: Found = []
    fields = read_fields(folder / META_STUDY, ignored)
    licence = next((fields[name] for name in LICENCE_FIELDS if fields.get(name)), "")
    citation = fields.get("citation", "")
    return f"{licence or NOT_STATED}; cite {citation}" if citation else licence


def declared_build(study: str | None, folder: Path, found: Found) -> str:
    """Genome build by the study file, else by meta_study.txt; empty text if neither names one."""
    ignored: Found = []
    path = folder / META_STUDY
    named = read_fields(path, ignored).get("reference_genome", "") if path.is_file() else ""
    build = build_named(named)
    if named and not build:
        message = f"names reference genome {named!r}, which metarisk does not read"
        found.append(error(META_STUDY, message, "Use data of hg19 (GRCh37) or hg38 (GRCh38)."))
    if build and study and build != study:
        message = f"names {build}, but the study file says {study}"
        found.append(error(META_STUDY, message, "Correct the one that is wrong."))
    return study or build


def tell_study(folder: Path, found: Found) -> None:
    """Tell a study folder that lost its own meta file, or one that says nothing about itself."""
    if not (folder / META_STUDY).is_file():
        message = f"has no {META_STUDY}, so it is not a whole cBioPortal study folder"
        do = "Add it (cancer_study_identifier, name, type_of_cancer), or name the folder that holds it."
        found.append(error(folder.name, message, do))
    elif not read_fields(folder / META_STUDY, found).get("cancer_study_identifier"):
        message = "has no cancer_study_identifier"
        found.append(
            warning(META_STUDY, message, "Add the line; until then the folder's name stands for it.")
        )


def _read_meta(path: Path, found: Found) -> Meta | None:
    told = len(found)
    fields = read_fields(path, found)
    if not fields and errors_of(found[told:]):
        return None
    absent = [key for key in ("genetic_alteration_type", "data_filename") if key not in fields]
    if absent:
        do = "Complete the meta file as cBioPortal's format asks."
        found.append(error(path.name, f"has no {' and no '.join(absent)}", do))
        return None
    data_file = inside(path.parent, Path(fields["data_filename"]), path.name, found)
    if data_file is None:
        return None
    kind, datatype = fields["genetic_alteration_type"].upper(), fields.get("datatype", "").upper()
    return Meta(kind, datatype, data_file, fields)


def inside(folder: Path, file: Path, named_by: str, found: Found) -> Path | None:
    """The file below the folder, or its gzipped form; absolute paths, ``..`` and absent files are refused."""
    if file.is_absolute() or ".." in file.parts:
        message = f"names a file outside its folder ({file})"
        found.append(error(named_by, message, "Name a file of the study's own folder."))
        return None
    plain, packed = folder / file, folder / f"{file}.gz"
    if plain.is_file():
        return plain
    if packed.is_file():
        return packed
    message = f"names {file}, which does not exist"
    found.append(error(named_by, message, "Add the file to the folder, or remove the line that names it."))
    return None
