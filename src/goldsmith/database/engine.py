"""SQLite by SQLAlchemy: one engine, one metadata, and the two kinds of transaction.

Several processes share one file. Readers never wait (WAL); a writer takes its lock when its
transaction begins, so that it either waits its turn or fails before it has done anything.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Connection as SQLiteConnection
from typing import Any

import msgspec
from sqlalchemy import URL, Connection, DateTime, Dialect, Engine, MetaData, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.types import TypeDecorator

from ..errors import HostLack

#: Every room declares its tables here.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Transaction = Connection

#: How long a writer waits for another one, in milliseconds.
PATIENCE = 30_000

#: What SQLite says of a host that lacks something, our code for it, and the way out.
LACKS = (
    ("database is locked", "database-busy", "another process has been writing for 30 s: try again"),
    ("disk is full", "disk-full", "free disk space, or set GOLDSMITH_HOME to a larger disk"),
    ("disk I/O error", "database-broken", "look after the disk that GOLDSMITH_HOME is on"),
    ("readonly database", "database-readonly", "make GOLDSMITH_HOME writable for this user"),
    ("unable to open", "database-readonly", "make GOLDSMITH_HOME a folder that this user can write to"),
    ("not a database", "database-broken", "move the file away, or put a copy of it in its place"),
    ("malformed", "database-broken", "move the file away, or put a copy of it in its place"),
)


class Moment(TypeDecorator[datetime]):
    """A time with its zone, kept as UTC; SQLite itself knows no zones."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


def connect(path: Path) -> Engine:
    """An engine on a database file. Nothing is opened yet; dispose it to close its connections."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        json_serializer=lambda value: msgspec.json.encode(value).decode(),
        json_deserializer=msgspec.json.decode,
    )
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def transaction(engine: Engine) -> Iterator[Transaction]:
    """Write: all that the block does, or nothing if it raises. Writers go one after the other.

    Raises HostLack: another process kept its lock for 30 seconds, or the disk is full or read-only.
    """
    with _host_lacks(engine), engine.connect() as connection:
        connection.execution_options(goldsmith_writes=True)
        with connection.begin():
            yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Transaction]:
    """Read one unchanging state of the database, whoever writes meanwhile. Raises HostLack as above."""
    with _host_lacks(engine), engine.connect() as connection, connection.begin():
        yield connection


def _configure(connection: SQLiteConnection, _record: Any) -> None:
    # The driver's own BEGIN comes too late (before the first write) and skips DDL; `_begin` does it.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {PATIENCE}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("goldsmith_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _host_lacks(engine: Engine) -> Iterator[None]:
    """Turn what SQLite says about this host into errors with a way out; anything else is a bug of ours."""
    try:
        yield
    except DatabaseError as error:
        said = str(error.orig)
        for words, code, hint in LACKS:
            if words in said:
                message = f"the database {engine.url.database} cannot be used: {said}"
                raise HostLack(message, code=code, hint=hint) from error
        raise
