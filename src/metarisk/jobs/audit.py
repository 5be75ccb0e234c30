"""The audit of a scoring job: counts on the way, three files at the end."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from metarisk.files import written
from metarisk.report.scores_page import SetAsideRows, scores_page
from metarisk.score.audit import Audit, audit_of
from metarisk.score.counts import InputCounts, ScoreCounts

if TYPE_CHECKING:
    import pandas as pd

    from metarisk.data.cohort import Cohort
    from metarisk.models.bundle import ModelBundle
    from metarisk.score.report import ScoreReport

TABLE, TREE, PAGE = "audit.tsv", "audit.json", "scores.html"
QUARANTINE, REASON = "quarantine.tsv", "reason"
# Reasons that are told apart; whatever comes after so many different ones is counted together.
MOST_REASONS, FURTHER = 1000, "(further reasons)"


class AuditOfJob:
    """What a scoring job calls on its way; bounded in memory, and the same for any order and cut of parts.

    Parameters
    ----------
    bundle
        The model.
    """

    def __init__(self, bundle: ModelBundle) -> None:
        self._summary = bundle.reference.summary
        self._seen = InputCounts(self._summary, bundle.transform)
        self._scored = ScoreCounts(self._summary)

    def input_seen(self, cohort: Cohort) -> None:
        """Count the samples of a part."""
        self._seen.add(cohort)

    def scores_composed(self, scores: pd.DataFrame) -> None:
        """Count the rows of a part of the table; a sample's rows all stand in one part."""
        self._scored.add(scores)

    def finishing(self, draft: Path, report: ScoreReport) -> None:
        """Write ``audit.tsv``, ``audit.json`` and ``scores.html`` into the folder of the result.

        Raises
        ------
        OutputError
            If they cannot be written.
        """
        audit = self.audit(report)
        texts = {
            TABLE: audit.table(),
            TREE: json.dumps(audit.tree(), indent=1, ensure_ascii=False, allow_nan=False) + "\n",
            PAGE: scores_page(report, audit, set_aside_rows(draft / QUARANTINE)),
        }
        for name, text in texts.items():
            with written(draft / name) as file:
                file.write_text(text, encoding="utf-8")

    def audit(self, report: ScoreReport) -> Audit:
        """What was found over everything counted so far."""
        return audit_of(self._summary, self._seen, self._scored, report)


def set_aside_rows(quarantine: Path) -> SetAsideRows:
    """Rows of ``quarantine.tsv`` by reason, none where there is no such file; read line by line."""
    reasons: Counter[str] = Counter()
    if not quarantine.is_file():
        return SetAsideRows(0, reasons)
    with quarantine.open(encoding="utf-8", newline="\n") as lines:
        column = next(lines, "").rstrip("\n").split("\t").index(REASON)
        for line in lines:
            reason = line.rstrip("\n").split("\t")[column]
            known = reason in reasons or len(reasons) < MOST_REASONS
            reasons[reason if known else FURTHER] += 1
    return SetAsideRows(reasons.total(), reasons)
