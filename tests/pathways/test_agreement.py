"""The curated signs against what SIGNOR and CollecTRI say of the same pairs of genes."""

from __future__ import annotations

from pathlib import Path

import pytest

from metarisk.pathways import Edge, curated_edges
from metarisk.pathways.agreement import Agreement, sign_agreement

CHECKED = ("curated", "evidence", "supported")

# Pairs on which we keep our sign against the reference, and why.
RESOLVED: dict[tuple[str, str], str] = {}


@pytest.fixture(scope="module")
def agreement(shared_data: Path) -> Agreement:
    import pandas as pd

    table = pd.read_csv(shared_data / "topology" / "edges.tsv.gz", sep="\t", dtype=str, na_filter=False)
    table = table[table["sign_confidence"].isin(CHECKED)]
    rows = zip(table["source"], table["target"], table["type"], table["effect"].astype(int), strict=True)
    return sign_agreement(curated_edges(), [Edge(*row) for row in rows])


def test_at_least_95_percent_of_the_signs_agree(agreement: Agreement) -> None:
    assert agreement.compared > 800
    assert agreement.share >= 0.95


def test_every_disagreement_is_resolved_with_a_reason(agreement: Agreement) -> None:
    open_ones = [each for each in agreement.disagreements if (each.source, each.target) not in RESOLVED]
    assert not open_ones


def test_every_resolved_disagreement_still_exists(agreement: Agreement) -> None:
    assert RESOLVED.keys() <= {(each.source, each.target) for each in agreement.disagreements}


def test_the_majority_of_signed_edges_speaks_for_a_pair() -> None:
    ours = [Edge("A", "B", "binding", 1), Edge("A", "B", "tf_target", 0), Edge("C", "D", "binding", -1)]
    theirs = [
        Edge("A", "B", "phosphorylation", -1),
        Edge("A", "B", "binding", -1),
        Edge("A", "B", "tf_target", 1),
        Edge("C", "D", "binding", -1),
        Edge("E", "F", "binding", 1),
    ]
    found = sign_agreement(ours, theirs)
    assert (found.compared, found.agree, found.share) == (2, 1, 0.5)
    (only,) = found.disagreements
    assert (only.source, only.target, only.ours, only.theirs, only.votes) == ("A", "B", 1, -1, (2, 1))


def test_a_pair_whose_own_edges_cancel_is_undecided() -> None:
    both = [Edge("A", "B", "binding", 1), Edge("A", "B", "tf_target", -1)]
    found = sign_agreement(both, [Edge("A", "B", "binding", 1)])
    assert (found.compared, found.undecided, found.share) == (0, 1, 1.0)


def test_unsigned_edges_are_not_compared() -> None:
    found = sign_agreement([Edge("A", "B", "binding", 0)], [Edge("A", "B", "binding", 1)])
    assert (found.compared, found.undecided) == (0, 0)
