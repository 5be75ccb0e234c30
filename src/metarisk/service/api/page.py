"""The page at `/`: submit, watch, open the report. It asks the same routes that everybody asks.

Its policy lets in the files below and nothing else: no script or style in the document itself, so that no
text that somebody chose can become one; no other host; nobody may frame it; and forms are sent by the script
alone, so that a token cannot end up in an address. Where a browser knows trusted types, the script has no
way to parse HTML at all.

A report is HTML that was made from an input, so it is shown in a window of its own, `page/report`, which the
sandbox of its policy gives an origin of its own: it can neither read this page's storage, where the token
lies, nor ask the service, nor any other host.
"""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from metarisk.service.api.jobs import REPORT_POLICY

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
OWN, REPORTS = "metarisk.service.page", "metarisk.report.page"
SCRIPT, STYLE = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
# Name below /page/ -> package, file, type.
PARTS = {
    **{name: (OWN, name, SCRIPT) for name in ("main.js", "api.js", "element.js", "jobs.js", "submit.js")},
    "reports.css": (REPORTS, "page.css", STYLE),
    "page.css": (OWN, "page.css", STYLE),
    "icon.svg": (OWN, "icon.svg", "image/svg+xml"),
}

router = APIRouter(include_in_schema=False)


@router.get("/")
def show_page() -> Response:
    """The page itself; whoever may not ask the service sees it empty."""
    headers = {
        "Content-Security-Policy": PAGE_POLICY,
        # A site that opens this page gets no hold of its window; this page keeps that of a report.
        "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
    }
    return Response(_read(OWN, "index.html"), media_type="text/html; charset=utf-8", headers=headers)


@router.get("/page/report")
def show_report_window() -> Response:
    """An empty window that takes one report from the page that opened it."""
    policy = {"Content-Security-Policy": f"{REPORT_POLICY}; frame-ancestors 'none'"}
    return Response(_read(OWN, "report.html"), media_type="text/html; charset=utf-8", headers=policy)


@router.get("/page/{name}")
def show_part(name: str) -> Response:
    """A file of the page."""
    if name not in PARTS:
        raise HTTPException(404)
    package, file, kind = PARTS[name]
    return Response(_read(package, file), media_type=kind)


def _read(package: str, name: str) -> bytes:
    return files(package).joinpath(name).read_bytes()
