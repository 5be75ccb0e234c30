"""The meta files of a study folder: which data file holds what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from metarisk.data.content import read_content
from metarisk.data.found import Found, error

META_STUDY = "meta_study.txt"


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


def _read_meta(path: Path, found: Found) -> Meta | None:
    fields = read_fields(path, found)
    if not fields:
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
    """The file below the folder; absolute paths, ``..`` and absent files are refused."""
    if file.is_absolute() or ".." in file.parts:
        message = f"names a file outside its folder ({file})"
        found.append(error(named_by, message, "Name a file of the study's own folder."))
        return None
    if not (folder / file).is_file():
        message = f"names {file}, which does not exist"
        found.append(
            error(named_by, message, "Add the file to the folder, or remove the line that names it.")
        )
        return None
    return folder / file
