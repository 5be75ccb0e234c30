"""The document around a page's sections: style and script inside, and a policy that lets in no other."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from importlib.resources import files

from metarisk import __version__
from metarisk.report.page.markup import Content, Markup, element, join

STYLES, SCRIPT = ("page.css", "chart.css"), "page.js"


def document(title: str, header: Content, sections: Iterable[Markup], *, styles: Iterable[str] = ()) -> str:
    """A whole page as text: one file, nothing is loaded from anywhere.

    Parameters
    ----------
    title
        Of the window.
    header
        Stands above the sections.
    sections
        Of the main part, in order.
    styles
        Files of this folder whose rules come after those of every page.
    """
    style = Markup("".join(map(_resource, (*STYLES, *styles))))
    script = Markup(_resource(SCRIPT))
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(style, script)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", style),
    )
    body = element(
        "body",
        element("a", "Skip to the content", href="#content", class_="skip"),
        element("header", header),
        element("main", *sections, id="content"),
        element("footer", f"metarisk {__version__}. Research use only; not for decisions on patients."),
        element("script", script),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def section(name: str, title: str, *content: Content) -> Markup:
    """A part of a page under its heading.

    Parameters
    ----------
    name
        For links to it.
    """
    heading = element("h2", title, id=f"{name}-title")
    return element("section", heading, join(content), id=name, aria_labelledby=f"{name}-title")


def _policy(style: str, script: str) -> str:
    """Only this style and this script: text that escaped its escaping still could not run."""
    return f"default-src 'none'; base-uri 'none'; style-src {_hash(style)}; script-src {_hash(script)}"


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _resource(name: str) -> str:
    return files("metarisk.report.page").joinpath(name).read_text(encoding="utf-8")
