"""The door to data: a study file, a study folder or a stored cohort, read, inspected or validated."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from metarisk.config.load import load_study_file
from metarisk.config.study import StudyFile
from metarisk.config.study_annotated import is_annotated
from metarisk.data.annotated.reading import read_annotated
from metarisk.data.cbioportal import default_study, is_study_folder, read_folder
from metarisk.data.cohort import Cohort, Provenance
from metarisk.data.found import Found, error, from_exception
from metarisk.data.gene_sources import read_gene_list
from metarisk.data.genes import GeneTable, load_genes
from metarisk.data.plain import read_tables
from metarisk.data.plain.place import inside
from metarisk.data.prediction_times import with_dated_baseline
from metarisk.data.setting import Parts, Setting
from metarisk.data.store import is_stored_cohort, read_cohort
from metarisk.errors import InputError, InvalidStudyError, first_ten
from metarisk.files import sha256_of
from metarisk.schema.findings import Finding, errors_of, ordered
from metarisk.schema.ids import id_fault

STUDY_FILE = "metarisk_study.yaml"


@dataclass(frozen=True)
class StudyReading:
    """A study as it was read.

    Attributes
    ----------
    cohort
        The samples, or None if a finding is an error.
    findings
        Everything that was seen, errors and warnings.
    provenance
        What it calls itself; without a hash where it could not be read whole.
    parts
        Where there is no cohort, the tables that could still be read.
    """

    cohort: Cohort | None
    findings: tuple[Finding, ...]
    provenance: Provenance
    parts: Parts | None = None


def read_study(path: Path, *, data_root: Path | None = None, genes: GeneTable | None = None) -> Cohort:
    """Cohort of a study.

    Parameters
    ----------
    path
        A study file (YAML), a cBioPortal study folder (which may hold a ``metarisk_study.yaml``), or a cohort
        folder or an ``.h5mu`` or ``.h5ad`` that metarisk wrote.
    data_root
        Folder that a study file's paths are relative to; the study file's own folder if None.
    genes
        Gene table in place of the study's own.

    Raises
    ------
    InvalidStudyError
        If the study has errors; all of its findings are in ``findings``.
    InputError
        If the path is none of these, or a stored cohort is damaged.
    ConfigError
        If the study file cannot be read.
    """
    reading = inspect_study(path, data_root=data_root, genes=genes)
    if reading.cohort is None:
        raise _invalid(path, reading.findings)
    return reading.cohort


def inspect_study(
    path: Path, *, data_root: Path | None = None, genes: GeneTable | None = None
) -> StudyReading:
    """Cohort of a study with everything seen on the way; arguments and errors as for `read_study`."""
    if is_stored_cohort(path):
        return _stored(path, read_cohort)
    if path.is_file() and is_annotated(path):
        return _stored(path, read_annotated)
    found: Found = []
    study, root = _find_study(path, data_root)
    setting = _setting(study, root, path.name, genes, found)
    if setting is not None:
        _check_hashes(setting, found)
    parts = None if setting is None else _read_parts(setting, found)
    if parts is not None:
        _check_ids(parts, found)
    unhashed = _provenance(study, parts)
    if parts is None or errors_of(found):
        return StudyReading(None, tuple(found), unhashed, parts)
    try:
        provenance = replace(unhashed, sha256=_sha256_of(parts.files))
        clinical = with_dated_baseline(parts.clinical, parts.dated)
        cohort = Cohort.join(clinical, parts.assays, parts.endpoints, provenance, parts.dated)
    except InputError as caught:
        return StudyReading(None, (*found, from_exception(study.name, caught)), unhashed, parts)
    return StudyReading(cohort, tuple(found), provenance)


def validate_study(
    path: Path, *, data_root: Path | None = None, genes: GeneTable | None = None
) -> tuple[Finding, ...]:
    """All problems of a study at once, errors first; arguments and errors as for `inspect_study`."""
    return ordered(inspect_study(path, data_root=data_root, genes=genes).findings)


def _stored(path: Path, read: Callable[[Path], Cohort]) -> StudyReading:
    try:
        cohort = read(path)
    except InputError as caught:
        unread = Provenance(path.name, "not stated", "")
        return StudyReading(None, (from_exception(path.name, caught),), unread)
    return StudyReading(cohort, (), cohort.provenance)


def _read_parts(setting: Setting, found: Found) -> Parts | None:
    return (
        read_folder(setting, found) if setting.study.format == "cbioportal" else read_tables(setting, found)
    )


def _provenance(study: StudyFile, parts: Parts | None) -> Provenance:
    """What a study calls itself, without a hash; its study file wins over its folder."""
    own_licence, own_build = ("", "") if parts is None else (parts.licence, parts.build)
    stated = "licence" in study.model_fields_set or not own_licence
    licence = study.licence if stated else own_licence
    return Provenance(study.name, licence, "", study.build or own_build)


def _check_hashes(setting: Setting, found: Found) -> None:
    """Refuse a file that is not the one whose hash the study file states."""
    for name, stated in setting.study.sha256.items():
        path = inside(setting.folder, Path(name), found)
        if path is None:
            continue
        if not path.is_file():
            found.append(error(name, "has a sha256 in the study file, and does not exist", "Put it there."))
        elif sha256_of(path) != stated.lower():
            message = f"its {path.stat().st_size} bytes have another SHA-256 than the study file states"
            do = "It was cut or altered: fetch it again, or correct sha256 if it is meant to differ."
            found.append(error(name, message, do))


def _check_ids(parts: Parts, found: Found) -> None:
    """Refuse what cannot be an id, whichever file it came from."""
    patients = parts.clinical["patient_id"].astype(str).unique()
    for kind, ids in (("sample", parts.clinical.index.astype(str)), ("patient", patients)):
        faulty: dict[str, list[str]] = {}
        for value in ids:
            fault = id_fault(value)
            if fault is not None:
                faulty.setdefault(fault, []).append(repr(value))
        for fault, cited in faulty.items():
            message = f"{len(cited)} {kind} ids {fault} ({first_ten(cited)})"
            do = "Rename them, here and in every file that names them."
            found.append(error("clinical table", message, do))


def _setting(
    study: StudyFile, root: Path, name: str, genes: GeneTable | None, found: Found
) -> Setting | None:
    folder = root / study.folder
    if not folder.is_dir():
        raise InputError(
            f"{name}: the study's folder {study.folder} does not exist below {root.name or root}",
            do="Correct `folder` in the study file, or pass the data root it is relative to.",
        )
    panels = None if study.panels is None else root / study.panels
    try:
        table = genes or load_genes(None if study.genes is None else root / study.genes)
        only = None if study.only_genes is None else read_gene_list(root / study.only_genes, table)
    except InputError as caught:
        found.append(from_exception("gene table", caught))
        return None
    return Setting(study, folder, table, panels, only)


def _find_study(path: Path, data_root: Path | None) -> tuple[StudyFile, Path]:
    """The study file and the folder that its paths are relative to."""
    if path.is_file() and path.suffix in (".yaml", ".yml"):
        return load_study_file(path), data_root or path.parent
    if (path / STUDY_FILE).is_file():
        return load_study_file(path / STUDY_FILE), path
    if is_study_folder(path):
        return default_study(path), path
    raise InputError(
        f"{path} {'is no study' if path.exists() else 'does not exist'}",
        expected="a study file (.yaml), a cBioPortal folder, an .h5mu or .h5ad, or a stored cohort with its "
        "cohort.json",
        do="Check the path; configs/studies holds examples of study files.",
    )


def _sha256_of(files: Sequence[Path]) -> str:
    """Hash over names and contents; neither the order of the files nor their folder plays a part."""
    digest = hashlib.sha256()
    for path in sorted(set(files), key=lambda file: file.name):
        digest.update(path.name.encode() + b"\0")
        digest.update(bytes.fromhex(sha256_of(path)))
    return digest.hexdigest()


def _invalid(path: Path, findings: Sequence[Finding]) -> InvalidStudyError:
    errors = errors_of(findings)
    more = f" ({len(errors) - 1} more errors)" if len(errors) > 1 else ""
    first = errors[0]
    where = path.name if first.file == path.name else f"{path.name}: {first.file}"
    column = f", column {first.column}" if first.column else ""
    return InvalidStudyError(f"{where}{column}: {first.message}{more}", do=first.do, findings=findings)
