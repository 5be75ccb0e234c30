"""Public files that `metarisk fetch` knows: addresses, licences, and what reads them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import yaml
from pydantic import Field

from metarisk.config.section import Section


class StudyHub(Section):
    """Server that holds study archives by id."""

    base_url: str
    suffix: str
    documented: str


class KnownStudy(Section):
    """A study that a configuration of this project is written for."""

    title: str
    config: str


class PublicFile(Section):
    """One file of a resource.

    Attributes
    ----------
    url
        Where its provider serves it.
    file
        Name to keep it under; that of the address if None.
    unpack
        It is an archive, and its files are wanted.
    """

    url: str
    file: str | None = None
    unpack: bool = False

    @property
    def name(self) -> str:
        """Name of the file here, and on a mirror."""
        return self.file or PurePosixPath(urlsplit(self.url).path).name


class PublicTopology(Section):
    """Files of one resource for a topology, or for the names of genes.

    Attributes
    ----------
    title
        What it holds.
    licence
        Its provider's terms.
    reader
        Function of this package that reads the files.
    documented
        Page of the provider that speaks of these downloads.
    files
        All that the reader needs.
    """

    title: str
    licence: str
    reader: str
    documented: str
    files: tuple[PublicFile, ...] = Field(min_length=1)


class PublicSources(Section):
    """All of them, by name."""

    study_hub: StudyHub
    studies: dict[str, KnownStudy]
    topologies: dict[str, PublicTopology]


@cache
def public_sources() -> PublicSources:
    """The table in the package."""
    text = (files("metarisk.config") / "public_sources.yaml").read_text(encoding="utf-8")
    return PublicSources.model_validate(yaml.safe_load(text))
