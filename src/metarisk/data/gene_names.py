"""What kind of name a gene name is: symbol, id, a date that once was a symbol, a mouse gene, a microRNA."""

from __future__ import annotations

import re

# GENCODE marks the copy of a gene on Y's pseudoautosomal region: ENSG..._PAR_Y, formerly ENSGR...
_ENSEMBL = re.compile(r"ENSG[R\d]\d{10}(\.\d+)?(_PAR_Y)?")
_ENTREZ = re.compile(r"\d+")
_SYMBOL = re.compile(r"[A-Z][A-Z0-9@_.-]*(orf\d+[A-Z0-9-]*)?|C[0-9XY]+orf\d+[A-Z0-9-]*")
_MOUSE = re.compile(r"[A-Z][a-z][a-z0-9-]*|[A-Z][a-z]*\d*[a-z][a-z0-9]*")
_DAY_MONTH = re.compile(r"(\d{1,2})[-/ ]([A-Za-z]{3})[a-z]*")
_MONTH_DAY = re.compile(r"([A-Za-z]{3})[a-z]*[-/ ](\d{1,2})")
_ISO_DATE = re.compile(r"(?:19|20)\d\d-(\d\d)-(\d\d)")

# Symbols that spreadsheets read as dates; the number is the day. Approved names since HGNC renamed them.
_MONTH_GENES = {
    "JAN": "a gene named JAN{}",
    "FEB": "a gene named FEB{}",
    "MAR": "MARCHF{}",
    "APR": "a gene named APR{}",
    "MAY": "a gene named MAY{}",
    "JUN": "a gene named JUN{}",
    "JUL": "a gene named JUL{}",
    "AUG": "a gene named AUG{}",
    "SEP": "SEPTIN{}",
    "OCT": "POU family, OCT{}",
    "NOV": "a gene named NOV{}",
    "DEC": "DELEC{}",
}
_MONTHS = tuple(_MONTH_GENES)

_MICRORNA = re.compile(r"(?:hsa-)?(mir|let)-?([0-9]+[a-z]*)((?:-[0-9]+)?)(?:-[35]p)?\*?", re.IGNORECASE)


def name_kind(name: str) -> str:
    """``ensembl``, ``entrez`` or ``symbol``, by the look of it."""
    if _ENSEMBL.fullmatch(name):
        return "ensembl"
    return "entrez" if _ENTREZ.fullmatch(name) else "symbol"


def ensembl_gene(name: str) -> str:
    """An Ensembl id without version; the copy on Y's pseudoautosomal region is the gene on X."""
    return name.partition(".")[0].partition("_")[0].replace("ENSGR", "ENSG0")


def looks_like_symbol(name: str) -> bool:
    """True for capitals, digits, points and hyphens that begin with a letter, and for ``C1orf112``."""
    return _SYMBOL.fullmatch(name) is not None


def is_mouse_style(name: str) -> bool:
    """True for ``Trp53`` or ``Cdh1``: a capital, then small letters; ``C1orf112`` is human."""
    return _MOUSE.fullmatch(name) is not None and "orf" not in name


def damaged_by_spreadsheet(name: str) -> str | None:
    """The gene that a date once was: ``2-Sep`` was SEPTIN2; None if the name is not a date."""
    day, month = _day_and_month(name)
    if month not in _MONTH_GENES:
        return None
    return _MONTH_GENES[month].format(day)


def _day_and_month(name: str) -> tuple[int, str]:
    if match := _ISO_DATE.fullmatch(name):
        number = int(match[1])
        return int(match[2]), _MONTHS[number - 1] if 1 <= number <= 12 else ""
    if match := _DAY_MONTH.fullmatch(name):
        return int(match[1]), match[2].upper()
    if match := _MONTH_DAY.fullmatch(name):
        return int(match[2]), match[1].upper()
    return 0, ""


def microrna_symbol(name: str) -> str | None:
    """HGNC symbol of a microRNA: ``hsa-mir-29b-1`` is MIR29B1, ``hsa-let-7a-1`` is MIRLET7A1.

    After a digit the copy keeps its hyphen: ``hsa-mir-9-1`` is MIR9-1. A mature name (``hsa-miR-200c-3p``)
    gives the symbol of its hairpin. None if it is not a microRNA's name.
    """
    match = _MICRORNA.fullmatch(name)
    if match is None:
        return None
    family = ("LET" if match[1].lower() == "let" else "") + match[2].upper()
    copy = match[3] if family[-1].isdigit() else match[3].removeprefix("-")
    return f"MIR{family}{copy}"
