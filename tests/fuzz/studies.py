"""Small valid studies, drawn from a seed: a portal folder and a folder of plain tables."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

SAMPLES = tuple(f"P-{number:04d}-T01" for number in range(16))
PANEL_GENES = ("TP53", "KRAS", "BRAF", "PIK3CA", "EGFR", "PTEN", "RB1", "KMT2A", "CDH1", "SMAD4", "STK11")
# More than twenty, so that a sample's distribution says something about its unit.
OTHER_GENES = (
    "KEAP1 VIM CDH2 ZEB1 SNAI1 TWIST1 MMP2 MMP9 LOX FN1 CXCR4 CXCL12 CCR7 VEGFA "
    "KDR HIF1A ITGAV ITGB3 CD274 PDCD1 CTLA4 STAT1 IFNG B2M MET HGF SRC"
)
GENES = (*PANEL_GENES, *OTHER_GENES.split())
CLASSES = (
    "Missense_Mutation",
    "Nonsense_Mutation",
    "Frame_Shift_Del",
    "In_Frame_Del",
    "Silent",
    "Splice_Site",
)
PORTAL_STUDY = """\
name: fuzz_portal
folder: .
licence: none, drawn at random
clinical:
  {age_years: AGE, sex: SEX, cancer_type: ONCOTREE_CODE, purity: TUMOR_PURITY, tmb_per_mb: TMB_NONSYNONYMOUS}
scale: {purity: 0.01}
units: {data_expression.txt: log2_tpm}
endpoints:
  sites:
    bone: {column: BONE, "yes": ["Yes"], "no": ["No"]}
    liver: {column: LIVER, "yes": ["Yes"], "no": ["No"]}
  os: {time: OS_MONTHS, unit: months, status: OS_STATUS, event: ["1:DECEASED"], censored: ["0:LIVING"]}
"""
TABLES_STUDY = """\
name: fuzz_tables
format: tables
folder: .
licence: none, drawn at random
clinical_file: {file: clinical.csv, sample_column: sample, patient_column: patient}
clinical: {age_years: age, sex: sex, tmb_per_mb: tmb, cancer_type: cancer}
endpoints:
  response: {column: response, "yes": ["R"], "no": ["NR"]}
  os: {time: days, unit: days, status: dead, event: ["1"], censored: ["0"]}
assays:
  - {assay: expression, file: expression.tsv, unit: log2_tpm, orientation: genes_in_rows, id_column: gene}
  - {assay: methylation, file: methylation.csv, unit: beta, orientation: samples_in_rows, id_column: sample}
  - {assay: copy_number, file: copy_number.tsv, unit: discrete, orientation: genes_in_rows, id_column: gene}
"""

Table = list[list[str]]


def write_portal(folder: Path, rng: np.random.Generator) -> None:
    """A cBioPortal study of 16 samples: clinic, panels, mutations, copy number, fusions, expression."""
    folder.mkdir(parents=True)
    put(folder, "metarisk_study.yaml", PORTAL_STUDY)
    put(
        folder,
        "meta_study.txt",
        "cancer_study_identifier: fuzz\nname: Fuzz\ntype_of_cancer: mixed\nlicense: none\n",
    )
    kinds = {
        "clinical_sample": ("CLINICAL", "SAMPLE_ATTRIBUTES"),
        "clinical_patient": ("CLINICAL", "PATIENT_ATTRIBUTES"),
        "mutations": ("MUTATION_EXTENDED", "MAF"),
        "cna": ("COPY_NUMBER_ALTERATION", "DISCRETE"),
        "sv": ("STRUCTURAL_VARIANT", "SV"),
        "expression": ("MRNA_EXPRESSION", "CONTINUOUS"),
        "gene_panel_matrix": ("GENE_PANEL_MATRIX", "GENE_PANEL_MATRIX"),
    }
    for name, (kind, datatype) in kinds.items():
        lines = (
            f"genetic_alteration_type: {kind}",
            f"datatype: {datatype}",
            f"data_filename: data_{name}.txt",
        )
        put(folder, f"meta_{name}.txt", "cancer_study_identifier: fuzz\n" + "\n".join(lines) + "\n")
    put(folder, "data_gene_panel_wide.txt", panel("WIDE", PANEL_GENES))
    put(folder, "data_gene_panel_narrow.txt", panel("NARROW", PANEL_GENES[:7]))
    on_panel = [("WIDE", "NARROW")[int(draw)] for draw in rng.integers(2, size=len(SAMPLES))]
    write_tsv(folder, "data_gene_panel_matrix.txt", [
        ["SAMPLE_ID", "mutations", "cna", "structural_variants"],
        *([sample, name, name, name] for sample, name in zip(SAMPLES, on_panel, strict=True)),
    ])  # fmt: skip
    write_tsv(folder, "data_clinical_sample.txt", sample_rows(rng), comments=4)
    write_tsv(folder, "data_clinical_patient.txt", patient_rows(rng), comments=4)
    write_tsv(folder, "data_mutations.txt", mutation_rows(rng, on_panel))
    write_tsv(folder, "data_sv.txt", fusion_rows(rng))
    write_tsv(
        folder, "data_cna.txt", matrix_rows("Hugo_Symbol", PANEL_GENES, discrete(rng, len(PANEL_GENES)))
    )
    write_tsv(folder, "data_expression.txt", matrix_rows("Hugo_Symbol", GENES, log2_tpm(rng)))


def write_tables(folder: Path, rng: np.random.Generator) -> None:
    """A folder of plain tables, tab- and comma-separated, genes in rows and in columns."""
    folder.mkdir(parents=True)
    put(folder, "study.yaml", TABLES_STUDY)
    write_tsv(folder, "expression.tsv", matrix_rows("gene", GENES, log2_tpm(rng)))
    write_tsv(folder, "copy_number.tsv", matrix_rows("gene", PANEL_GENES, discrete(rng, len(PANEL_GENES))))
    beta = np.round(rng.beta(0.6, 0.6, size=(len(GENES), len(SAMPLES))), 4)
    turned = matrix_rows("sample", GENES, beta)
    write_csv(folder, "methylation.csv", [list(column) for column in zip(*turned, strict=True)])
    clinical = [["sample", "patient", "age", "sex", "tmb", "cancer", "response", "days", "dead", "note"]]
    for number, sample in enumerate(SAMPLES):
        clinical.append([
            sample, f"PT{number // 2}", f"{rng.uniform(30, 85):.1f}", pick(rng, "Male", "Female"),
            f"{rng.lognormal(1.2, 0.8):.2f}", pick(rng, "LUAD", "BRCA", ""), pick(rng, "R", "NR", ""),
            f"{rng.integers(20, 3000)}", pick(rng, "0", "1"), "seen, twice",
        ])  # fmt: skip
    write_csv(folder, "clinical.csv", clinical)


def sample_rows(rng: np.random.Generator) -> Table:
    head = ["SAMPLE_ID", "PATIENT_ID", "ONCOTREE_CODE", "TUMOR_PURITY", "TMB_NONSYNONYMOUS", "BONE", "LIVER"]
    rows = [head]
    for number, sample in enumerate(SAMPLES):
        purity, tmb = f"{rng.integers(10, 95)}", f"{rng.lognormal(1.2, 0.8):.2f}"
        organs = [pick(rng, "Yes", "No", "No", ""), pick(rng, "Yes", "No", "")]
        rows.append(
            [sample, f"P-{number - number % 2:04d}", pick(rng, "LUAD", "BRCA", "PRAD"), purity, tmb, *organs]
        )
    return rows


def patient_rows(rng: np.random.Generator) -> Table:
    rows = [["PATIENT_ID", "SEX", "AGE", "OS_MONTHS", "OS_STATUS"]]
    for number in range(0, len(SAMPLES), 2):
        months = f"{rng.uniform(0.5, 120):.2f}"
        status = pick(rng, "1:DECEASED", "0:LIVING")
        rows.append(
            [f"P-{number:04d}", pick(rng, "Male", "Female"), f"{rng.uniform(30, 85):.1f}", months, status]
        )
    return rows


def mutation_rows(rng: np.random.Generator, on_panel: list[str]) -> Table:
    rows = [
        [
            "Hugo_Symbol",
            "Variant_Classification",
            "Reference_Allele",
            "Tumor_Seq_Allele2",
            "Tumor_Sample_Barcode",
        ]
    ]
    for sample, name in zip(SAMPLES, on_panel, strict=True):
        genes = PANEL_GENES if name == "WIDE" else PANEL_GENES[:7]
        chosen = rng.choice(genes, size=3, replace=False)
        rows += [[str(gene), pick(rng, *CLASSES), "C", "T", sample] for gene in chosen]
    return rows


def fusion_rows(rng: np.random.Generator) -> Table:
    rows = [["Sample_Id", "SV_Status", "Site1_Hugo_Symbol", "Site2_Hugo_Symbol"]]
    for sample in SAMPLES[::3]:
        one, two = rng.choice(PANEL_GENES[:7], size=2, replace=False)
        rows.append([sample, "SOMATIC", str(one), str(two)])
    return rows


def matrix_rows(corner: str, genes: tuple[str, ...], values: np.ndarray) -> Table:
    body = ([gene, *map("{:g}".format, row)] for gene, row in zip(genes, values, strict=True))
    return [[corner, *SAMPLES], *body]


def log2_tpm(rng: np.random.Generator) -> np.ndarray:
    level = rng.uniform(0.5, 11.0, size=(len(GENES), 1)) + rng.normal(0, 0.8, size=(len(GENES), len(SAMPLES)))
    return np.round(np.maximum(level, 0.0), 3)


def discrete(rng: np.random.Generator, genes: int) -> np.ndarray:
    return rng.choice([-2, -1, 0, 0, 0, 1, 2], size=(genes, len(SAMPLES)))


def panel(name: str, genes: tuple[str, ...]) -> str:
    return f"stable_id: {name}\ndescription: drawn\ngene_list: " + "\t".join(genes) + "\n"


def pick(rng: np.random.Generator, *choices: str) -> str:
    return choices[int(rng.integers(len(choices)))]


def put(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")


def write_tsv(folder: Path, name: str, rows: Table, *, comments: int = 0) -> None:
    """Tab-separated; the portal's clinical tables begin with comment lines."""
    lines = ["#" + "\t".join(rows[0])] * comments + ["\t".join(row) for row in rows]
    put(folder, name, "\n".join(lines) + "\n")


def write_csv(folder: Path, name: str, rows: Table) -> None:
    with (folder / name).open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)
