"""Which version an alias points at, and how it moves: last of all, so that a reader gets a whole model."""

from __future__ import annotations

from typing import Any, NamedTuple

from metarisk.errors import RegistryError
from metarisk.tracking.store import connect, failures, sqlite_path, told
from metarisk.tracking.versions import aliases_of, ask_model, now

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
# Tags of a version: what it took the place of, since when it is champion, and when it was taken back.
REPLACED, SINCE, TAKEN_BACK = "replaced", "champion_since", "rolled_back"


class Moved(NamedTuple):
    """What became of the alias ``champion``.

    Attributes
    ----------
    name
        Registered model.
    version
        Its champion now.
    earlier
        Its champion until now; empty if there was none.
    """

    name: str
    version: str
    earlier: str


def champion_of(uri: str, name: str) -> str:
    """Version that is champion of a registered model; empty where there is no such model, or no champion.

    Raises
    ------
    RegistryError
        If the registry cannot be asked.
    """
    path = sqlite_path(uri)
    if path is not None and not path.exists():
        return ""
    with told(uri):
        client = connect(uri, write=False)
        try:
            return aliases_of(client, name).get(CHAMPION, "")
        except failures() as error:
            if getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST":
                return ""
            raise


def point(client: Any, name: str, alias: str, version: str) -> str:
    """Point an alias at a version; of a champion, the one before it is kept as ``previous``.

    Two processes that name a champion at the same time both succeed, and the later one stands.

    Returns
    -------
    str
        The version that the alias pointed at; empty if none.
    """
    earlier = aliases_of(client, name).get(alias, "")
    if alias == CHAMPION and earlier != version:
        client.set_model_version_tag(name, version, SINCE, now())
        if earlier:
            client.set_model_version_tag(name, version, REPLACED, earlier)
            client.set_registered_model_alias(name, PREVIOUS, earlier)
    client.set_registered_model_alias(name, alias, version)
    return earlier


def promote_version(uri: str, name: str, version: str, tags: dict[str, str]) -> Moved:
    """Make a version the champion; a challenger is one no longer.

    Parameters
    ----------
    uri
        Tracking URI of the registry.
    name, version
        The registered version.
    tags
        Facts to record with it before it is champion.

    Raises
    ------
    RegistryError
        If the registry refuses.
    """
    with told(uri):
        client = connect(uri, write=True)
        aliases = aliases_of(client, name)
        for key, value in tags.items():
            client.set_model_version_tag(name, version, key, value)
        earlier = point(client, name, CHAMPION, version)
        if aliases.get(CHALLENGER) == version:
            client.delete_registered_model_alias(name, CHALLENGER)
    return Moved(name, version, earlier)


def roll_back(uri: str, name: str) -> Moved:
    """Make the previous champion the champion again; ``previous`` is then the one that it had replaced.

    Raises
    ------
    RegistryError
        If there is no previous champion, or the registry refuses.
    """
    with told(uri):
        client = connect(uri, write=True)
        aliases = ask_model(client, uri, name)
        champion, previous = aliases.get(CHAMPION, ""), aliases.get(PREVIOUS, "")
        if previous in {"", champion}:
            raise RegistryError(
                f"model {name!r} has no previous champion",
                expected="one that another has replaced",
                do="Name the version: metarisk models promote VERSION.",
            )
        client.set_registered_model_alias(name, CHAMPION, previous)
        if champion:
            client.set_model_version_tag(name, champion, TAKEN_BACK, now())
        before = str(client.get_model_version(name, previous).tags.get(REPLACED, ""))
        if before and before != champion:
            client.set_registered_model_alias(name, PREVIOUS, before)
        else:
            client.delete_registered_model_alias(name, PREVIOUS)
    return Moved(name, previous, champion)
