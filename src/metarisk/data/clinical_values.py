"""One clinical column of the source to numbers in our unit, or to categories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.disclosure import words_of_many
from metarisk.data.found import Found, error, warning
from metarisk.data.plausible import maybe_counts, odd_cohorts, other_unit
from metarisk.data.source import ClinicalSource
from metarisk.data.text import is_missing, stripped
from metarisk.schema.clinical import NumericColumn
from metarisk.schema.sites import site_of

FloatArray = NDArray[np.float64]

PERCENT = 0.01
_CAPPED = r"^\s*[<>]=?\s*(\d+)\s*$|^\s*(\d+)\s*\+\s*$"
_SEXES = {"M": "Male", "MALE": "Male", "F": "Female", "FEMALE": "Female"}


def clinical_numbers(
    source: ClinicalSource, column: str, name: str, allowed: NumericColumn, scale: float | None, found: Found
) -> FloatArray:
    """A clinical number in the schema's unit, NaN unknown, shape (N,).

    Parameters
    ----------
    source, column
        Where it stands.
    name, allowed
        Our name, unit and range; values outside are errors and unknown.
    scale
        What the study file multiplies it by. Without one, purities mostly above 1 are taken for percent, and
        that is told.
    found
        Receives text that is no number, values outside the range, and cohorts that look like another unit.
    """
    values = (_capped_ages if name == "age_years" else ClinicalSource.numbers)(source, column, found)
    if scale is None and name == "purity" and _in_percent(values):
        scale = PERCENT
        do = "Declare scale: {purity: 0.01} in the study file to say so."
        found.append(warning(source.origin[column], "purity was taken for percent", do, column=column))
    values = np.round(values * (1.0 if scale is None else scale), 12)
    outside = (values < allowed.low) | (values > allowed.high)
    inside = cast(FloatArray, np.where(outside, np.nan, values))
    _tell_outside(source, column, (name, allowed), values, found)
    for cohort, guess in odd_cohorts(name, inside, source.cohorts).items():
        of = f" of cohort {cohort}" if cohort else ""
        message = f"{name}{of} is declared in {allowed.unit}, but its values look like {guess}"
        do = "Name their scale in the study file, or correct them; nothing is converted by a guess."
        found.append(error(source.origin[column], message, do, column=column))
    if scale is None and name == "tmb_per_mb" and maybe_counts(inside):
        message = (
            "tmb_per_mb is whole numbers throughout; counts of mutations and rounded rates look the same"
        )
        do = "Make sure that they are per Mb; if they are counts, name the scale, 1 / Mb of the panel."
        found.append(warning(source.origin[column], message, do, column=column))
    return inside


def decoded(
    source: ClinicalSource, column: str, codes: Mapping[str, float | None], found: Found
) -> ClinicalSource:
    """The source with a column's text replaced by the number that it stands for.

    Parameters
    ----------
    source, column
        Where it stands.
    codes
        Text -> number, or None for "not known"; case and white space around it do not matter.
    found
        Receives text that stands for no number; it is unknown then.
    """
    numbers = {text.strip().casefold(): number for text, number in codes.items()}
    text = stripped(source.frame[column])
    plain = text.str.casefold()
    strange = ~is_missing(text) & ~plain.isin(numbers).to_numpy(dtype=bool)
    if strange.any():
        words = words_of_many(Counter(text[strange]))
        message = f"the text of {strange.sum()} samples stands for no number{words}"
        do = "It is unknown for them; name it under codes in the study file, with null where it is meant."
        found.append(warning(source.origin[column], message, do, column=column))
    shown = plain.map({name: "" if number is None else repr(number) for name, number in numbers.items()})
    return replace(source, frame=source.frame.assign(**{column: shown.where(shown.notna(), "")}))


def _in_percent(values: FloatArray) -> bool:
    """True where most known values are above 1; a single one above it is a slip."""
    known = values[~np.isnan(values)]
    return bool(len(known) and np.median(known) > 1.0)


def _capped_ages(source: ClinicalSource, column: str, found: Found) -> FloatArray:
    """Ages, those that privacy rules cap at a bound (``>89``, ``90+``, ``<18``) as the bound, and told."""
    text = source.frame[column]
    above, plus = (text.str.extract(_CAPPED)[group] for group in (0, 1))
    bounds = above.where(above.notna(), plus)
    capped = bounds.notna().to_numpy(dtype=bool)
    if not capped.any():
        return source.numbers(column, found)
    message = f"{capped.sum()} ages are capped, such as >89, and were read as their bound"
    found.append(warning(source.origin[column], message, "Nothing to do.", column=column))
    plain = replace(source, frame=source.frame.assign(**{column: bounds.where(capped, text)}))
    return plain.numbers(column, found)


def _tell_outside(
    source: ClinicalSource, column: str, ours: tuple[str, NumericColumn], values: FloatArray, found: Found
) -> None:
    name, allowed = ours
    outside = (values < allowed.low) | (values > allowed.high)
    if not outside.any():
        return
    guess = other_unit(name, values[outside])
    looks = f"; they look like {guess}" if guess else ""
    limits = f"{allowed.low:g}..{allowed.high:g}"
    message = f"{outside.sum()} values lie outside {limits} (samples {source.ids(outside)}){looks}"
    do = f"{name} is in {allowed.unit}: correct the values, or name their scale in the study file."
    found.append(error(source.origin[column], message, do, column=column))


def clinical_categories(
    source: ClinicalSource, column: str, name: str, recode: Mapping[str, str], found: Found
) -> pd.Series:
    """Text, None where unknown: Male or Female, a race with one capital, a site, the rest to the letter."""
    text = stripped(source.frame[column])
    shown = text.replace(dict(recode))
    missing = is_missing(text) | is_missing(shown)
    if name == "sex":
        shown = shown.str.upper().map(_SEXES)
        _tell_unread(source, column, ~missing & shown.isna().to_numpy(dtype=bool), "is no sex", found)
    elif name == "race":
        shown = shown.str.capitalize()
    elif name == "biopsy_site":
        named = shown
        shown = named.map(biopsy_site)
        unread = ~missing & shown.isna().to_numpy(dtype=bool)
        words = words_of_many(Counter(named[unread]))
        _tell_unread(source, column, unread, f"names no single site metarisk knows{words}", found)
    else:
        _tell_spellings(source, column, name, shown[~missing], found)
    values = shown.to_numpy(dtype=object, copy=True)
    values[np.asarray(missing | shown.isna(), dtype=bool)] = None
    return pd.Series(values, index=shown.index, dtype=object)


def biopsy_site(text: str) -> str | None:
    """Site of a biopsy by the vocabulary of sites; a biopsy said to be from elsewhere is ``other``."""
    return "other" if text.strip().casefold() == "other" else site_of(text)


def _tell_unread(
    source: ClinicalSource, column: str, unread: NDArray[np.bool_], what: str, found: Found
) -> None:
    if unread.any():
        message = f"the value of {unread.sum()} samples {what}"
        do = "It is unknown for them; give such values another name under recode in the study file."
        found.append(warning(source.origin[column], message, do, column=column))


def _tell_spellings(source: ClinicalSource, column: str, name: str, shown: pd.Series, found: Found) -> None:
    """Tell values that differ only in case or white space: a model would take them for different ones."""
    distinct = pd.Series(shown.unique(), dtype=object)
    plain = distinct.map(lambda value: " ".join(str(value).casefold().split()))
    several = distinct[plain.duplicated(keep=False).to_numpy(dtype=bool)]
    if len(several):
        spelt = words_of_many(Counter(map(repr, shown[shown.isin(several)])))
        message = f"{name} has {len(several)} values that differ only in case or white space{spelt}"
        do = "They count as different; give them one name under recode in the study file."
        found.append(warning(source.origin[column], message, do, column=column))
