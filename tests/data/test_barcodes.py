"""TCGA barcodes: tumours are told from normal tissue, and one portion of each is read."""

from __future__ import annotations

import numpy as np
import pytest

from metarisk.data.barcodes import TUMOUR_TYPES, patients_of, sample_types, tumours
from metarisk.data.found import Found


def read(*barcodes: str, patients: bool = False) -> tuple[list[int], list[str], str]:
    found: Found = []
    kept = tumours(np.array(barcodes, dtype=str), "x.tsv", found, patients=patients)
    return kept.rows.tolist(), kept.ids.tolist(), "\n".join(map(str, found))


def test_aliquots_are_cut_to_their_sample():
    rows, ids, told = read("TCGA-OR-A5J1-01A-11R-A29S-07", "TCGA-D3-A1Q1-06B", "TCGA-AB-2802-03")
    assert rows == [0, 1, 2]
    assert ids == ["TCGA-OR-A5J1-01", "TCGA-D3-A1Q1-06", "TCGA-AB-2802-03"]
    assert told == ""


@pytest.mark.parametrize("code", ["10", "11", "12", "13", "14", "15", "20", "50", "60", "61", "99"])
def test_normal_tissue_controls_and_models_are_left_out_and_counted(code):
    rows, ids, told = read(f"TCGA-OR-A5J1-{code}A", "TCGA-OR-A5J1-01A")
    assert (rows, ids) == ([1], ["TCGA-OR-A5J1-01"])
    assert f"x.tsv: 1 samples are normal tissue, controls or models (TCGA-OR-A5J1-{code}A)" in told


def test_of_several_portions_the_first_by_name_is_read_wherever_it_stands():
    rows, ids, told = read("TCGA-OR-A5J1-01C", "TCGA-OR-A5J1-01A", "TCGA-OR-A5J2-01A", "TCGA-OR-A5J1-01B")
    assert (rows, ids) == ([1, 2], ["TCGA-OR-A5J1-01", "TCGA-OR-A5J2-01"])
    assert (
        "2 samples are further portions of one tumour or patient (TCGA-OR-A5J1-01C, TCGA-OR-A5J1-01B)" in told
    )


def test_a_primary_stands_for_the_patient_before_a_metastasis():
    rows, ids, _ = read("TCGA-D3-A1Q1-06A", "TCGA-D3-A1Q1-01A", "TCGA-D3-A1Q2-06A", patients=True)
    assert (rows, ids) == ([1, 2], ["TCGA-D3-A1Q1", "TCGA-D3-A1Q2"])


def test_ids_of_patients_are_barcodes_too():
    assert read("TCGA-OR-A5J1")[:2] == ([0], ["TCGA-OR-A5J1"])


@pytest.mark.parametrize("name", ["OR-A5J1-01", "TCGA-OR-A5J1-1", "tcga-or-a5j1-01", "GTEX-1117F", ""])
def test_what_is_no_barcode_is_an_error(name):
    rows, _, told = read(name, "TCGA-OR-A5J1-01")
    assert rows == [1]
    assert "error: x.tsv: 1 sample ids are no TCGA barcodes" in told


def test_types_and_patients_are_read_from_the_barcode():
    barcodes = np.array(
        ["TCGA-OR-A5J1-01A", "TCGA-OR-A5J1-06", "TCGA-OR-A5J1-02", "TCGA-OR-A5J1-11", "TCGA-OR-A5J1"]
    )
    assert sample_types(barcodes).tolist() == ["Primary", "Metastasis", "Recurrence", "Normal", ""]
    assert set(patients_of(barcodes)) == {"TCGA-OR-A5J1"}


def test_no_code_of_normal_tissue_is_a_tumour():
    assert not {f"{code}" for code in range(10, 21)} & set(TUMOUR_TYPES)
