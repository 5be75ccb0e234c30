"""The service's database: its tables, the same on SQLite and PostgreSQL, and one clock for all workers."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
    insert,
    select,
)
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement

from metarisk.errors import ConfigError, ResourceError

FORMAT_VERSION = 1
LOCK_WAIT_S = 30.0
_POSTGRES = re.compile(r"^(postgres|postgresql)(\+psycopg)?://")

_tables = MetaData()

# One row a job; see `metarisk.service.queue` for what the states and the lease mean. Times are seconds since
# the epoch by the database's clock.
jobs = Table(
    "metarisk_jobs",
    _tables,
    Column("id", String(36), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("key", String(200)),
    Column("request_sha256", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("created_s", Float(53), nullable=False),
    Column("started_s", Float(53)),
    Column("ended_s", Float(53)),
    Column("kind", String(16), nullable=False),
    Column("input_name", Text, nullable=False),
    Column("input_path", Text, nullable=False),
    Column("input_root", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("model_location", Text, nullable=False),
    Column("pinned", Text),
    Column("model_version", Text),
    Column("model_sha256", String(64)),
    Column("worker", String(120)),
    Column("lease_until_s", Float(53)),
    Column("not_before_s", Float(53), nullable=False, default=0.0),
    Column("attempt", Integer, nullable=False, default=0),
    Column("deaths", Integer, nullable=False, default=0),
    Column("cancel_asked", Boolean, nullable=False, default=False),
    Column("stage", String(40), nullable=False, default=""),
    Column("done", Integer, nullable=False, default=0),
    Column("of", Integer, nullable=False, default=0),
    Column("samples", Integer),
    Column("rows", Integer),
    Column("abstained", Integer),
    Column("quarantined", Integer),
    Column("fault", Text),
    Column("swept", Boolean, nullable=False, default=False),
    UniqueConstraint("owner", "key", name="metarisk_jobs_one_job_a_key"),
    Index("metarisk_jobs_waiting", "state", "created_s"),
)

tokens = Table(
    "metarisk_tokens",
    _tables,
    Column("id", String(16), primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("salt", String(32), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("created_s", Float(53), nullable=False),
    Column("revoked_s", Float(53)),
)

_format = Table("metarisk_service", _tables, Column("format_version", Integer, primary_key=True))


class now_s(FunctionElement[float]):  # noqa: N801  (reads as the SQL function that it is)
    """Seconds since the epoch by the database's own clock, so that workers' clocks need not agree."""

    type = Float(53)
    inherit_cache = True


@compiles(now_s, "sqlite")
def _sqlite_now(element: now_s, compiler: Any, **options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now_s, "postgresql")
def _postgres_now(element: now_s, compiler: Any, **options: Any) -> str:
    return "extract(epoch from clock_timestamp())::double precision"


def open_database(uri: str) -> Engine:
    """Engine whose every statement is a transaction of its own; tables are made where they lack.

    Parameters
    ----------
    uri
        ``sqlite:////folder/service.db`` or ``postgresql://user:password@host/name``.

    Raises
    ------
    ConfigError
        If the URI is none of these, or a driver is not installed.
    ResourceError
        If the database does not answer, or is of another format.
    """
    engine = _engine(uri)
    with told():
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
        _make_tables(engine)
        with engine.connect() as connection:
            version = connection.execute(select(_format.c.format_version)).scalar()
    if version != FORMAT_VERSION:
        raise ResourceError(
            f"the service's database has format version {version}",
            expected=f"version {FORMAT_VERSION}",
            do="Use the metarisk that made it, or name another database.",
        )
    return engine


@contextmanager
def told() -> Iterator[None]:
    """Whatever the database raises inside, as a `ResourceError` without address or values."""
    try:
        yield
    except SQLAlchemyError as error:
        raise ResourceError(
            f"the service's database does not answer ({type(error).__name__})",
            do="Check that it is up, that its address and password are right, and that the disk is not full.",
        ) from error


def _engine(uri: str) -> Engine:
    address = _POSTGRES.sub("postgresql+psycopg://", uri)
    try:
        if not address.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ArgumentError(uri.partition("://")[0])
        return create_engine(address, isolation_level="AUTOCOMMIT", pool_pre_ping=True, hide_parameters=True)
    except (ArgumentError, NoSuchModuleError) as error:
        raise ConfigError(
            f"the database's address begins with {uri.partition('://')[0][:40]!r}",
            expected="sqlite:////folder/service.db or postgresql://user@host/name",
            do="Correct it.",
        ) from error
    except ImportError as error:
        raise ConfigError(
            "PostgreSQL's driver is not installed", do="Install it: pip install 'metarisk[service]'."
        ) from error


def _prepare_sqlite(connection: Any, record: object) -> None:
    """Readers beside a writer, and patience with another writer."""
    connection.execute(f"PRAGMA busy_timeout = {int(LOCK_WAIT_S * 1000)}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


def _make_tables(engine: Engine, tries: int = 5) -> None:
    """Processes that start at once may all find no table; whoever comes second looks again."""
    for left in reversed(range(tries)):
        try:
            _tables.create_all(engine)
            with engine.connect() as connection:
                if connection.execute(select(_format.c.format_version)).first() is None:
                    connection.execute(insert(_format).values(format_version=FORMAT_VERSION))
            return
        except IntegrityError:
            continue
        except SQLAlchemyError:
            if not left:
                raise
            time.sleep(0.1)
