"""Opening a database file: made when missing, upgraded when old, refused when newer than this program."""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Engine, inspect

from ..errors import HostLack
from .engine import Transaction, connect, reading, transaction

#: The newest migration's revision. Alembic is slow to import and stays out where a file has it.
SCHEMA = "0002"

MIGRATIONS = Path(__file__).with_name("migrations")


def open_database(path: Path) -> Engine:
    """The engine of a database with the newest schema; its folder must exist.

    An older file is upgraded in one transaction, after a copy of it was written beside it
    (`goldsmith.db.REVISION.copy`). Any number of processes may do this at once: they take turns.
    Raises HostLack: a newer goldsmith wrote the file, or it cannot be read or written.
    """
    engine = connect(path)
    try:
        with _turn(path):
            with reading(engine) as tx:
                found = _revision(tx)
            if found != SCHEMA:
                _upgrade(engine, path, found)
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Hold the lock beside the file, which goes with the process whatever happens to it."""
    try:
        lock = path.with_name(f"{path.name}.lock").open("a")
    except OSError as error:
        raise HostLack(
            f"the database {path} cannot be used: {error.strerror}",
            hint="make GOLDSMITH_HOME a folder that this user can write to",
            code="database-readonly",
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _revision(tx: Transaction) -> str | None:
    """The migration that the file has reached, None for an empty file."""
    if not inspect(tx).has_table("alembic_version"):
        return None
    found: str | None = tx.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return found


def _upgrade(engine: Engine, path: Path, found: str | None) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    # Options are interpolated, as those of an ini file.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    if found is not None:
        known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
        if found not in known:
            raise HostLack(
                f"{path} was written by a newer goldsmith (schema {found}, this one knows {SCHEMA})",
                hint="upgrade goldsmith, or set GOLDSMITH_HOME to another folder",
                code="database-newer",
            )
        _copy(path, path.with_name(f"{path.name}.{found}.copy"))
    with transaction(engine) as tx:
        config.attributes["connection"] = tx
        command.upgrade(config, "head")


def _copy(path: Path, copy: Path) -> None:
    """SQLite's own way to copy, which takes along what still is in the log beside the file."""
    unfinished = copy.with_name(f"{copy.name}.new")
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(unfinished)) as target:
        source.backup(target)
    unfinished.replace(copy)
