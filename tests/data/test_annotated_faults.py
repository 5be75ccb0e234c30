"""Files of AnnData and MuData that are cut, altered, foreign or hostile: named, never half read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from metarisk.config.study import MatrixPart
from metarisk.data import (
    AssayTable,
    Cohort,
    Provenance,
    inspect_study,
    read_h5ad,
    read_h5mu,
    read_study,
    write_h5mu,
)
from metarisk.data import write_h5ad as write_assay
from metarisk.data.annotated import read_matrix, read_obs
from metarisk.data.annotated.seal import USER_BLOCK
from metarisk.errors import InputError
from metarisk.schema.assays import Assay


@pytest.fixture(autouse=True)
def unprobed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library survives these files; those that it does not are in test_annotated_probe."""
    monkeypatch.setattr("metarisk.data.annotated.container.probe", lambda path: None)


@pytest.fixture
def cohort() -> Cohort:
    index = pd.Index(["S1", "S2"], name="sample_id", dtype=object)
    clinical = pd.DataFrame(
        {"patient_id": pd.Series(["P1", "P2"], index=index, dtype=object), "age_years": [50.0, 60.0]},
        index=index,
    )
    values = np.arange(200, dtype=np.float32).reshape(2, 100, 1)
    genes = tuple(f"G{n}" for n in range(100))
    table = AssayTable(Assay.EXPRESSION, np.array(["S1", "S2"]), genes, values, np.array(["log2_tpm"] * 2))
    return Cohort(
        clinical, {Assay.EXPRESSION: table}, pd.DataFrame(index=index), Provenance("two", "CC0", "ab")
    )


@pytest.fixture(params=["c.h5mu", "c.h5ad"])
def file(request, cohort, tmp_path) -> Path:
    """The cohort as either file."""
    path: Path = tmp_path / request.param
    if path.suffix == ".h5mu":
        write_h5mu(cohort, path)
    else:
        write_assay(cohort, Assay.EXPRESSION, path)
    return path


@pytest.mark.parametrize("share", [0.1, 0.5, 0.999])
def test_a_truncated_file_is_named_with_both_sizes(file, share):
    size = file.stat().st_size
    left = int(size * share)
    os.truncate(file, left)
    with pytest.raises(
        InputError, match=rf"{file.name} is truncated: {left} of {size} bytes. Fetch or write it"
    ):
        read_h5mu(file)
    (told,) = inspect_study(file).findings
    assert str(told).startswith(f"error: {file.name}: is truncated: {left} of {size} bytes")
    with pytest.raises(InputError, match=rf"^{file.name}: is truncated"):
        read_study(file)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"<!DOCTYPE html><html><body>Not found</body></html>", "is a web page, not a table"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a git-lfs pointer"),
        (b"", r"is empty .0 bytes."),
        (b"sample\tTP53\nS1\t1\n", r"is no HDF5 file .17 bytes."),
        (b"\x89HDF\r\n\x1a\n" + b"\xff" * 500, r"is no HDF5 file .508 bytes."),
    ],
)
def test_what_only_has_the_name_of_such_a_file_is_told(tmp_path, content, sentence):
    for name in ("x.h5mu", "x.h5ad"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=rf"{name} {sentence}"):
            read_h5ad(tmp_path / name)
        found = []
        assert read_obs(tmp_path / name, None, found) is None
        assert read_matrix(tmp_path / name, None, "obs_names", found) is None
        assert len(found) == 2


def test_an_absent_file_is_told(tmp_path):
    with pytest.raises(InputError, match=r"no.h5mu does not exist; expected a study file"):
        read_study(tmp_path / "no.h5mu")
    with pytest.raises(InputError, match=r"no.h5mu does not exist. Put the file there"):
        read_h5mu(tmp_path / "no.h5mu")


def change(path: Path, edit: Callable[[h5py.File], object]) -> Path:
    """Edit a file; like one that another tool saved again it has no seal."""
    with h5py.File(path, "r+") as file:
        edit(file)
    with path.open("r+b") as stream:
        sealed = stream.read(7) in (b"MuData ", b"AnnData")
        stream.seek(0)
        stream.write(bytes(USER_BLOCK) if sealed else b"")
    return path


def expression(file: h5py.File) -> h5py.Group:
    return file["mod/expression"] if "mod" in file else file


@pytest.mark.parametrize(
    "edit",
    [
        lambda file: expression(file)["X"].__setitem__((1, 7), 3.5),
        lambda file: expression(file)["X"].__setitem__((1, 7), np.nan),
        lambda file: expression(file)["var/_index"].__setitem__(3, "G4"),
        lambda file: expression(file)["obs/assay_unit/categories"].__setitem__(0, "log2_cpm"),
        lambda file: file["obs/age_years"].__setitem__(0, np.nextafter(50.0, 51.0)),
        lambda file: file["obs/sample_id"].__setitem__(slice(None), ["S2", "S1"]),
    ],
    ids=["value", "missing", "gene", "unit", "last bit", "swapped samples"],
)
def test_one_altered_value_is_refused(file, edit):
    change(file, edit)
    with pytest.raises(InputError, match=rf"{file.name} was altered after it was written"):
        read_h5mu(file)


def test_a_flipped_byte_anywhere_is_refused_before_the_library_reads_it(file):
    whole = file.read_bytes()
    for position in np.random.default_rng(0).integers(USER_BLOCK, len(whole), 50):
        damaged = bytearray(whole)
        damaged[position] ^= 4
        file.write_bytes(damaged)
        with pytest.raises(InputError, match=r"was altered after it was written .its SHA-256 is not the one"):
            read_h5mu(file)


def test_a_damaged_seal_seals_nothing_and_harms_nothing(file, cohort):
    whole = bytearray(file.read_bytes())
    whole[20] ^= 4
    file.write_bytes(whole)
    np.testing.assert_array_equal(
        read_h5mu(file).assays[Assay.EXPRESSION].values, cohort.assays[Assay.EXPRESSION].values
    )


def with_manifest(path: Path, **changed: object) -> Path:
    def edit(file: h5py.File) -> None:
        told = json.loads(file["uns/metarisk/manifest"].asstr()[()]) | changed
        file["uns/metarisk/manifest"][()] = json.dumps(told)

    return change(path, edit)


def test_another_format_version_is_refused(file):
    with_manifest(file, format_version=99)
    with pytest.raises(InputError, match=r"is of format version 99; expected version 1"):
        read_h5mu(file)


NOWHERE = {"place": "/nowhere", "channels": ["level"]}


@pytest.mark.parametrize(
    "edit", [{"assays": {"expression": NOWHERE}}, {"clinical": {"shoe_size": "float64"}}]
)
def test_a_manifest_that_does_not_fit_is_refused(file, edit):
    with_manifest(file, **edit)
    with pytest.raises(InputError, match=rf"{file.name} is damaged, or no AnnData or MuData file .*KeyError"):
        read_h5mu(file)


def test_other_channels_than_ours_are_refused(file):
    place = "mod/expression" if file.suffix == ".h5mu" else "/"
    with_manifest(file, assays={"expression": {"place": place, "channels": ["level", "error"]}})
    with pytest.raises(InputError, match=r"has expression with channels level, error; expected level"):
        read_h5mu(file)


def test_a_file_of_another_program_says_what_to_do(tmp_path):
    import anndata

    anndata.AnnData(np.ones((2, 3), dtype=np.float32)).write_h5ad(tmp_path / "theirs.h5ad")
    with pytest.raises(
        InputError,
        match=r"theirs.h5ad: was not written by metarisk.*Read it through a study file \(format: tables\)",
    ):
        read_study(tmp_path / "theirs.h5ad")


def link_elsewhere(file: h5py.File) -> None:
    del expression(file)["X"]
    expression(file)["X"] = h5py.ExternalLink("other.h5", "secret")


def store_elsewhere(file: h5py.File) -> None:
    del expression(file)["X"]
    outside = [("/etc/passwd", 0, 800)]
    expression(file).create_dataset("X", (2, 100), dtype="f4", external=outside)


def look_elsewhere(file: h5py.File) -> None:
    del expression(file)["X"]
    layout = h5py.VirtualLayout((2, 100), dtype="f4")
    layout[:] = h5py.VirtualSource("other.h5", "secret", shape=(2, 100))
    expression(file).create_virtual_dataset("X", layout)


@pytest.mark.parametrize("edit", [link_elsewhere, store_elsewhere, look_elsewhere])
def test_a_file_that_reads_other_files_is_refused(file, edit):
    change(file, edit)
    with pytest.raises(
        InputError, match=r"X', which leads to another place or file; expected all data inside"
    ):
        read_h5mu(file)


def foreign(path: Path, x: object, genes: int = 3) -> Path:
    """An h5ad of four samples by hand, which any program could have written."""
    from anndata.io import write_elem

    with h5py.File(path, "w") as file:
        write_elem(file, "obs", pd.DataFrame({"site": ["a", "b", "a", "b"]}, index=["S1", "S2", "S3", "S4"]))
        write_elem(file, "var", pd.DataFrame(index=[f"G{n}" for n in range(genes)]))
        write_elem(file, "X", x)
    return path


def told(path: Path, part: MatrixPart | None = None) -> str:
    found = []
    assert read_matrix(path, part, "obs_names", found) is None
    (finding,) = found
    return str(finding)


def swell_matrix(file: h5py.File) -> None:
    del file["X"]
    # Chunks that were never written take no room in the file.
    file.create_dataset("X", (4, 1 << 40), dtype="f4", chunks=(1, 1 << 20))


def swell_genes(file: h5py.File) -> None:
    del file["var/_index"]
    index = file["var"].create_dataset("_index", (1 << 44,), dtype="i1", chunks=(1 << 20,))
    index.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})


@pytest.mark.parametrize(("swell", "name"), [(swell_matrix, "X"), (swell_genes, "var")])
def test_a_small_file_that_declares_terabytes_is_refused(tmp_path, swell, name):
    path = change(foreign(tmp_path / "bomb.h5ad", np.ones((4, 3), dtype=np.float32)), swell)
    assert path.stat().st_size < 100_000
    assert f"declares {1 << 44} bytes in {name} and has" in told(path)


def test_a_sparse_matrix_that_would_fill_the_memory_is_refused(tmp_path):
    path = foreign(tmp_path / "b.h5ad", sparse.csr_matrix(np.eye(4, 3)))
    change(path, lambda file: file["X"].attrs.update(shape=(1 << 40, 3)))
    assert f"declares {12 << 40} bytes in X and has" in told(path)


@pytest.mark.parametrize("part", ["indices", "indptr"])
@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_matrix])
def test_a_sparse_matrix_that_points_outside_itself_is_refused(tmp_path, part, form):
    path = foreign(tmp_path / "s.h5ad", form(np.arange(12.0).reshape(4, 3)))
    change(path, lambda file: file[f"X/{part}"].__setitem__(2, 1_000_000))
    assert "is damaged: the sparse matrix in X does not fit its shape (4, 3)" in told(path)


def test_text_in_place_of_numbers_is_refused(tmp_path):
    path = foreign(tmp_path / "t.h5ad", np.array([["a", "b", "c"]] * 4, dtype=object))
    assert "holds text in X, not numbers" in told(path)


def test_a_matrix_that_does_not_fit_obs_and_var_is_refused(tmp_path):
    path = foreign(tmp_path / "t.h5ad", np.ones((5, 3), dtype=np.float32))
    assert "has X of shape (5, 3); expected 4 rows of obs and 3 of var" in told(path)


def test_a_dataset_that_is_no_matrix_is_refused(tmp_path):
    assert "has X of shape (4,); expected rows and columns" in told(foreign(tmp_path / "t.h5ad", np.ones(4)))
    assert "holds dict in X; expected a matrix" in told(foreign(tmp_path / "u.h5ad", {"a": np.ones(4)}))


def test_an_obs_without_rows_is_no_study(tmp_path):
    import anndata

    anndata.AnnData(np.ones((0, 3), dtype=np.float32)).write_h5ad(tmp_path / "e.h5ad")
    found = []
    assert read_obs(tmp_path / "e.h5ad", None, found) is None
    assert "has no rows in obs: no samples" in str(found[0])
