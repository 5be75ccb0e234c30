"""What a scoring run gave: counts for its operator, and the manifest that goes with the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from metarisk import __version__
from metarisk.data.cohort import Provenance
from metarisk.schema.scores import FLAG_SEPARATOR
from metarisk.score.layout import FORMAT, FORMAT_VERSION, SCORES

if TYPE_CHECKING:
    from metarisk.models.bundle import ModelBundle


@dataclass(frozen=True)
class ScoreReport:
    """What was scored, with what, and where the table is.

    Attributes
    ----------
    out
        Folder of the scores.
    model_name, model_version, bundle_sha256, topology_sha256
        The model.
    input_name, input_sha256
        The samples' source.
    samples, rows
        Rows are samples times questions.
    abstained
        Rows without a probability; their flags say why.
    flags
        Flag -> samples that carry it.
    sha256
        Hash of the parquet file.
    set_aside
        Rows of the input that were not scored; ``quarantine.tsv`` has their reasons.
    """

    out: Path
    model_name: str
    model_version: str
    bundle_sha256: str
    topology_sha256: str
    input_name: str
    input_sha256: str
    samples: int
    rows: int
    abstained: int
    flags: Mapping[str, int]
    sha256: str
    set_aside: int = 0

    @classmethod
    def of(cls, out: Path, manifest: Mapping[str, Any]) -> ScoreReport:
        """Report of a folder of scores, from its manifest."""
        model = manifest["model"]
        return cls(
            out=out,
            model_name=model["name"],
            model_version=model["version"],
            bundle_sha256=model["bundle_sha256"],
            topology_sha256=model["topology_sha256"],
            input_name=manifest["input"]["name"],
            input_sha256=manifest["input"]["sha256"],
            samples=manifest["samples"],
            rows=manifest["rows"],
            abstained=manifest["abstained"],
            flags=manifest["flags"],
            sha256=manifest["files"][SCORES],
            set_aside=manifest["set_aside"],
        )

    @property
    def scores(self) -> Path:
        """The parquet table."""
        return self.out / SCORES

    def manifest(self, files: Mapping[str, str]) -> dict[str, Any]:
        """The same as plain values, without the place, with the hash of every file of the result."""
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "metarisk": __version__,
            "model": {
                "name": self.model_name,
                "version": self.model_version,
                "bundle_sha256": self.bundle_sha256,
                "topology_sha256": self.topology_sha256,
            },
            "input": {"name": self.input_name, "sha256": self.input_sha256},
            "samples": self.samples,
            "rows": self.rows,
            "abstained": self.abstained,
            "set_aside": self.set_aside,
            "flags": dict(self.flags),
            "files": dict(files),
        }


class Tally:
    """Counts over the parts of a table; a sample's rows all stand in one part."""

    def __init__(self) -> None:
        self.samples = 0
        self.rows = 0
        self.abstained = 0
        self.flags: Counter[str] = Counter()

    def add(self, scores: pd.DataFrame) -> None:
        """Count the rows of one part."""
        self.samples += scores["sample_id"].nunique()
        self.rows += len(scores)
        self.abstained += int(scores["probability"].isna().sum())
        told = scores[["sample_id", "flags"]].drop_duplicates()
        each = told.assign(flags=told["flags"].str.split(FLAG_SEPARATOR)).explode("flags").drop_duplicates()
        self.flags.update(each["flags"][each["flags"] != ""].to_list())

    def report(
        self, bundle: ModelBundle, source: Provenance, out: Path, sha256: str, set_aside: int
    ) -> ScoreReport:
        """The counts with the model's and the input's names and hashes."""
        return ScoreReport(
            out=out,
            model_name=bundle.name,
            model_version=bundle.version,
            bundle_sha256=bundle.sha256,
            topology_sha256=bundle.topology.sha256,
            input_name=source.name,
            input_sha256=source.sha256,
            samples=self.samples,
            rows=self.rows,
            abstained=self.abstained,
            flags=dict(sorted(self.flags.items())),
            sha256=sha256,
            set_aside=set_aside,
        )
