"""What was found, as tables: rows for a sample, and one table a kind for the cohort."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from metarisk.explain.parts import LEAST_DISTANCE, TOLERANCE, Explained, Names, Subject
from metarisk.explain.permutation import Tested
from metarisk.explain.stability import STABLE, Summed, rank_correlation, sign_agreement

OTHER = "other"
MISSING_DRIVES = 0.5  # of the distance vanishes: the answer is driven by what is missing
MOST_ROWS = 1000  # of an answer in a cohort's table, the largest
DRIVEN = "driven by what is missing"
ATTRIBUTIONS = pa.schema(
    [
        ("sample_id", pa.string()),
        ("answer", pa.dictionary(pa.int16(), pa.string())),
        ("kind", pa.dictionary(pa.int16(), pa.string())),
        ("name", pa.dictionary(pa.int32(), pa.string())),
        ("assay", pa.dictionary(pa.int16(), pa.string())),
        ("share", pa.float32()),
        ("sign_agreement", pa.float32()),
    ]
)


def attribution_rows(
    subject: Subject, found: Explained, sample_ids: NDArray[np.str_], top: int
) -> pd.DataFrame:
    """The largest parts of each answer of n samples, the others of a kind summed as ``other``.

    The shares of a sample, answer and kind add up to the answer's distance from the reference.
    """
    tables = [
        _rows_of(found.shares[kind], names, top).assign(kind=kind) for kind, names in subject.parts.items()
    ]
    table = pd.concat(tables, ignore_index=True)
    table["sample_id"] = sample_ids[table.pop("row").to_numpy()]
    table["answer"] = np.array(list(subject.questions), dtype=object)[table.pop("question").to_numpy()]
    return table[list(ATTRIBUTIONS.names)]


def _rows_of(shares: NDArray[np.float32], names: Names, top: int) -> pd.DataFrame:
    """Rows (question, row, name, assay, share, sign_agreement) of one kind, from (M, Q, n, F)."""
    mean, agreement = shares.mean(axis=0), sign_agreement(shares)
    few = min(top, names.own)
    size = np.abs(mean[..., : names.own])
    largest = np.argpartition(-size, max(few - 1, 0), axis=2)[..., :few] if few else size[..., :0].astype(int)
    rest = np.arange(names.own, len(names.names))
    kept = np.concatenate([largest, np.broadcast_to(rest, (*size.shape[:2], names.rest))], axis=2)
    question, row, _ = np.indices(kept.shape)
    chosen = np.take_along_axis(mean, kept, axis=2)
    table = pd.DataFrame(
        {
            "question": question.ravel(),
            "row": row.ravel(),
            "name": names.names[kept.ravel()],
            "assay": names.details[kept.ravel()],
            "share": chosen.ravel(),
            "sign_agreement": np.take_along_axis(agreement, kept, axis=2).ravel(),
        }
    )
    left = mean.sum(axis=2, dtype=np.float64) - chosen.sum(axis=2, dtype=np.float64)
    question, row = (index.ravel() for index in np.indices(left.shape))
    others = pd.DataFrame(
        {
            "question": question,
            "row": row,
            "name": OTHER,
            "assay": "",
            "share": left.ravel().astype(np.float32),
            "sign_agreement": np.float32(np.nan),
        }
    )
    return pd.concat([table[table["share"] != 0.0], *([others] if names.own > few else [])])


def answer_rows(subject: Subject, found: Explained, sample_ids: NDArray[np.str_]) -> pd.DataFrame:
    """One row a sample and answer: log odds, the reference's, and how much of it what is missing makes."""
    question, row = (index.ravel() for index in np.indices(found.log_odds.shape))
    missing = found.missing_share.ravel()
    return pd.DataFrame(
        {
            "sample_id": sample_ids[row],
            "answer": np.array(list(subject.questions), dtype=object)[question],
            "log_odds": found.log_odds.ravel().round(6),
            "reference": np.broadcast_to(found.reference, found.log_odds.shape).ravel().round(6),
            "missing_share": missing.round(4),
            "flag": np.where(missing >= MISSING_DRIVES, DRIVEN, ""),
        }
    )


def cohort_table(subject: Subject, kind: str, summed: Summed, tested: Tested) -> pd.DataFrame:
    """Parts of a kind by how much they move each answer, the `MOST_ROWS` largest, the rest of no kind too.

    Columns: answer, rank, name, assay (or relation), title (of pathways), mean_size and mean_share (log odds,
    over the samples), raised (genes: mean share, sign turned where the gene is below the training mean),
    sign_agreement and spread (over the members), unstable (under `STABLE` of the members agree on the sign),
    difference (mean share of patients with the event minus without, within cancer type), p, p_adjusted.
    """
    columns = {
        "mean_size": summed.size,
        "mean_share": summed.share,
        "raised": summed.raised,
        "sign_agreement": summed.agreement,
        "spread": summed.spread,
        "unstable": summed.unstable,
        "difference": tested.difference,
        "p": tested.p,
        "p_adjusted": tested.p_adjusted,
    }
    if kind != "gene":
        del columns["raised"]
    found = [_ranked(subject, kind, columns, place) for place in range(len(subject.questions))]
    return pd.concat(found, ignore_index=True)


def _ranked(subject: Subject, kind: str, columns: dict[str, NDArray[Any]], place: int) -> pd.DataFrame:
    """Rows of one answer, from columns of shape (Q, F)."""
    names, size = subject.parts[kind], columns["mean_size"][place]
    own = np.argsort(-size[: names.own], kind="stable")[:MOST_ROWS]
    own = own[size[own] > 0.0]
    rows = np.concatenate([own, np.arange(names.own, len(names.names))])
    rank = np.concatenate([np.arange(1, len(own) + 1), np.zeros(names.rest, dtype=np.int64)])
    table = pd.DataFrame({"answer": list(subject.questions)[place], "rank": rank, "name": names.names[rows]})
    table["relation" if kind == "edge" else "assay"] = names.details[rows]
    if kind == "pathway":
        topology = subject.bundle.topology
        table["title"] = [
            topology.title(name) if name in topology.pathway_index else "" for name in table["name"].to_list()
        ]
    return table.assign(**{name: values[place, rows] for name, values in columns.items()})


class Completeness:
    """Whether the shares of a kind add up, over the samples so far."""

    def __init__(self, answers: int) -> None:
        self._samples = 0
        self._over, self._distance = np.zeros((2, answers))
        self._largest = np.zeros(answers)

    def add(self, found: Explained, kind: str) -> None:
        """Add n samples."""
        gap = found.gap(kind)
        self._samples += gap.shape[1]
        self._over += (gap > TOLERANCE).sum(axis=1)
        self._largest = np.maximum(self._largest, gap.max(axis=1, initial=0.0))
        self._distance += np.abs(found.distance).sum(axis=1)

    def table(self, subject: Subject, kind: str, summed: Summed) -> pd.DataFrame:
        """One row an answer; ``largest_gap`` is relative to the distance, `LEAST_DISTANCE` at least."""
        own = subject.parts[kind].own
        return pd.DataFrame(
            {
                "answer": list(subject.questions),
                "kind": kind,
                "samples": self._samples,
                "mean_distance": self._distance / max(self._samples, 1),
                "largest_gap": self._largest,
                "over_tolerance": self._over.astype(np.int64),
                "flag": np.where(self._over > 0, "incomplete", ""),
                "rank_correlation": [
                    rank_correlation(summed.member_size[:, place, :own])
                    for place in range(len(subject.questions))
                ],
                "unstable_of_top_20": [
                    int(summed.unstable[place, np.argsort(-summed.size[place, :own])[:20]].sum())
                    for place in range(len(subject.questions))
                ],
            }
        )


METHOD = (
    "Shares are calibrated log odds and add up to the answer minus that of the average training patient.",
    f"A gap is relative to that distance, or to {LEAST_DISTANCE} if it is less; over {TOLERANCE} it is told.",
    f"A part is unstable where under {STABLE:.0%} of the members agree on its sign.",
    f"An answer is driven by what is missing where {MISSING_DRIVES:.0%} of its distance or more vanishes "
    "when unknown clinical values are put at the training mean; what an assay did not measure adds nothing.",
    "p: among patients of one cancer type the share tells nothing of the outcome (outcomes permuted within "
    "type, one sided); p_adjusted: for the strongest of all parts of the answer (Westfall and Young). A "
    "part that matters to a model is not thereby a cause.",
)
