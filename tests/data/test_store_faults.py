"""A damaged store is refused with the file's name; a write that fails leaves nothing under the name."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from metarisk.data import Cohort, read_cohort, read_study, write_cohort
from metarisk.data.store import open_cohort
from metarisk.data.store.manifest import verify_file, write_manifest
from metarisk.errors import InputError, OutputError

FILES = ("clinical.parquet", "endpoints.parquet", "dated.parquet", "mutation.parquet", "copy_number.parquet")
NOBODY = 65534

WRITE = """
import numpy as np, pandas as pd, sys
from pathlib import Path
from metarisk.data import AssayTable, Cohort, Provenance
from metarisk.data.store import cohort_writer
from metarisk.errors import OutputError
from metarisk.schema.assays import Assay

def part(number):
    ids = np.array([f"S{number}-{n}" for n in range(256)])
    clinical = pd.DataFrame({"patient_id": ids}, index=pd.Index(ids, name="sample_id"))
    values = np.random.default_rng(number).normal(size=(256, 2000, 1)).astype(np.float32)
    genes = tuple(f"G{n}" for n in range(2000))
    table = AssayTable(Assay.EXPRESSION, ids, genes, values, np.full(256, "log2_tpm"))
    return Cohort.join(clinical, [table], pd.DataFrame(index=clinical.index), Provenance("x", "", ""))

def write(folder, parts):
    try:
        with cohort_writer(Path(folder)) as writer:
            for number in range(parts):
                writer.add(part(number))
                print("part", number, flush=True)
    except OutputError as refused:
        sys.exit(str(refused))
"""


@pytest.fixture
def cohort(tiny) -> Cohort:
    return read_study(tiny.write())


@pytest.fixture
def stored(cohort, tmp_path) -> Path:
    write_cohort(cohort, tmp_path / "c")
    return tmp_path / "c"


def flip(path: Path, at: int, bit: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= bit
    path.write_bytes(data)


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_byte_is_named(stored, name):
    flip(stored / name, (stored / name).stat().st_size // 3)
    with pytest.raises(InputError, match=rf"c: {name} was altered after it was written"):
        read_cohort(stored)


@pytest.mark.parametrize("name", [*FILES, "cohort.json"])
def test_a_flipped_byte_is_never_read_as_another_value_even_without_the_whole_hash(cohort, stored, name):
    path, wanted = stored / name, cohort.content_sha256()
    whole = path.read_bytes()
    places = range(0, len(whole), 37)
    answers = []
    for at in places:
        flip(path, at, bit=1 << at % 8)
        answers.append(answer(stored))
        path.write_bytes(whole)
    refused = [told for told in answers if told != wanted]
    assert all(name in told for told in refused)  # a sentence that names the file, not another hash
    assert len(refused) > 0.5 * len(places)  # the others lie in fields that a reader of parquet does not use


def answer(stored: Path) -> str:
    """Hash of what is read without whole hashes, or the sentence that refuses it."""
    try:
        opened = open_cohort(stored, verify=False)
        return opened.take(np.arange(len(opened))).content_sha256()
    except InputError as refusal:
        return str(refusal)


def test_a_gene_renamed_in_the_manifest_is_refused(stored):
    path = stored / "cohort.json"
    path.write_text(path.read_text().replace('"KRAS"', '"HRAS"'))
    with pytest.raises(InputError, match=r"cohort\.json was altered after it was written"):
        read_cohort(stored)


@pytest.mark.parametrize("name", FILES)
def test_a_cut_file_is_named_with_both_sizes(stored, name):
    size = (stored / name).stat().st_size
    os.truncate(stored / name, size - 10)
    with pytest.raises(InputError, match=rf"{name} has {size - 10} bytes; expected {size} bytes"):
        open_cohort(stored, verify=False)


def test_a_cut_manifest_is_named(stored):
    os.truncate(stored / "cohort.json", 200)
    with pytest.raises(InputError, match=r"cohort\.json is damaged"):
        read_cohort(stored)


def test_a_removed_file_is_named(stored):
    (stored / "dated.parquet").unlink()
    with pytest.raises(InputError, match=r"c: dated\.parquet is missing"):
        read_cohort(stored)


def test_an_assay_of_another_cohort_is_refused(cohort, stored, tmp_path):
    other = cohort.take(np.array([1, 0, 2, 3]))
    write_cohort(other, tmp_path / "other")
    for name in ("mutation.parquet", "cohort.json"):
        shutil.copy(tmp_path / "other" / name, stored / name)
    with pytest.raises(InputError, match=r"c: clinical\.parquet was altered|clinical\.parquet has"):
        read_cohort(stored)


def test_samples_in_another_order_than_the_clinical_tables_are_refused(cohort, stored, tmp_path):
    write_cohort(cohort.take(np.array([1, 0, 2, 3])), tmp_path / "other")
    shutil.copy(tmp_path / "other" / "mutation.parquet", stored / "mutation.parquet")
    facts = json.loads((stored / "cohort.json").read_text())
    write_manifest(stored, {key: facts[key] for key in ("samples", "provenance", "assays", "dated")})
    with pytest.raises(
        InputError, match=r"mutation\.parquet is damaged .its samples are not those of the clin"
    ):
        read_cohort(stored)


def test_a_manifest_cannot_name_a_file_outside(stored):
    (stored.parent / "outside.parquet").write_bytes(b"x")
    with pytest.raises(InputError, match=r"\.\./outside\.parquet is missing"):
        verify_file(stored, "../outside.parquet", {"bytes": 1, "sha256": ""}, whole=True)


def test_a_manifest_cannot_name_an_assay_nobody_knows(stored):
    facts = json.loads((stored / "cohort.json").read_text())
    told = {"../../x": facts["assays"]["mutation"]}
    write_manifest(
        stored, {**{key: facts[key] for key in ("samples", "provenance", "dated")}, "assays": told}
    )
    with pytest.raises(InputError, match=r"cohort\.json names \.\./\.\./x; expected assays"):
        read_cohort(stored)


def python(code: str, *prefix: str) -> subprocess.CompletedProcess[str]:
    command = [*prefix, sys.executable, "-c", WRITE + code]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_file_over_the_limit_of_its_process_leaves_nothing(tmp_path):
    limited = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))\n"
    ended = python(f"{limited}write({str(tmp_path / 'c')!r}, 2)")
    assert ended.returncode == 1
    assert "c cannot be written (" in ended.stderr
    assert "File too large" in ended.stderr
    assert "Check free space and permissions; nothing was left under that name." in ended.stderr
    assert list(tmp_path.iterdir()) == []


# A mount namespace of its own: the small disk is seen by nobody else, and gone with the process.
ON_A_SMALL_DISK = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")


def test_a_full_disk_leaves_nothing(tmp_path):
    mount = f"mount -t tmpfs -o size=3m none {tmp_path}"
    if shutil.which("unshare") is None or subprocess.run([*ON_A_SMALL_DISK, mount], check=False).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    script = f'{mount} && "$@"; code=$?; echo left: $(ls -A {tmp_path}); exit $code'
    ended = python(f"write({str(tmp_path / 'c')!r}, 8)", *ON_A_SMALL_DISK, script, "sh")
    assert ended.returncode == 1
    assert re.search(r"c cannot be written \(.*No space left on device\)", ended.stderr)
    assert ended.stdout.splitlines()[-1] == "left:"


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may write anywhere, so it gives up that right for a while."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_folder_without_permission_is_refused(cohort, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    with as_nobody(), pytest.raises(OutputError, match=r"c cannot be written .Permission denied"):
        write_cohort(cohort, closed / "c")
    assert list(closed.iterdir()) == []


def test_a_killed_writer_leaves_nothing_under_the_name(tmp_path):
    command = [sys.executable, "-c", WRITE + f"write({str(tmp_path / 'c')!r}, 10_000)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writing:
        assert writing.stdout is not None
        assert [writing.stdout.readline() for _ in range(3)][-1] == "part 2\n"
        writing.send_signal(signal.SIGKILL)
    assert not (tmp_path / "c").exists()
    assert [path.name[-5:] for path in tmp_path.iterdir()] == [".part"]
