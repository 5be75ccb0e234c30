"""A small folder of plain tables with its study file, to change in one place at a time."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from metarisk.data import inspect_study, read_study
from metarisk.data.cohort import Cohort


class Folder:
    """A folder of tables with its study file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.study: dict[str, object] = {
            "name": "plain",
            "format": "tables",
            "folder": ".",
            "clinical_file": {"file": "clinical.csv", "sample_column": "sample"},
            "clinical": {"age_years": "age"},
            "endpoints": {"response": {"column": "response", "yes": ["1"], "no": ["0"]}},
            "assays": [],
            "calls": [],
        }
        self.clinical = pd.DataFrame(
            {
                "sample": ["00123", "1E5", "NA", "x-4"],
                "age": ["50", "60", "", "70"],
                "response": ["1", "0", "", "1"],
            }
        )

    def assay(self, file: str, unit: str = "log2_tpm", **more: object) -> None:
        row = {
            "assay": "expression",
            "file": file,
            "unit": unit,
            "orientation": "genes_in_rows",
            "id_column": "gene",
        }
        self.study["assays"].append(row | more)

    def calls(self, file: str, **more: object) -> None:
        row = {"assay": "mutation", "file": file, "sample_column": "sample", "gene_column": "gene"}
        self.study["calls"].append(row | more)

    def say(self, **clinical_file: object) -> None:
        """Change the section of the clinical file."""
        self.study["clinical_file"] |= clinical_file

    def put(self, name: str, *lines: str) -> None:
        """A text file whose fields are written with spaces between them; ``_`` is an empty field."""
        split = [["" if cell == "_" else cell for cell in line.split(" ")] for line in lines]
        separator = "," if name.endswith(".csv") else "\t"
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(separator.join(cells) + "\n" for cells in split))

    def write(self) -> Path:
        if self.study["clinical_file"]["file"] == "clinical.csv":
            self.clinical.to_csv(self.path / "clinical.csv", index=False)
        (self.path / "study.yaml").write_text(yaml.safe_dump(self.study))
        return self.path / "study.yaml"

    def read(self) -> Cohort:
        return read_study(self.write())

    def told(self) -> str:
        """Every finding, one a line."""
        return "\n".join(map(str, inspect_study(self.write()).findings))

    def errors(self) -> list[str]:
        findings = inspect_study(self.write()).findings
        return [str(finding) for finding in findings if finding.level.value == "error"]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)
