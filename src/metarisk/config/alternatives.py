"""A place of a configuration where one of several sections may stand: the one meant is known by its keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Discriminator

from metarisk.config.section import Section

# Around the name of a section in the location of an error, which no key of a file has.
OPEN, CLOSE = "<", ">"


def tag_of(section: type[BaseModel]) -> str:
    """Name of a section among alternatives."""
    return f"{OPEN}{section.__name__}{CLOSE}"


def is_tag(part: object) -> bool:
    """True for a part of an error's location that names a section and is no key of the file."""
    return isinstance(part, str) and part.startswith(OPEN) and part.endswith(CLOSE)


def by_keys(*sections: type[Section], text: str = "") -> Discriminator:
    """Picks the section that shares most keys with what stands there, the first one in doubt.

    Parameters
    ----------
    sections
        The alternatives, each annotated with its `tag_of`.
    text
        Tag of the alternative that is no section but plain text, if there is one.

    Returns
    -------
    Discriminator
        For the annotation of the field; errors then speak of the section that was meant.
    """

    def meant(value: Any) -> str:
        if isinstance(value, BaseModel):
            return tag_of(type(value))
        if text and not isinstance(value, Mapping):
            return text
        keys = set(value) if isinstance(value, Mapping) else set()
        return tag_of(max(sections, key=lambda section: len(keys & set(section.model_fields))))

    return Discriminator(meant)
