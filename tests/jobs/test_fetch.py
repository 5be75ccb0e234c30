from __future__ import annotations

import gzip
import hashlib
import importlib
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from metarisk.config.public_sources import public_sources
from metarisk.errors import ConfigError, InputError, OutputError
from metarisk.jobs.fetch import fetch_study, fetch_topology
from metarisk.jobs.study_terms import NOT_STATED, study_terms
from metarisk.jobs.validate import validate

GMT = "Apoptosis\tR-HSA-109581\tCASP3\tCASP9\nCell death\tR-HSA-5357801\tCASP3\tBAX\n"


def pack(study: Path, archive: Path, inside: str = "two") -> str:
    """A tar.gz of a study as the data hub packs it; returns its SHA-256."""
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(study, inside)
    return hashlib.sha256(archive.read_bytes()).hexdigest()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_study_is_fetched_unpacked_and_says_where_it_came_from(
    file_server: Any, study_folder: Path, tmp_path: Path
) -> None:
    (study_folder / "LICENSE").write_text("Open Database License\n  (ODbL) v1.0\n")
    sha256 = pack(study_folder, file_server.folder / "two.tar.gz")
    out, seen = tmp_path / "cohorts" / "two", list[tuple[str, int, int]]()
    fetched = fetch_study(
        "two",
        out,
        base_url=f"{file_server.base_url}/",
        sha256=sha256,
        on_progress=lambda *report: seen.append(report),
    )
    assert names(out) == sorted([*names(study_folder), "provenance.json"])
    assert (out / "data_mutations.txt").read_bytes() == (study_folder / "data_mutations.txt").read_bytes()
    assert fetched.files == len(names(study_folder))
    assert fetched.bytes == sum(path.stat().st_size for path in study_folder.iterdir())
    told = json.loads((out / "provenance.json").read_text())
    (download,) = told["downloads"]
    assert told["licence"] == fetched.licence == "Open Database License (ODbL) v1.0"
    assert download["url"] == f"{file_server.base_url}/two.tar.gz"
    assert download["sha256"] == sha256
    assert download["bytes"] == (file_server.folder / "two.tar.gz").stat().st_size
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\S+\+00:00", download["fetched_at"])
    assert seen[-1] == ("two.tar.gz (MB)", 1, 1)
    assert names(out.parent) == ["two"]


def test_what_was_fetched_can_be_validated(file_server: Any, study_folder: Path, tmp_path: Path) -> None:
    pack(study_folder, file_server.folder / "two.tar.gz")
    fetch_study("two", tmp_path / "out", base_url=file_server.base_url)
    before, after = validate(study_folder), validate(tmp_path / "out")
    assert [finding.level for finding in after.findings] == [finding.level for finding in before.findings]
    assert not after.errors


def test_an_archive_without_a_folder_around_its_files_is_read_too(
    file_server: Any, study_folder: Path, tmp_path: Path
) -> None:
    pack(study_folder, file_server.folder / "two.tar.gz", inside=".")
    fetch_study("two", tmp_path / "out", base_url=file_server.base_url)
    assert (tmp_path / "out" / "meta_study.txt").is_file()


def test_another_id_in_the_archive_is_told(file_server: Any, study_folder: Path, tmp_path: Path) -> None:
    pack(study_folder, file_server.folder / "msk_met_2021.tar.gz")
    fetched = fetch_study("msk_met_2021", tmp_path / "out", base_url=file_server.base_url)
    assert fetched.notes == (
        "The archive calls itself 'two'.",
        "configs/studies/msk_met.yaml says what its columns mean.",
    )


@pytest.mark.parametrize(
    "study", ["../two", "/etc/two", "Two", "a b", "", ".two", "two/..", "two?x=1", "zwölf"]
)
def test_an_id_that_is_none_is_refused_before_anything_is_asked(study: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is no id of a study; expected small letters, digits, _ \. -"):
        fetch_study(study, tmp_path / "out", base_url="http://127.0.0.1:9")
    assert names(tmp_path) == []


def test_a_study_that_the_server_does_not_have_is_told(file_server: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"/nowhere.tar.gz answers 404 .*: there is no such file"):
        fetch_study("nowhere", tmp_path / "out", base_url=file_server.base_url)
    assert names(tmp_path) == ["served"]


def test_a_page_in_place_of_an_archive_is_refused(file_server: Any, tmp_path: Path) -> None:
    (file_server.folder / "two.tar.gz").write_text("<!DOCTYPE html><html>Sign in</html>")
    with pytest.raises(InputError, match=r"two.tar.gz is a web page, not the file"):
        fetch_study("two", tmp_path / "out", base_url=file_server.base_url)
    assert names(tmp_path) == ["served"]


def test_another_hash_is_refused_and_nothing_kept(
    file_server: Any, study_folder: Path, tmp_path: Path
) -> None:
    pack(study_folder, file_server.folder / "two.tar.gz")
    with pytest.raises(InputError, match=rf"has the SHA-256 [0-9a-f]{{64}}; expected {'0' * 64}"):
        fetch_study("two", tmp_path / "out", base_url=file_server.base_url, sha256="0" * 64)
    assert names(tmp_path) == ["served", "two"]


def test_a_member_that_leads_out_of_the_folder_is_refused(
    file_server: Any, study_folder: Path, tmp_path: Path
) -> None:
    pack(study_folder, file_server.folder / "two.tar.gz", inside="two/../../evil")
    with pytest.raises(InputError, match="leads out of the folder"):
        fetch_study("two", tmp_path / "out", base_url=file_server.base_url)
    assert names(tmp_path) == ["served", "two"]


def test_a_bad_archive_is_not_kept_for_the_next_try(
    file_server: Any, study_folder: Path, tmp_path: Path
) -> None:
    """Cut at the source, then mended there."""
    archive = file_server.folder / "two.tar.gz"
    pack(study_folder, archive)
    whole = archive.read_bytes()
    archive.write_bytes(whole[:-20])
    with pytest.raises(InputError, match=r"two.tar.gz is a truncated or damaged tar.gz file: \d+ bytes gave"):
        fetch_study("two", tmp_path / "out", base_url=file_server.base_url)
    assert not (tmp_path / "out").exists()
    archive.write_bytes(whole)
    fetch_study("two", tmp_path / "out", base_url=file_server.base_url)
    assert names(tmp_path) == ["out", "served", "two"]


def test_an_archive_that_is_no_study_is_refused(file_server: Any, study_folder: Path, tmp_path: Path) -> None:
    (study_folder / "meta_study.txt").unlink()
    pack(study_folder, file_server.folder / "two.tar.gz")
    with pytest.raises(InputError, match=r"meta_study.txt does not exist\. This is no study of cBioPortal"):
        fetch_study("two", tmp_path / "out", base_url=file_server.base_url)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_exists_is_refused_before_anything_is_asked(
    file_server: Any, study_folder: Path, tmp_path: Path
) -> None:
    pack(study_folder, file_server.folder / "two.tar.gz")
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine").write_text("mine")
    with pytest.raises(OutputError, match="out exists"):
        fetch_study("two", out, base_url="http://127.0.0.1:9")
    with pytest.raises(OutputError, match=r"has no provenance.json"):
        fetch_study("two", out, base_url="http://127.0.0.1:9", overwrite=True)
    (out / "mine").unlink()
    fetch_study("two", out, base_url=file_server.base_url, overwrite=True)
    (study_folder / "LICENSE").write_text("new")
    pack(study_folder, file_server.folder / "two.tar.gz")
    assert fetch_study("two", out, base_url=file_server.base_url, overwrite=True).licence == "new"


def test_an_archive_that_a_full_disk_kept_packed_is_not_sent_again(
    file_server: Any, study_folder: Path, tmp_path: Path
) -> None:
    """A real bound of the system on a file's size, which only the unpacked table reaches."""
    (study_folder / "data_large.txt").write_bytes(bytes(1_000_000))
    pack(study_folder, file_server.folder / "two.tar.gz")
    code = (
        "import resource, signal, sys\nfrom pathlib import Path\n"
        "from metarisk.jobs.fetch import fetch_study\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
        "fetch_study('two', Path(sys.argv[1]), base_url=sys.argv[2])\n"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "out"), file_server.base_url]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "OutputError: two.tar.gz cannot be unpacked (File too large)." in ended.stderr
    assert names(tmp_path) == [".out.incoming", "served", "two"]
    record = json.loads((tmp_path / ".out.incoming" / "two.tar.gz.json").read_text())
    record["fetched_at"] = "earlier"
    (tmp_path / ".out.incoming" / "two.tar.gz.json").write_text(json.dumps(record))
    fetched = fetch_study("two", tmp_path / "out", base_url=file_server.base_url)
    assert [source.fetched_at for source in fetched.sources] == ["earlier"]
    assert names(tmp_path) == ["out", "served", "two"]


@pytest.mark.parametrize(
    ("line", "licence", "citation"),
    [
        ("", NOT_STATED, ""),
        ("citation: TCGA, Nature 2012\npmid: 123", NOT_STATED, "TCGA, Nature 2012, PMID 123"),
        ("license: CC BY 4.0", "CC BY 4.0", ""),
        ("description: A study (2021). Licence: CC-BY-NC-ND-4.0.", "CC-BY-NC-ND-4.0", ""),
        ("description: samples of a licensed driver", NOT_STATED, ""),
        (f"license: {'x' * 400}", f"{'x' * 300}...", ""),
    ],
)
def test_terms_are_those_that_the_study_states(
    line: str, licence: str, citation: str, tmp_path: Path
) -> None:
    (tmp_path / "meta_study.txt").write_text(f"cancer_study_identifier: two\n{line}\n")
    assert study_terms(tmp_path) == ("two", licence, citation)


def test_the_real_studies_state_their_terms(shared_data: Path) -> None:
    terms = study_terms(shared_data / "studies" / "msk_met")
    assert terms == ("msk_met_2021", "CC-BY-NC-ND-4.0", "Nguyen et al. Cell 2022")


def test_a_topology_is_fetched_and_read_by_its_reader(file_server: Any, tmp_path: Path) -> None:
    from metarisk.pathways.importers import read_reactome

    with zipfile.ZipFile(file_server.folder / "ReactomePathways.gmt.zip", "w") as packed:
        packed.writestr("ReactomePathways.gmt", GMT)
    (file_server.folder / "ReactomePathways.txt").write_text("R-HSA-109581\tApoptosis\tHomo sapiens\n")
    (file_server.folder / "ReactomePathwaysRelation.txt").write_text("R-HSA-5357801\tR-HSA-109581\n")
    out = tmp_path / "reactome"
    fetched = fetch_topology("reactome", out, base_url=file_server.base_url)
    files = ["ReactomePathways.gmt", "ReactomePathways.txt", "ReactomePathwaysRelation.txt"]
    assert names(out) == [*files, "provenance.json"]
    assert fetched.licence == "CC0-1.0 (Reactome)"
    assert fetched.files == 3
    assert len(json.loads((out / "provenance.json").read_text())["downloads"]) == 3
    gmt, titles, relations = (out / name for name in files)
    topology = read_reactome(gmt, names=titles, relations=relations).topology
    assert topology.n_pathways == 2
    assert names(tmp_path) == ["reactome", "served"]


def test_a_file_of_a_topology_that_is_there_is_not_fetched_twice(file_server: Any, tmp_path: Path) -> None:
    """Two files, the second comes only at the second try."""
    links = file_server.folder / "9606.protein.links.v12.0.txt.gz"
    links.write_bytes(gzip.compress(b"protein1 protein2 combined_score\n"))
    with pytest.raises(InputError, match=r"9606.protein.info.v12.0.txt.gz answers 404"):
        fetch_topology("string", tmp_path / "out", base_url=file_server.base_url)
    kept = tmp_path / ".out.incoming" / links.name
    inode = kept.stat().st_ino
    (file_server.folder / "9606.protein.info.v12.0.txt.gz").write_bytes(
        gzip.compress(b"#string_protein_id\n")
    )
    fetch_topology("string", tmp_path / "out", base_url=file_server.base_url)
    assert (tmp_path / "out" / links.name).stat().st_ino == inode
    assert names(tmp_path) == ["out", "served"]


def test_a_resource_that_is_not_known_gets_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'reactom' is no public topology .*Did you mean 'reactome'\?"):
        fetch_topology("reactom", tmp_path / "out")


@pytest.mark.parametrize("name", public_sources().topologies)
def test_each_resource_names_a_reader_and_its_terms(name: str) -> None:
    resource = public_sources().topologies[name]
    module, _, function = resource.reader.rpartition(".")
    if name == "hgnc":
        module, _, holder = module.rpartition(".")
        assert callable(getattr(getattr(importlib.import_module(module), holder), function))
        assert resource.licence == "CC0-1.0 (HGNC)"
        return
    reader = getattr(importlib.import_module(module), function)
    terms = vars(importlib.import_module(reader.__module__))
    known = {terms.get("LICENCE"), terms.get("CELLPHONEDB_LICENCE"), "CC BY-SA 4.0 (CollecTRI, DoRothEA)"}
    assert resource.licence in known


def test_every_public_address_is_encrypted_and_every_name_is_one_name() -> None:
    sources = public_sources()
    files = [file for each in sources.topologies.values() for file in each.files]
    assert all(
        address.startswith("https://") for address in [sources.study_hub.base_url, *(f.url for f in files)]
    )
    assert all(re.fullmatch(r"[\w.]+", file.name) for file in files)
    assert len({file.name for file in files}) == len(files)


def test_each_known_study_has_its_configuration() -> None:
    root = Path(__file__).parents[2]
    assert all((root / study.config).is_file() for study in public_sources().studies.values())
