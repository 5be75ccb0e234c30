"""Pieces of a page, without a browser."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metarisk.report.page import (
    Cell,
    Column,
    Markup,
    document,
    element,
    section,
    share_bar,
    stacked_bar,
    table,
)


class Read(HTMLParser):
    """Text, elements and attributes as a browser's parser would see them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.elements = "", []
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


printable = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=30)


@given(printable)
def test_text_comes_back_to_the_letter_and_makes_no_element(text: str) -> None:
    read = Read(element("p", text, title=text))
    assert read.text == text
    assert read.elements == [("p", {"title": text})]


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\u202eb", "a\\u202eb"), ("\x1b[2J", "\\x1b[2J"), ("zero\u200bwidth", "zero\\u200bwidth")],
)
def test_letters_that_nobody_sees_are_written_as_their_code(text: str, shown: str) -> None:
    assert Read(element("p", text)).text == shown


def test_an_attribute_that_does_not_apply_is_left_out() -> None:
    assert element("td", "x", class_=None, hidden=False, data_sort=0.5) == '<td data-sort="0.5">x</td>'
    assert element("table", data_filter=True) == "<table data-filter></table>"


def test_a_bar_is_as_long_as_its_share_and_says_it_in_words() -> None:
    figure = dict(Read(share_bar(0.25, "a quarter")).elements)
    assert (figure["svg"]["role"], figure["svg"]["aria-label"]) == ("img", "a quarter")
    assert float(figure["rect"]["width"]) == 30.0


def test_parts_of_a_bar_lie_side_by_side_and_the_rarest_become_one() -> None:
    parts = {f"panel{n}": n for n in range(1, 11)}
    read = Read(stacked_bar(parts, 55))
    drawn = [attributes for tag, attributes in read.elements if tag == "rect"][1:]
    starts = [float(part["x"]) for part in drawn]
    assert starts == sorted(starts)
    assert len(drawn) == 7
    assert float(drawn[-1]["x"]) + float(drawn[-1]["width"]) == pytest.approx(119.0)
    assert read.text == "panel10 10panel9 9panel8 8panel7 7panel6 6panel5 54 more 10"


def test_a_table_has_a_caption_and_names_its_rows_and_columns() -> None:
    made = table("Counts", (Column("Gene"), Column("Samples", number=True)), [("TP53", Cell("1,200", 1200))])
    read = Read(made)
    assert [attributes.get("scope") for tag, attributes in read.elements if tag == "th"] == [
        "col",
        "col",
        "row",
    ]
    assert ("td", {"class": "number", "data-sort": "1200"}) in read.elements
    assert read.text == "CountsGeneSamplesTP531,200"


def test_a_document_asks_for_nothing_and_says_its_language() -> None:
    page = document("T", element("h1", "T"), [section("a", "A", "text")])
    read = Read(page)
    elements = dict(read.elements)
    assert page.startswith('<!doctype html>\n<html lang="en">')
    assert not {"link", "img", "iframe", "object"} & elements.keys()
    assert not any({"src", "onclick", "style"} & attributes.keys() for _, attributes in read.elements)
    assert "default-src &#x27;none&#x27;" in page
    assert ("section", {"id": "a", "aria-labelledby": "a-title"}) in read.elements


def test_markup_is_taken_as_it_is() -> None:
    assert element("p", Markup("<b>x</b>"), "<") == "<p><b>x</b>&lt;</p>"
