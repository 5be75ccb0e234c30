"""Organs told in words: yes, no and unknown are kept apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from metarisk.config.study import EndpointColumns

SAID: dict[str, Any] = {
    "columns": ["site", "other"],
    "sites": ["lung", "liver"],
    "where": {"type": ["Distant Metastasis"]},
    "none": {"pfi": ["0"]},
}
NAN = np.nan


def one(read, site="", other="", kind="Distant Metastasis", pfi="1") -> list[float]:
    cells = {"site": [site], "other": [other], "type": [kind], "pfi": [pfi]}
    frame, _ = read({"site_text": SAID}, **cells)
    return frame[["site.lung", "site.liver"]].to_numpy()[0].tolist()


@pytest.mark.parametrize(
    ("cells", "answers"),
    [
        ({"site": "Lung"}, [1, 0]),
        ({"site": "Lung|Bone"}, [1, 0]),
        ({"site": "Other, specify", "other": "liver and spleen"}, [0, 1]),
        ({"site": "Lung|Other, specify"}, [1, NAN]),
        ({"site": "Other, specify"}, [NAN, NAN]),
        ({"site": "Lung", "other": "strange place"}, [1, NAN]),
        ({"site": "[Not Available]|Lung"}, [1, NAN]),
        ({"site": "Bone", "other": "[Not Applicable]"}, [0, 0]),
        ({"site": ""}, [NAN, NAN]),
        ({"site": "Liver", "kind": "Locoregional Recurrence"}, [NAN, NAN]),
        ({"kind": "", "pfi": "0"}, [0, 0]),
        ({"kind": "", "pfi": "1"}, [NAN, NAN]),
        # Somebody without any metastasis has none in a place that is not told either.
        ({"site": "Other, specify", "pfi": "0"}, [NAN, NAN]),
        ({"site": "strange place", "pfi": "0"}, [NAN, NAN]),
    ],
)
def test_a_cell_says_yes_no_or_nothing_of_an_organ(read, cells, answers):
    np.testing.assert_array_equal(one(read, **cells), answers)


def test_events_and_places_that_are_listed_together_belong_together(read):
    both = {"site": "Liver|Lung", "kind": "Locoregional Recurrence|Distant Metastasis"}
    assert one(read, **both) == [1, 0]


def test_a_mixed_list_of_events_says_nothing_of_a_single_place(read):
    mixed = {"site": "Lung", "kind": "Locoregional Recurrence|Distant Metastasis"}
    np.testing.assert_array_equal(one(read, **mixed), [NAN, NAN])


def test_unknown_words_are_counted_and_those_that_five_samples_share_are_named(read):
    said = {"columns": ["site"], "sites": ["lung"]}
    cells = ["toungue"] * 4 + ["Lung", "toungue, stoma", "stoma stoma stoma stoma stoma"]
    _, found = read({"site_text": said}, site=cells)
    assert [finding.level for finding in found] == ["warning"]
    assert "6 samples have words that name no site metarisk knows (toungue)." in str(found[0])
    assert "stoma" not in str(found[0])


def test_an_organ_cannot_be_told_twice():
    column = {"column": "bone", "yes": ["1"], "no": ["0"]}
    text = {"columns": ["site"], "sites": ["bone", "lung"]}
    with pytest.raises(ValidationError, match="bone are told twice, by sites and by site_text"):
        EndpointColumns.model_validate({"sites": {"bone": column}, "site_text": text})
