from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metarisk.data.cohort import AssayTable, Cohort, Provenance
from metarisk.errors import InputError, OutputError
from metarisk.jobs.circuit import alteration_percent, draw, gene_numbers
from metarisk.schema.assays import Assay

IDS = np.array(["a", "b", "c", "d"])


def table(assay: Assay, values: list[list[float]], unit: str, channels: int = 1) -> AssayTable:
    array = np.array(values, dtype=np.float32)[:, :, None].repeat(channels, axis=2)
    return AssayTable(assay, IDS, ("TP53", "KRAS"), array, np.array([unit] * 4))


def test_a_gene_is_altered_by_mutation_or_deep_copy_change_among_the_samples_tested() -> None:
    nan = np.nan
    mutation = table(Assay.MUTATION, [[1, nan], [0, nan], [0, nan], [nan, nan]], "calls", 4)
    copies = table(Assay.COPY_NUMBER, [[0, 1], [-2, 2], [1, -1], [nan, nan]], "discrete")
    clinical = pd.DataFrame({"patient_id": IDS}, index=pd.Index(IDS, name="sample_id"))
    cohort = Cohort.join(
        clinical, [mutation, copies], pd.DataFrame(index=clinical.index), Provenance("t", "", "")
    )
    percent = alteration_percent(cohort)
    assert percent["TP53"] == pytest.approx(100 * 2 / 3)
    assert percent["KRAS"] == pytest.approx(100 / 3)


def test_a_figure_is_drawn_with_numbers_of_a_table_and_never_over_another(tmp_path: Path) -> None:
    numbers = tmp_path / "attribution.tsv"
    numbers.write_text("gene\tattribution\nCXCR4\t0.7\nCXCL12\t-0.2\n", encoding="utf-8")
    figure = draw("niche_dormancy", tmp_path / "niche.svg", overlay=numbers)
    plain = draw("niche_dormancy", tmp_path / "plain.svg")
    assert figure.read_text(encoding="utf-8").startswith("<?xml")
    assert figure.read_bytes() != plain.read_bytes()
    with pytest.raises(OutputError, match=r"niche\.svg exists"):
        draw("niche_dormancy", tmp_path / "niche.svg")


def test_a_table_that_holds_no_numbers_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "x.tsv"
    wrong.write_text("gene\tvalue\nTP53\thigh\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"x\.tsv is not a table of numbers a gene"):
        gene_numbers(wrong)
