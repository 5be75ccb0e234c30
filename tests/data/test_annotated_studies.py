"""AnnData and MuData files that other programs wrote, read through a study file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import sparse

from metarisk.config.study import AssayFile, CellsFile
from metarisk.data import inspect_study, read_study
from metarisk.schema.assays import Assay

GENES = ["TP53", "KRAS", "MYC", "EGFR", *(f"GENE{n}" for n in range(30))]
SAMPLES = ["00123", "1E5", "NA", "x-4"]


@pytest.fixture(autouse=True)
def unprobed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sound files need no other process to look first, which would take most of the time."""
    monkeypatch.setattr("metarisk.data.annotated.container.probe", lambda path: None)


@pytest.fixture
def values() -> np.ndarray:
    """log2 TPM, shape (N, G), a third of it zero."""
    drawn = np.random.default_rng(0).gamma(3.0, 2.0, size=(len(SAMPLES), len(GENES)))
    return np.where(drawn < 4.0, 0.0, drawn).astype(np.float32)


class Study:
    """An AnnData in the making, and the study file that names it."""

    def __init__(self, folder: Path, values: np.ndarray) -> None:
        import anndata

        obs = pd.DataFrame(
            {
                "patient": ["p1", "p1", "p2", "p3"],
                "age": np.array([50, 60.5, np.nan, 0.1], dtype=np.float32),
                "stage": pd.Categorical(["IV", None, "NA", "I"]),
                "responder": [True, False, True, False],
                "donor": SAMPLES,
            },
            index=SAMPLES,
        )
        var = pd.DataFrame({"entrez": [str(n) for n in range(len(GENES))]}, index=GENES)
        self.folder = folder
        self.data = anndata.AnnData(values, obs, var)
        self.study: dict[str, object] = {
            "name": "annotated",
            "format": "tables",
            "folder": ".",
            "clinical_file": {"file": "x.h5ad", "sample_column": "obs_names", "patient_column": "patient"},
            "clinical": {"age_years": "age", "stage": "stage"},
            "endpoints": {"response": {"column": "responder", "yes": ["True"], "no": ["False"]}},
        }
        self.assay: dict[str, object] = {
            "assay": "expression",
            "file": "x.h5ad",
            "unit": "log2_tpm",
            "orientation": "samples_in_rows",
            "id_column": "obs_names",
        }

    def write(self) -> Path:
        self.data.write_h5ad(self.folder / "x.h5ad")
        return self.only_the_study_file()

    def only_the_study_file(self) -> Path:
        path = self.folder / "study.yaml"
        path.write_text(yaml.safe_dump(self.study | {"assays": [self.assay]}))
        return path

    def told(self) -> str:
        return "\n".join(str(finding) for finding in inspect_study(self.write()).findings)


@pytest.fixture
def study(tmp_path, values) -> Study:
    return Study(tmp_path, values)


def expression(path: Path, genes: list[str]) -> np.ndarray:
    table = read_study(path).assays[Assay.EXPRESSION]
    return table.values[:, [table.genes.index(gene) for gene in genes], 0]


@pytest.mark.parametrize(
    "form",
    [
        np.asarray,
        np.float64,
        sparse.csr_matrix,
        sparse.csc_matrix,
        lambda x: sparse.csr_array(x.astype("f8")),
    ],
)
def test_every_form_of_a_matrix_reads_the_same(study, values, form):
    study.data.X = form(values)
    np.testing.assert_array_equal(expression(study.write(), GENES), values)


def test_obs_is_a_clinical_table_with_ids_to_the_letter(study):
    cohort = read_study(study.write())
    assert cohort.sample_ids.tolist() == SAMPLES
    assert cohort.patient_ids.tolist() == ["p1", "p1", "p2", "p3"]
    np.testing.assert_array_equal(cohort.clinical["age_years"], [50, 60.5, np.nan, 0.1])
    assert cohort.clinical["stage"].tolist() == ["IV", None, None, "I"]
    np.testing.assert_array_equal(cohort.endpoints["response"], [1, 0, 1, 0])


def test_an_index_with_a_name_is_a_column_of_that_name(study, values):
    study.data.obs.index.name = "tumour"
    study.study["clinical_file"]["sample_column"] = "tumour"
    study.assay["id_column"] = "tumour"
    np.testing.assert_array_equal(expression(study.write(), GENES), values)


def test_a_layer_or_raw_is_read_when_it_is_named(study, values):
    study.data.raw = study.data
    study.data.X = np.exp2(values) - 1
    study.data.layers["halved"] = values / 2
    study.assay["part"] = {"layer": "halved"}
    np.testing.assert_array_equal(expression(study.write(), GENES), values / 2)
    study.assay["part"] = {"layer": "raw"}
    np.testing.assert_array_equal(expression(study.write(), GENES), values)


def test_a_column_of_obs_may_name_the_samples_and_one_of_var_the_genes(study, values):
    study.data.obs_names = ["w", "x", "y", "z"]
    study.data.var["symbol"] = study.data.var_names
    study.data.var_names = [f"ENSG{n:011d}" for n in range(len(GENES))]
    study.study["clinical_file"]["sample_column"] = "donor"
    study.assay |= {"id_column": "donor", "part": {"gene_column": "symbol"}}
    np.testing.assert_array_equal(expression(study.write(), GENES), values)


def test_a_turned_matrix_is_named_with_the_fix_and_reads_when_declared(study, values):
    study.write()
    study.data.transpose().write_h5ad(study.folder / "t.h5ad")
    study.assay["file"] = "t.h5ad"
    told = "\n".join(map(str, inspect_study(study.only_the_study_file()).findings))
    assert "the sample ids stand in its columns. Declare orientation: genes_in_rows" in told
    study.assay["orientation"] = "genes_in_rows"
    np.testing.assert_array_equal(expression(study.only_the_study_file(), GENES), values)


@pytest.mark.parametrize(
    ("part", "column", "sentence"),
    [
        ({"layer": "cpn"}, "obs_names", "x.h5ad: has no layer 'cpn'. Did you mean 'cpm'?"),
        ({"modality": "rna"}, "obs_names", "has no modalities, and 'rna' was asked for"),
        ({"gene_column": "entres"}, "obs_names", "has no column 'entres' in var. Did you mean 'entrez'?"),
        ({}, "patience", "has no column 'patience' in obs. Did you mean 'patient'?"),
    ],
)
def test_what_does_not_exist_is_told_with_the_nearest_name(study, part, column, sentence):
    study.data.layers["cpm"] = study.data.X
    study.assay |= {"part": part, "id_column": column}
    assert sentence in study.told()


def test_a_layer_of_a_file_without_layers_is_told(study):
    study.assay["part"] = {"layer": "cpm"}
    assert "has no layer 'cpm'. It has X only; remove `layer`." in study.told()


def test_a_file_without_x_names_its_layers(study, values):
    study.data.layers["cpm"] = values
    study.data.X = None
    assert "has no X. Name a layer as `part.layer`: cpm." in study.told()


def test_a_sample_that_stands_twice_is_an_error_with_both_rows(study):
    study.data.obs_names = ["a", "b", "a", "c"]
    assert "x.h5ad, lines [1, 3], column obs_names, value 'a': the id stands twice" in study.told()


def test_a_gene_that_stands_twice_is_an_error(study):
    study.data.var_names = ["TP53", "TP53", *GENES[2:]]
    assert "error: x.h5ad, value 'TP53': the gene stands twice" in study.told()


def test_an_infinite_sample_is_listed_and_counts_as_missing(study, values):
    values[1, 5] = np.inf
    study.data.X = values
    assert "1 samples hold an infinite value (1E5)" in study.told()
    table = read_study(study.write()).assays[Assay.EXPRESSION]
    assert table.measured.any(axis=1).tolist() == [True, False, True, True]


def test_a_unit_that_the_values_contradict_is_guessed(study, values):
    study.data.X = np.rint(np.exp2(values) * 10)
    assert "declared as log2_tpm, but 4 samples look like counts" in study.told()


def test_modalities_of_mudata_are_assays_of_one_study(study, values):
    import anndata
    import mudata

    mutated = (values[:2, :4] > 6).astype(np.int8)
    dna = anndata.AnnData(mutated, study.data.obs.iloc[:2, :0], pd.DataFrame(index=GENES[:4]))
    with mudata.set_options(pull_on_update=False):
        with pytest.warns(UserWarning, match="var_names are not unique"):
            both = mudata.MuData({"rna": study.data, "dna": dna})
        both.obs["cohort age"] = [1.0, 2.0, 3.0, 4.0]
        both.write(study.folder / "both.h5mu")
    study.study |= {"clinical": {"age_years": "cohort age"}, "endpoints": {}}
    study.study["clinical_file"] = {"file": "both.h5mu", "sample_column": "obs_names"}
    study.assay |= {"file": "both.h5mu", "part": {"modality": "rna"}}
    calls = study.assay | {"assay": "mutation", "unit": "calls", "part": {"modality": "dna"}}
    path = study.only_the_study_file()
    path.write_text(yaml.safe_dump(study.study | {"assays": [study.assay, calls]}))
    cohort = read_study(path)
    np.testing.assert_array_equal(expression(path, GENES), values)
    np.testing.assert_array_equal(cohort.clinical["age_years"], [1, 2, 3, 4])
    table = cohort.assays[Assay.MUTATION]
    assert table.measured.any(axis=1).tolist() == [True, True, False, False]
    missense = table.values[:2, [table.genes.index(gene) for gene in GENES[:4]], 1]
    np.testing.assert_array_equal(missense, mutated)


@pytest.mark.parametrize(
    ("part", "sentence"),
    [({}, "has modalities rna, and none was asked for"), ({"modality": "rnq"}, "Did you mean 'rna'?")],
)
def test_the_modality_of_mudata_must_be_one_that_it_has(study, part, sentence):
    import mudata

    study.write()
    with mudata.set_options(pull_on_update=False):
        mudata.MuData({"rna": study.data}).write(study.folder / "one.h5mu")
    study.study["clinical_file"] = {"file": "one.h5mu", "modality": "rna", "sample_column": "obs_names"}
    study.assay |= {"file": "one.h5mu", "part": part}
    findings = inspect_study(study.only_the_study_file()).findings
    assert sentence in "\n".join(map(str, findings))


def test_a_part_of_a_text_table_is_refused_by_the_study_file():
    declared = {"assay": "expression", "file": "e.tsv", "unit": "tpm", "orientation": "genes_in_rows"}
    with pytest.raises(ValueError, match=r"part is for .h5ad and .h5mu files, e.tsv is neither"):
        AssayFile(**declared, id_column="gene", part={"layer": "x"})
    with pytest.raises(ValueError, match=r"cells are read from .h5ad or .h5mu, not from c.tsv"):
        CellsFile(file=Path("c.tsv"), sample_column="donor", fewest_cells=10)
