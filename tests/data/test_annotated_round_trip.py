"""A cohort written as MuData or AnnData comes back the same, and other tools read what we wrote."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metarisk.data import (
    AssayTable,
    Cohort,
    Provenance,
    inspect_study,
    read_h5ad,
    read_h5mu,
    read_study,
    write_h5ad,
    write_h5mu,
)
from metarisk.data.annotated.form import FORMAT_VERSION
from metarisk.data.dated import no_dated_values
from metarisk.data.digest import digest_of
from metarisk.errors import InputError, OutputError
from metarisk.schema.assays import ASSAYS, Assay

# Ids are kept to the letter, whatever they look like.
IDS = ("00123", "1E5", "NA", "nan", "x/4", "Å-β", "S1", "None", "=1+1", "-0")
word = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)
number = st.floats(width=32, allow_infinity=False)


@st.composite
def tables(draw: st.DrawFn, assay: Assay, ids: list[str]) -> AssayTable:
    """A table aligned to all samples, which some of them lack."""
    genes = tuple(draw(st.lists(st.sampled_from(["TP53", "KRAS", "A/B", "1", "é"]), unique=True, max_size=4)))
    shape = (len(ids), len(genes), len(ASSAYS[assay].channels))
    drawn = draw(st.lists(number, min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
    values = np.array(drawn, dtype=np.float32).reshape(shape)
    has = np.array(draw(st.lists(st.booleans(), min_size=len(ids), max_size=len(ids))))
    values[~has] = np.nan
    units = np.where(has, ASSAYS[assay].units[0], "")
    panels = np.where(has, draw(st.sampled_from(["", "IMPACT468", "WES"])), "")
    return AssayTable(assay, np.array(ids), genes, values, units, panels)


@st.composite
def cohorts(draw: st.DrawFn) -> Cohort:
    ids = draw(st.lists(st.sampled_from(IDS), unique=True, min_size=1, max_size=6))
    rows = {"min_size": len(ids), "max_size": len(ids)}
    index = pd.Index(ids, name="sample_id", dtype=object)
    text = st.lists(st.none() | word, **rows)
    clinical = pd.DataFrame(
        {
            "patient_id": pd.Series(draw(st.lists(st.sampled_from(IDS), **rows)), index=index, dtype=object),
            "age_years": np.array(draw(st.lists(st.floats(allow_infinity=False), **rows))),
            "extra.a/b%2F": np.array(draw(st.lists(number, **rows))),
            "stage": pd.Series(draw(text), index=index, dtype=object),
            "panel": pd.Series([None] * len(ids), index=index, dtype=object),
        },
        index=index,
    )
    endpoints = pd.DataFrame({"site.bone": np.array(draw(st.lists(number, **rows)))}, index=index)
    dated = pd.DataFrame(
        {
            "patient_id": pd.Series([clinical["patient_id"].iloc[0]] * 2, dtype=object),
            "time_days": [0.1, np.nan],
            "variable": pd.Series(["ctdna_fraction", "ctc_count"], dtype=object),
            "value": [1e-300, -0.0],
        }
    )
    assays = draw(st.lists(st.sampled_from(sorted(Assay)), unique=True, max_size=4))
    return Cohort(
        clinical,
        {assay: draw(tables(assay, ids)) for assay in assays},
        draw(st.sampled_from([endpoints, endpoints.iloc[:, :0]])),
        Provenance(draw(word), draw(word), "ab", draw(st.sampled_from(["", "hg19"]))),
        draw(st.sampled_from([dated, no_dated_values()])),
    )


def assert_equal(again: Cohort, cohort: Cohort) -> None:
    for part in ("clinical", "endpoints", "dated"):
        pd.testing.assert_frame_equal(getattr(again, part), getattr(cohort, part), check_exact=True)
    assert again.provenance == cohort.provenance
    assert list(again.assays) == list(cohort.assays)
    for assay, table in cohort.assays.items():
        theirs = again.assays[assay]
        np.testing.assert_array_equal(theirs.values, table.values)
        np.testing.assert_array_equal(np.signbit(theirs.values), np.signbit(table.values))
        assert theirs.genes == table.genes
        for part in ("sample_ids", "units", "panels"):
            assert getattr(theirs, part).tolist() == getattr(table, part).tolist()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cohorts())
def test_every_cohort_comes_back_the_same_from_mudata(tmp_path, cohort):
    write_h5mu(cohort, tmp_path / "c.h5mu", overwrite=True)
    again = read_h5mu(tmp_path / "c.h5mu")
    assert_equal(again, cohort)
    assert again.content_sha256() == cohort.content_sha256()


@pytest.fixture
def cohort() -> Cohort:
    """Four samples: one with everything, two with one assay each, one with none."""
    index = pd.Index(["S3", "S1", "S2", "S4"], name="sample_id", dtype=object)
    clinical = pd.DataFrame(
        {
            "patient_id": pd.Series(["P1", "P1", "P2", "P3"], index=index, dtype=object),
            "age_years": [61.0, np.nan, 40.0, 52.5],
            "stage": pd.Series(["NA", None, "IV", None], index=index, dtype=object),
        },
        index=index,
    )
    endpoints = pd.DataFrame({"site.bone": [1.0, np.nan, 0.0, 1.0]}, index=index)
    expression = np.array([[1.5, np.nan], [np.nan] * 2, [0.0, 2.5], [np.nan] * 2], dtype=np.float32)
    mutation = np.full((4, 2, 4), np.nan, dtype=np.float32)
    mutation[:2, :, :3] = [[[1, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 1, 0]]]
    ids = index.to_numpy(dtype=str)
    assays = {
        Assay.MUTATION: AssayTable(
            Assay.MUTATION,
            ids,
            ("TP53", "KRAS"),
            mutation,
            np.array(["calls", "calls", "", ""]),
            np.array(["BIG", "SMALL", "", ""]),
        ),
        Assay.EXPRESSION: AssayTable(
            Assay.EXPRESSION,
            ids,
            ("KRAS", "MYC"),
            expression[:, :, None],
            np.array(["log2_tpm", "", "log2_cpm", ""]),
        ),
    }
    dated = pd.DataFrame(
        {
            "patient_id": pd.Series(["P2", "P3"], dtype=object),
            "time_days": [30.0, 10.0],
            "variable": pd.Series(["ctdna_fraction"] * 2, dtype=object),
            "value": [0.25, 0.5],
        }
    )
    return Cohort(clinical, assays, endpoints, Provenance("four", "CC0", "ab", "hg19"), dated)


@pytest.fixture
def file(cohort, tmp_path) -> Path:
    write_h5mu(cohort, tmp_path / "c.h5mu")
    return tmp_path / "c.h5mu"


def test_a_written_file_is_read_like_a_study(cohort, file):
    assert_equal(read_study(file), cohort)


def test_one_assay_comes_back_the_same_from_anndata(cohort, tmp_path):
    write_h5ad(cohort, Assay.EXPRESSION, tmp_path / "e.h5ad")
    again = read_h5ad(tmp_path / "e.h5ad")
    assert again.sample_ids.tolist() == ["S3", "S2"]
    assert list(again.assays) == [Assay.EXPRESSION]
    assert_equal(again, read_study(tmp_path / "e.h5ad"))
    np.testing.assert_array_equal(
        again.assays[Assay.EXPRESSION].values, cohort.assays[Assay.EXPRESSION].values[[0, 2]]
    )
    assert again.clinical["stage"].tolist() == ["NA", "IV"]
    assert again.dated["patient_id"].tolist() == ["P2"]
    assert again.provenance == cohort.provenance


def test_mudata_reads_what_we_wrote_and_keeps_a_sample_without_assays(cohort, file):
    import mudata

    with (
        mudata.set_options(pull_on_update=False),
        pytest.warns(UserWarning, match="var_names are not unique"),
    ):
        theirs = mudata.read_h5mu(file)
    assert theirs.obs_names.tolist() == ["S3", "S1", "S2", "S4"]
    assert list(theirs.mod) == ["samples", "mutation", "expression"]
    assert theirs["mutation"].obs_names.tolist() == ["S3", "S1"]
    assert theirs["mutation"].obs["assay_panel"].tolist() == ["BIG", "SMALL"]
    np.testing.assert_array_equal(theirs["mutation"][:, "TP53"].X.ravel(), [1, 0])
    np.testing.assert_array_equal(theirs["mutation"].layers["missense"], [[0, 0], [0, 1]])
    assert theirs["expression"].obs["assay_unit"].tolist() == ["log2_tpm", "log2_cpm"]
    np.testing.assert_array_equal(theirs.obs["site.bone"].astype(float), cohort.endpoints["site.bone"])


def test_a_file_that_mudata_saved_again_is_still_the_same_cohort(cohort, file, tmp_path):
    import mudata

    with (
        mudata.set_options(pull_on_update=False),
        pytest.warns(UserWarning, match="var_names are not unique"),
    ):
        theirs = mudata.read_h5mu(file)
    theirs["expression"].obsm["X_umap"] = np.zeros((2, 2))
    with mudata.set_options(pull_on_update=False):
        theirs.write(tmp_path / "again.h5mu")
    assert_equal(read_h5mu(tmp_path / "again.h5mu"), cohort)


def test_anndata_reads_what_we_wrote(cohort, tmp_path):
    import anndata

    write_h5ad(cohort, Assay.EXPRESSION, tmp_path / "e.h5ad")
    theirs = anndata.read_h5ad(tmp_path / "e.h5ad")
    np.testing.assert_array_equal(theirs.X, np.array([[1.5, np.nan], [0.0, 2.5]], dtype=np.float32))
    assert theirs.var_names.tolist() == ["KRAS", "MYC"]
    assert theirs.obs["stage"].tolist() == ["NA", "IV"]


def test_the_same_cohort_makes_the_same_bytes(cohort, file, tmp_path):
    write_h5mu(cohort, tmp_path / "d.h5mu")
    assert (tmp_path / "d.h5mu").read_bytes() == file.read_bytes()


def test_the_hash_in_the_manifest_is_the_one_that_files_out_there_hold(cohort):
    # It may change only together with FORMAT_VERSION: files that were written before would read as altered.
    assert FORMAT_VERSION == 1
    assert (
        digest_of(cohort, vars(cohort.provenance))
        == "f4da9a92a1ea0030b8b0ac429f3fd399cb24716a4a3c6d0a4053c6e1a949171b"
    )


def test_an_assay_that_nobody_has_is_not_written_alone(cohort, tmp_path):
    with pytest.raises(InputError, match=r"the cohort has no fusion. Choose one of: expression, mutation"):
        write_h5ad(cohort, Assay.FUSION, tmp_path / "f.h5ad")
    nobody = cohort.take(np.array([3]))
    with pytest.raises(InputError, match="no sample of the cohort has mutation"):
        write_h5ad(nobody, Assay.MUTATION, tmp_path / "f.h5ad")


def test_an_existing_file_is_kept_unless_asked(cohort, file):
    with pytest.raises(
        OutputError, match=r"c.h5mu exists. Choose another file, or allow it with --overwrite"
    ):
        write_h5mu(cohort, file)
    write_h5mu(cohort.take(np.array([0])), file, overwrite=True)
    assert len(read_h5mu(file)) == 1
    assert [path.name for path in file.parent.iterdir()] == ["c.h5mu"]


def test_text_that_hdf5_cannot_hold_leaves_no_file(cohort, tmp_path):
    cohort.clinical.loc["S1", "stage"] = "a\0b"
    with pytest.raises(OutputError, match=r"cannot be written .*NUL"):
        write_h5mu(cohort, tmp_path / "c.h5mu")
    assert list(tmp_path.iterdir()) == []


def test_numbers_among_text_are_refused(cohort, tmp_path):
    cohort.clinical.loc["S1", "stage"] = 3
    with pytest.raises(InputError, match=r"c.h5mu column stage holds text and other things"):
        write_h5mu(cohort, tmp_path / "c.h5mu")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_no_file(cohort, file, tmp_path):
    script = (
        "import sys; from pathlib import Path; from metarisk.data import read_h5mu, write_h5mu\n"
        "from metarisk.errors import OutputError\n"
        "cohort = read_h5mu(Path(sys.argv[1]))\n"
        "try: write_h5mu(cohort, Path(sys.argv[2]))\n"
        "except OutputError as error: print(error)"
    )
    most = 20_000  # bytes that the process may write to a file; a cohort takes more
    done = subprocess.run(
        [sys.executable, "-c", script, file, tmp_path / "full.h5mu"],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
        check=False,
    )
    assert "full.h5mu cannot be written" in done.stdout, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["c.h5mu"]


def test_without_the_optional_packages_the_install_command_is_told(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "anndata", None)
    with pytest.raises(
        InputError, match=r"c.h5mu needs anndata, which is not installed. .*pip install 'metarisk\[h5\]'"
    ):
        read_h5mu(file)
    assert "is not installed" in str(inspect_study(file).findings[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tcga_paad_five_assays", "metmap", "liquid"])
def test_a_real_cohort_comes_back_the_same(name, shared_data, tmp_path):
    study = Path(__file__).parents[2] / "configs" / "studies" / f"{name}.yaml"
    cohort = read_study(study, data_root=shared_data)
    write_h5mu(cohort, tmp_path / "c.h5mu")
    assert_equal(read_study(tmp_path / "c.h5mu"), cohort)
