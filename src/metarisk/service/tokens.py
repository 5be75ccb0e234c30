"""Tokens: who may use the service. The database holds a salted hash, the asker alone the token."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import NamedTuple

from sqlalchemy import Engine, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from metarisk.errors import InputError, first_ten
from metarisk.service.database import now_s, tokens, told

PREFIX = "mrk"
_FORM = re.compile(rf"{PREFIX}_(?P<id>[0-9a-f]{{12}})_(?P<secret>[A-Za-z0-9_-]{{43}})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")


class Token(NamedTuple):
    """A token as the database knows it.

    Attributes
    ----------
    name
        Who holds it; also the owner of the jobs that come with it.
    created_s
        Seconds since the epoch.
    revoked
        True where it opens nothing any more.
    """

    name: str
    created_s: float
    revoked: bool


class Tokens:
    """The tokens of a database.

    Parameters
    ----------
    engine
        From `metarisk.service.database.open_database`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, name: str) -> str:
        """A new token, which cannot be shown again.

        Raises
        ------
        InputError
            If the name is none, or was used before: a revoked name's jobs must not become somebody else's.
        """
        if _NAME.fullmatch(name) is None:
            raise InputError(
                f"{name[:80]!r} cannot name a token",
                expected="up to 64 letters, digits and . _ @ -",
                do="Choose another name.",
            )
        public, secret, salt = secrets.token_hex(6), secrets.token_urlsafe(32), secrets.token_hex(16)
        values = {"id": public, "name": name, "salt": salt, "sha256": _hash(salt, secret)}
        with told(), self._engine.connect() as connection:
            try:
                connection.execute(insert(tokens).values(created_s=now_s(), **values))
            except IntegrityError as error:
                raise InputError(f"the name {name!r} was used before", do="Choose another.") from error
        return f"{PREFIX}_{public}_{secret}"

    def revoke(self, name: str) -> None:
        """Let a token open nothing from now on; raises `InputError` where no open one has the name."""
        held = (tokens.c.name == name) & tokens.c.revoked_s.is_(None)
        with told(), self._engine.connect() as connection:
            changed = connection.execute(update(tokens).where(held).values(revoked_s=now_s())).rowcount
        if not changed:
            known = [token.name for token in self.listed() if not token.revoked]
            raise InputError(
                f"there is no token {name[:80]!r} to revoke", do=f"There are: {first_ten(known) or 'none'}."
            )

    def listed(self) -> list[Token]:
        """Every token that was made, the oldest first."""
        query = select(tokens.c.name, tokens.c.created_s, tokens.c.revoked_s).order_by(tokens.c.created_s)
        with told(), self._engine.connect() as connection:
            return [Token(name, made, gone is not None) for name, made, gone in connection.execute(query)]

    def needed(self) -> bool:
        """True once a token was made: revoking the last one closes the service, it does not open it."""
        with told(), self._engine.connect() as connection:
            return bool(connection.execute(select(func.count()).select_from(tokens)).scalar())

    def holder(self, token: str) -> str | None:
        """Name of whoever holds a token; None for one that opens nothing."""
        form = _FORM.fullmatch(token)
        if form is None:
            return None
        query = select(tokens).where(tokens.c.id == form["id"], tokens.c.revoked_s.is_(None))
        with told(), self._engine.connect() as connection:
            row = connection.execute(query).mappings().first()
        if row is None or not secrets.compare_digest(_hash(row["salt"], form["secret"]), row["sha256"]):
            return None
        return str(row["name"])


def _hash(salt: str, secret: str) -> str:
    """SHA-256 is enough: the secret has 256 random bits, so there is nothing to guess slowly."""
    return hashlib.sha256(bytes.fromhex(salt) + secret.encode()).hexdigest()
