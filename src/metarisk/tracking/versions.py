"""What a registry holds: its models, their versions and what is recorded of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from metarisk.errors import RegistryError, nearest
from metarisk.tracking.store import connect, failures, load_mlflow, shown, told


class Version(NamedTuple):
    """A registered version.

    Attributes
    ----------
    name, version
        Registered model and number.
    aliases
        Those that point at it, in the order of the alphabet.
    published
        When, UTC, to the second.
    tags
        What was recorded with it: hashes, verdicts of gates.
    """

    name: str
    version: str
    aliases: tuple[str, ...]
    published: str
    tags: Mapping[str, str]

    @property
    def uri(self) -> str:
        """Name under which it can be opened."""
        return f"models:/{self.name}/{self.version}"


def now() -> str:
    """The present moment, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def store_of(uri: str | None) -> str:
    """Tracking URI to ask; MLflow's own default if None."""
    return uri or str(load_mlflow().get_tracking_uri())


def list_versions(uri: str, name: str | None = None) -> list[Version]:
    """Every version of a registered model, or of all; the newest of each first.

    Raises
    ------
    RegistryError
        If the registry or the name does not exist, or MLflow is not installed.
    """
    with told(uri):
        client = connect(uri, write=False)
        if name is not None:
            ask_model(client, uri, name)
        names = [name] if name is not None else _names(client)
        return [version for one in names for version in _versions(client, one)]


def find_version(uri: str, name: str, asked: str, *, if_down: str = "") -> Version:
    """A version by its number or by an alias.

    Parameters
    ----------
    uri
        Tracking URI.
    name
        Registered model.
    asked
        Number or alias.
    if_down
        Advice for when the registry cannot be asked.

    Raises
    ------
    RegistryError
        If the registry, the name, the alias or the version does not exist; the nearest that does is named.
    """
    with told(uri, do=if_down):
        client = connect(uri, write=False)
        aliases = ask_model(client, uri, name)
        if not asked.isdecimal() and asked not in aliases:
            raise _unknown(f"model {name!r} has no alias {asked!r}", asked, list(aliases))
        number = asked if asked.isdecimal() else aliases[asked]
        try:
            return _told(client.get_model_version(name, number), aliases)
        except failures() as error:
            known = [version.version for version in _versions(client, name)]
            raise _unknown(f"model {name!r} has no version {number}", number, known) from error


def ask_model(client: Any, uri: str, name: str) -> dict[str, str]:
    """Aliases of a registered model; raises `RegistryError`, with the nearest name, where there is none."""
    try:
        return aliases_of(client, name)
    except failures() as error:
        known = _names(client)
        raise _unknown(f"{shown(uri)} has no model {name!r}", name, known) from error


def aliases_of(client: Any, name: str) -> dict[str, str]:
    """Alias -> version of a registered model; asked of the model: a search of versions leaves it out."""
    return {alias: str(version) for alias, version in client.get_registered_model(name).aliases.items()}


def _names(client: Any) -> list[str]:
    return [str(model.name) for model in _pages(client.search_registered_models)]


def _versions(client: Any, name: str) -> list[Version]:
    aliases = aliases_of(client, name)
    found = _pages(client.search_model_versions, filter_string=f"name = '{name}'")
    return sorted((_told(one, aliases) for one in found), key=lambda version: -int(version.version))


def _pages(search: Any, **asked: str) -> Iterator[Any]:
    """Everything that a search of MLflow finds, page by page."""
    token = None
    while True:
        page = search(page_token=token, **asked)
        yield from page
        token = page.token
        if not token:
            return


def _told(found: Any, aliases: Mapping[str, str]) -> Version:
    number = str(found.version)
    published = datetime.fromtimestamp(found.creation_timestamp / 1000, UTC)
    pointing = sorted(alias for alias, version in aliases.items() if version == number)
    return Version(
        str(found.name), number, tuple(pointing), published.isoformat(timespec="seconds"), dict(found.tags)
    )


def _unknown(found: str, asked: str, known: list[str]) -> RegistryError:
    return RegistryError(
        found, do=nearest(asked, known) if known else "Publish one: metarisk publish BUNDLE."
    )
