"""A tiny cBioPortal study that tests break in one place at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from metarisk.data.study import StudyReading, inspect_study

HEADER_LINES = "#a\n#b\n#c\n#d\n"


def meta(kind: str, datatype: str, file: str) -> str:
    return (
        f"cancer_study_identifier: tiny\ngenetic_alteration_type: {kind}\n"
        f"datatype: {datatype}\ndata_filename: {file}\n"
    )


def rows(*lines: str) -> str:
    """Lines written with spaces between fields; ``_`` is an empty field."""
    return "".join(
        "\t".join("" if cell == "_" else cell for cell in line.split(" ")) + "\n" for line in lines
    )


def tiny_files() -> dict[str, str]:
    return {
        "meta_study.txt": "cancer_study_identifier: tiny\nname: Tiny\nlicense: CC0\ntype_of_cancer: mixed\n",
        "meta_clinical_sample.txt": meta("CLINICAL", "SAMPLE_ATTRIBUTES", "data_clinical_sample.txt"),
        "meta_clinical_patient.txt": meta("CLINICAL", "PATIENT_ATTRIBUTES", "data_clinical_patient.txt"),
        "meta_mutations.txt": meta("MUTATION_EXTENDED", "MAF", "data_mutations.txt"),
        "meta_cna.txt": meta("COPY_NUMBER_ALTERATION", "DISCRETE", "data_cna.txt"),
        "meta_sv.txt": meta("STRUCTURAL_VARIANT", "SV", "data_sv.txt"),
        "meta_gene_panel_matrix.txt": meta(
            "GENE_PANEL_MATRIX", "GENE_PANEL_MATRIX", "data_gene_panel_matrix.txt"
        ),
        "data_clinical_sample.txt": HEADER_LINES
        + rows(
            "SAMPLE_ID PATIENT_ID ONCOTREE_CODE SAMPLE_TYPE TUMOR_PURITY TMB_NONSYNONYMOUS GENE_PANEL BONE",
            "S1 P1 LUAD Primary 50 4.5 BIG Yes",
            "S2 P2 LUAD Primary 20 1.5 SMALL No",
            "S3 P3 BRCA Metastasis _ 2 BIG _",
            "S4 P3 BRCA Primary 70 3 SMALL No",
        ),
        "data_clinical_patient.txt": HEADER_LINES
        + rows(
            "PATIENT_ID SEX OS_MONTHS OS_STATUS AGE_AT_SEQUENCING MET_AGE DEATH_AGE LAST_AGE",
            "P1 Female 12 1:DECEASED 60 60.5 61 _",
            "P2 Male 24 0:LIVING 50 _ _ 52",
            "P3 Female 6 1:DECEASED 70 _ 70.5 _",
        ),
        "data_mutations.txt": rows(
            "Hugo_Symbol Variant_Classification Reference_Allele Tumor_Seq_Allele2 Tumor_Sample_Barcode",
            "TP53 Nonsense_Mutation C T S1",
            "KRAS Missense_Mutation C A S1",
            "EGFR In_Frame_Del GAATTA - S3",
            "TP53 Silent C T S2",
            "KRAS Missense_Mutation G T S4",
        ),
        "data_cna.txt": rows("Hugo_Symbol S1 S2 S3 S4", "EGFR 2 0 0 0", "TP53 -2 0 NA -1"),
        "data_sv.txt": rows(
            "Sample_Id SV_Status Site1_Hugo_Symbol Site2_Hugo_Symbol",
            "S1 SOMATIC EGFR TP53",
            "S3 GERMLINE KRAS KRAS",
        ),
        "data_gene_panel_matrix.txt": rows(
            "SAMPLE_ID mutations cna structural_variants",
            "S1 BIG BIG BIG",
            "S2 SMALL SMALL SMALL",
            "S3 BIG BIG BIG",
            "S4 SMALL SMALL NA",
        ),
        "data_gene_panel_big.txt": "stable_id: BIG\ndescription: d\ngene_list: TP53\tKRAS\tEGFR\tBRAF\n",
        "data_gene_panel_small.txt": "stable_id: SMALL\ndescription: d\ngene_list: TP53\tKRAS\n",
    }


@dataclass
class TinyStudy:
    """A study folder in the making: change a file, then read it."""

    folder: Path
    files: dict[str, str | bytes] = field(default_factory=dict)

    def change(self, name: str, old: str, new: str) -> TinyStudy:
        text = self.files[name]
        assert isinstance(text, str)
        assert old in text
        self.files[name] = text.replace(old, new)
        return self

    def put(self, name: str, content: str | bytes) -> TinyStudy:
        self.files[name] = content
        return self

    def drop(self, *names: str) -> TinyStudy:
        for name in names:
            del self.files[name]
            (self.folder / name).unlink(missing_ok=True)
        return self

    def write(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self.folder

    def read(self) -> StudyReading:
        return inspect_study(self.write())

    def told(self) -> str:
        """Every finding, one a line."""
        return "\n".join(map(str, self.read().findings))

    def errors(self) -> list[str]:
        return [str(finding) for finding in self.read().findings if finding.level.value == "error"]


@pytest.fixture
def tiny(tmp_path: Path) -> TinyStudy:
    return TinyStudy(tmp_path / "tiny", dict(tiny_files()))
