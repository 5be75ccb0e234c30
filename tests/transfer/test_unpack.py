from __future__ import annotations

import gzip
import io
import random
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from metarisk.errors import InputError, OutputError
from metarisk.files import placed
from metarisk.transfer import Unpacked, UnpackLimits, unpack

FILES = {
    "study/meta_study.txt": b"name: tiny\n",
    "study/data_mutations.txt": bytes(range(256)) * 200,
    "study/case_lists/cases_all.txt": b"",
    "study/Übersicht (final) v1.2.txt": b"x",
}
TINY = UnpackLimits(size_bytes=100_000, members=20, ratio=10, ratio_from_bytes=10_000)


def member(name: str, size: int = 0, **fields: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size = size
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def tar(path: Path, *extra: tarfile.TarInfo, packed: bool = True) -> Path:
    with tarfile.open(path, "w:gz" if packed else "w") as archive:
        for name, content in FILES.items():
            archive.addfile(member(name, len(content)), io.BytesIO(content))
        for info in extra:
            archive.addfile(info, io.BytesIO(bytes(info.size)))
    return path


def zipped(path: Path, *extra: tuple[zipfile.ZipInfo | str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in [*FILES.items(), *extra]:
            archive.writestr(name, content)
    return path


def held(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "out"
    made.mkdir()
    return made


@pytest.mark.parametrize(
    "pack", [tar, lambda path: tar(path, packed=False), zipped], ids=["tar.gz", "tar", "zip"]
)
def test_every_file_comes_out_as_it_went_in(
    pack: Callable[[Path], Path], tmp_path: Path, folder: Path
) -> None:
    """The name says nothing: the content does."""
    got = unpack(pack(tmp_path / "archive"), folder)
    assert held(folder) == FILES
    assert got == Unpacked(files=4, bytes=sum(map(len, FILES.values())), left_out=0)


def test_folders_are_made_and_may_stand_twice(tmp_path: Path, folder: Path) -> None:
    empty = member("./study/empty/", type=tarfile.DIRTYPE, mode=0)
    unpack(tar(tmp_path / "a.tar.gz", member(".", type=tarfile.DIRTYPE), empty, empty), folder)
    assert (folder / "study" / "empty").is_dir()
    assert held(folder) == FILES


def test_what_macos_adds_is_left_out_and_counted(tmp_path: Path, folder: Path) -> None:
    extra = (member("./._study", 10), member("study/._meta_study.txt", 10))
    assert unpack(tar(tmp_path / "a.tar.gz", *extra), folder).left_out == 2
    assert held(folder) == FILES


def test_no_file_can_be_run_or_is_owned_by_another(tmp_path: Path, folder: Path) -> None:
    unpack(tar(tmp_path / "a.tar.gz", member("study/run.sh", 3, mode=0o4777, uid=1234)), folder)
    mode = (folder / "study" / "run.sh").stat().st_mode
    assert mode & (stat.S_ISUID | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH) == 0


NAMES = {
    "../evil": "leads out of the folder",
    "study/../../evil": "leads out of the folder",
    "study/..": "leads out of the folder",
    "/etc/evil": "is an absolute path",
    "": "has no name",
    ".": "has no name",
    "C:/evil": "has a control character, bytes that are no text, or one of",
    "study\\..\\evil": "has a control character",
    "study/a\nb": "has a control character",
    "study/a\x1b[31m": "has a control character",
    "study/a\u202egpj.txt": "has a control character",
    "study/a\udcff": "has a control character, bytes that are no text",
    "study/ a": "white space around it",
    "study/a.": "a full stop at its end",
    "study/" + "a" * 256: "is too long",
    "a/" * 600 + "a": "is too long",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_no_file_below_the_folder_has_is_refused(name: str, tmp_path: Path, folder: Path) -> None:
    archive = tar(tmp_path / "a.tar.gz", member(name, 3))
    with pytest.raises(InputError, match=NAMES[name]) as refused:
        unpack(archive, folder)
    assert "Nothing was unpacked. Do not trust this archive" in str(refused.value)
    assert "\x1b" not in str(refused.value)
    assert held(folder) == {}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar.gz", "out"]


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", ".", "study/../../evil", "study/a\nb", "study/a."])
def test_a_zip_is_held_to_the_same_names(name: str, tmp_path: Path, folder: Path) -> None:
    with pytest.raises(InputError, match=NAMES[name]):
        unpack(zipped(tmp_path / "a.zip", (name, b"abc")), folder)
    assert held(folder) == {}


KINDS = {
    "a symbolic link": member("study/link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "a hard link": member("study/link", type=tarfile.LNKTYPE, linkname="study/meta_study.txt"),
    "a device": member("study/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
    "no plain file": member("study/unknown", type=b"Z"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_links_and_devices_are_refused(kind: str, tmp_path: Path, folder: Path) -> None:
    with pytest.raises(InputError, match=rf"is {kind}; expected plain files and folders"):
        unpack(tar(tmp_path / "a.tar.gz", KINDS[kind]), folder)
    assert list(folder.iterdir()) == []


def test_a_pipe_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(InputError, match="is a device"):
        unpack(tar(tmp_path / "a.tar.gz", member("study/pipe", type=tarfile.FIFOTYPE)), folder)


def test_a_sparse_file_is_refused(tmp_path: Path, folder: Path) -> None:
    """It would unpack to any size out of nothing."""
    sparse = member("study/sparse", pax_headers={"GNU.sparse.map": "0,0", "GNU.sparse.size": "999999999999"})
    with pytest.raises(InputError, match="is no plain file"):
        unpack(tar(tmp_path / "a.tar.gz", sparse), folder)


def test_a_link_in_a_zip_is_refused(tmp_path: Path, folder: Path) -> None:
    link = zipfile.ZipInfo("study/link")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(InputError, match="is a symbolic link"):
        unpack(zipped(tmp_path / "a.zip", (link, b"/etc/passwd")), folder)


def test_a_zip_that_is_packed_in_a_rare_way_is_refused(tmp_path: Path, folder: Path) -> None:
    rare = zipfile.ZipInfo("study/rare")
    rare.compress_type = zipfile.ZIP_LZMA
    with pytest.raises(InputError, match="is packed by method 14, neither stored nor deflated"):
        unpack(zipped(tmp_path / "a.zip", (rare, b"abc")), folder)


def test_an_encrypted_zip_is_refused(tmp_path: Path, folder: Path) -> None:
    path = zipped(tmp_path / "a.zip")
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag in the first entry of the directory
    path.write_bytes(data)
    with pytest.raises(InputError, match="is encrypted"):
        unpack(path, folder)


@pytest.mark.parametrize(
    "name", ["study/meta_study.txt", "study/META_STUDY.txt", "study/U\u0308bersicht (final) v1.2.txt"]
)
def test_a_second_member_of_one_name_is_refused(name: str, tmp_path: Path, folder: Path) -> None:
    """Also where only the case or the composition of a letter differs: some systems keep one of them."""
    with pytest.raises(InputError, match="has two members of the name"):
        unpack(tar(tmp_path / "a.tar.gz", member(name, 3)), folder)
    assert list(folder.iterdir()) == []


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_second_member_of_one_name_in_a_zip_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(InputError, match=r"has two members of the name 'study/meta_study\.txt'"):
        unpack(zipped(tmp_path / "a.zip", ("study/meta_study.txt", b"other")), folder)


@pytest.mark.parametrize("name", ["study/meta_study.txt/below", "study/case_lists"])
def test_one_name_is_not_a_file_and_a_folder(name: str, tmp_path: Path, folder: Path) -> None:
    with pytest.raises(InputError, match="has two members of the name"):
        unpack(tar(tmp_path / "a.tar.gz", member(name, 3)), folder)


def test_a_tar_bomb_is_stopped(tmp_path: Path, folder: Path) -> None:
    archive = tar(tmp_path / "a.tar.gz", member("study/zeros", 90_000))
    with pytest.raises(InputError, match=r"unpacks to more than 10 times its \d+ bytes"):
        unpack(archive, folder, limits=TINY)
    assert list(folder.iterdir()) == []
    with pytest.raises(InputError, match="unpacks to more than 50000 bytes"):
        unpack(archive, folder, limits=UnpackLimits(size_bytes=50_000))
    unpack(archive, folder)


def test_a_zip_bomb_is_stopped_by_what_it_says_or_by_what_it_does(tmp_path: Path, folder: Path) -> None:
    archive = zipped(tmp_path / "a.zip", ("study/zeros", bytes(90_000)))
    with pytest.raises(InputError, match="unpacks to more than 100000 bytes"):
        unpack(archive, folder, limits=TINY)
    with pytest.raises(InputError, match=r"unpacks to more than 10 times"):
        unpack(archive, folder, limits=UnpackLimits(ratio=10, ratio_from_bytes=10_000))
    assert list(folder.iterdir()) == []


def test_a_zip_that_lies_about_a_size_is_refused(tmp_path: Path, folder: Path) -> None:
    path = zipped(tmp_path / "a.zip", ("study/zeros", bytes(90_000)))
    data = path.read_bytes()
    path.write_bytes(data.replace((90_000).to_bytes(4, "little"), (90).to_bytes(4, "little")))
    with pytest.raises(InputError, match="is a truncated or damaged zip file"):
        unpack(path, folder)
    assert list(folder.iterdir()) == []


def test_a_zip_whose_directory_hides_members_is_not_a_short_success(tmp_path: Path, folder: Path) -> None:
    """One byte more in the length of a comment, and the library sees fewer files."""
    path = zipped(tmp_path / "a.zip", ("study/last", b"abc"))
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"PK\x01\x02", 0, data.rindex(b"PK\x01\x02"))
    data[entry + 32] = len(data) - data.rindex(b"PK\x01\x02") - 22  # the comment takes the last entry
    path.write_bytes(data)
    with zipfile.ZipFile(path) as archive:
        assert len(archive.namelist()) == 4
    with pytest.raises(InputError, match=r"then: 4 of 5 members are in its directory"):
        unpack(path, folder)


def test_a_damaged_header_inside_a_tar_is_not_a_short_success(tmp_path: Path, folder: Path) -> None:
    """The library takes that for the end of the archive."""
    path = tar(tmp_path / "a.tar", packed=False)
    with tarfile.open(path) as archive:
        third = archive.getmembers()[2].offset
    data = bytearray(path.read_bytes())
    data[third] ^= 1
    path.write_bytes(data)
    with tarfile.open(path) as archive:
        assert len(archive.getmembers()) == 2
    with pytest.raises(InputError, match="then: a header is damaged"):
        unpack(path, folder)


def test_a_bomb_in_a_header_is_stopped_before_it_is_in_memory(tmp_path: Path, folder: Path) -> None:
    archive = tar(tmp_path / "a.tar.gz", member("study/x", 1, pax_headers={"comment": "0" * 3_000_000}))
    with pytest.raises(InputError, match="has a header of more than 1048576 bytes"):
        unpack(archive, folder)


def test_a_bomb_behind_the_end_is_stopped(tmp_path: Path, folder: Path) -> None:
    path = tar(tmp_path / "a.tar", packed=False)
    path.write_bytes(gzip.compress(path.read_bytes() + bytes(3_000_000)))
    with pytest.raises(InputError, match="has a header of more than"):
        unpack(path, folder)


def test_too_many_members_are_refused(tmp_path: Path, folder: Path) -> None:
    crowd = [member(f"study/{number}") for number in range(17)]  # and four that are always there
    few = UnpackLimits(members=20)
    with pytest.raises(InputError, match="has more than 20 members"):
        unpack(tar(tmp_path / "a.tar.gz", *crowd), folder, limits=few)
    with pytest.raises(InputError, match="has more than 20 members"):
        unpack(zipped(tmp_path / "a.zip", *((info.name, b"") for info in crowd)), folder, limits=few)


@pytest.mark.parametrize("pack", [tar, lambda path: tar(path, packed=False), zipped])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_archive_is_named_with_its_byte_counts(
    share: float, pack: Callable[[Path], Path], tmp_path: Path, folder: Path
) -> None:
    path = pack(tmp_path / "archive")
    size = int(path.stat().st_size * share)
    path.write_bytes(path.read_bytes()[:size])
    told = rf"archive is a truncated or damaged (tar|tar\.gz|zip) file: {size} bytes gave \d+ bytes, then: \w"
    with pytest.raises(InputError, match=told):
        unpack(path, folder)
    assert list(folder.iterdir()) == []


def test_a_tar_cut_between_two_members_is_not_a_short_success(tmp_path: Path, folder: Path) -> None:
    """The library takes that for a whole archive."""
    path = tar(tmp_path / "a.tar", packed=False)
    with tarfile.open(path) as archive:
        second = archive.getmembers()[2].offset
    path.write_bytes(path.read_bytes()[:second])
    with tarfile.open(path) as archive:
        assert len(archive.getmembers()) == 2
    with pytest.raises(InputError, match=r"then: there is no end mark\. Nothing was unpacked\. Fetch it"):
        unpack(path, folder)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"<!doctype html><title>404</title>", "is a web page, not the file"),
        (b"", "came empty"),
        (b"7z\xbc\xaf\x27\x1c", r"is no archive that is read here \(it begins with 37 7a bc af 27 1c\)"),
        (gzip.compress(b"not a tar", mtime=0), "is a truncated or damaged tar.gz file"),
        (gzip.compress(b"", mtime=0), "is a truncated or damaged tar.gz file"),
        (b"PK\x05\x06" + bytes(18), "holds no file"),
    ],
)
def test_what_is_no_archive_is_said_to_be_what_it_is(
    content: bytes, sentence: str, tmp_path: Path, folder: Path
) -> None:
    (tmp_path / "a.tar.gz").write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        unpack(tmp_path / "a.tar.gz", folder)


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path, folder: Path) -> None:
    (folder / "mine").write_text("mine")
    with pytest.raises(OutputError, match="out is not empty"):
        unpack(tar(tmp_path / "a.tar.gz"), folder)
    assert held(folder) == {"mine": b"mine"}


def test_in_a_draft_nothing_stands_under_the_name_until_all_is_there(tmp_path: Path) -> None:
    out = tmp_path / "cohort"
    bad = tar(tmp_path / "bad.tar.gz", member("../evil", 3))
    with pytest.raises(InputError), placed(out, overwrite=False, marker="x") as draft:
        unpack(bad, draft)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.tar.gz"]
    with placed(out, overwrite=False, marker="x") as draft:
        unpack(tar(tmp_path / "good.tar.gz"), draft)
        assert not out.exists()
    assert held(out) == FILES


@pytest.mark.parametrize("pack", [tar, lambda path: tar(path, packed=False), zipped])
def test_damage_anywhere_is_a_sentence_or_harmless(
    pack: Callable[[Path], Path], tmp_path: Path, folder: Path
) -> None:
    """A byte changed at random, 60 times: never a traceback, another content or a file elsewhere."""
    path = pack(tmp_path / "archive")
    whole, dice = path.read_bytes(), random.Random(0)
    for turn in range(60):
        damaged = bytearray(whole)
        damaged[dice.randrange(len(whole))] ^= 1 << dice.randrange(8)
        path.write_bytes(damaged)
        out = folder / str(turn)
        out.mkdir()
        try:
            unpack(path, out)
        except InputError:
            assert list(out.iterdir()) == []
        else:  # what a plain tar holds has no checksum, its headers have
            assert held(out) == FILES or (sorted(held(out)) == sorted(FILES) and whole[:2] == b"st")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["archive", "out"]
