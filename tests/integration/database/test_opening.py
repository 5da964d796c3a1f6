"""A database file is made, copied, upgraded and refused, by any number of processes at once."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import goldsmith.catalog.tables  # noqa: F401 (declares its tables)
from goldsmith.database import opening
from goldsmith.database.engine import Transaction, metadata, reading, transaction
from goldsmith.database.opening import MIGRATIONS, SCHEMA, open_database
from goldsmith.errors import HostLack

OPEN = "import sys; from pathlib import Path; from goldsmith.database.opening import open_database\n"

#: A migration as the next release may bring it; it fails after its first change where told so.
NEXT = """
from alembic import op
revision, down_revision = "9999", "{before}"
def upgrade():
    op.execute("CREATE TABLE later (id TEXT)")
    {then}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "goldsmith.db"


@pytest.fixture
def next_migration(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the next release has its migration; the database is of this one."""
    open_database(path).dispose()
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(opening, "MIGRATIONS", folder)
    monkeypatch.setattr(opening, "SCHEMA", "9999")
    return folder / "versions" / "9999_later.py"


def revision(path: Path) -> str:
    with closing(sqlite3.connect(path)) as file:
        [[found]] = file.execute("SELECT version_num FROM alembic_version")
        return str(found)


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as file:
        return {name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_the_migrations_end_where_the_rooms_tables_are(path: Path) -> None:
    engine = open_database(path)

    with reading(engine) as tx:
        differences = compare_metadata(MigrationContext.configure(tx), metadata)

    engine.dispose()
    assert differences == []


def test_the_constant_names_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))

    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA


def test_a_current_file_is_opened_without_alembic(path: Path) -> None:
    open_database(path).dispose()

    program = OPEN + "open_database(Path(sys.argv[1])); sys.exit('alembic' in sys.modules)"

    subprocess.run([sys.executable, "-c", program, path], check=True)


def test_processes_that_start_at_once_make_one_database(path: Path) -> None:
    program = OPEN + "input(); open_database(Path(sys.argv[1]))"
    command = [sys.executable, "-c", program, str(path)]
    starting = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    for each in starting:
        assert each.stdin is not None
        each.stdin.write(b"\n")
        each.stdin.flush()

    said = [each.communicate()[1].decode() for each in starting]

    assert ([each.returncode for each in starting], said) == ([0] * 4, [""] * 4)
    assert revision(path) == SCHEMA


def test_an_older_file_is_upgraded_after_a_copy(path: Path, next_migration: Path) -> None:
    next_migration.write_text(NEXT.format(before=SCHEMA, then=""))

    open_database(path).dispose()

    assert revision(path) == "9999"
    assert "later" in tables(path)
    copy = path.with_name(f"goldsmith.db.{SCHEMA}.copy")
    assert revision(copy) == SCHEMA
    assert "later" not in tables(copy)


def test_an_upgrade_that_fails_changes_nothing(path: Path, next_migration: Path) -> None:
    next_migration.write_text(NEXT.format(before=SCHEMA, then='raise RuntimeError("power cut")'))

    with pytest.raises(RuntimeError, match="power cut"):
        open_database(path)

    assert revision(path) == SCHEMA
    assert "later" not in tables(path)


def test_a_newer_file_is_refused_and_left_alone(path: Path) -> None:
    open_database(path).dispose()
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE alembic_version SET version_num = '7777'")
    before = path.read_bytes()

    with pytest.raises(HostLack) as caught:
        open_database(path)

    assert caught.value.message == (
        f"{path} was written by a newer goldsmith (schema 7777, this one knows {SCHEMA})"
    )
    assert caught.value.hint == "upgrade goldsmith, or set GOLDSMITH_HOME to another folder"
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_named(path: Path) -> None:
    path.write_text("not what you think\n" * 100)

    with pytest.raises(HostLack) as caught:
        open_database(path)

    assert caught.value.message == f"the database {path} cannot be used: file is not a database"
    assert caught.value.hint == "move the file away, or put a copy of it in its place"


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "goldsmith.db"

    with pytest.raises(HostLack) as caught:
        open_database(path)

    assert caught.value.message == f"the database {path} cannot be used: No such file or directory"
    assert caught.value.hint == "make GOLDSMITH_HOME a folder that this user can write to"


def test_a_transaction_that_raises_changes_nothing(path: Path) -> None:
    engine = open_database(path)

    def deletes_and_fails(tx: Transaction) -> None:
        tx.exec_driver_sql("DELETE FROM alembic_version")
        raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError, match="changed my mind"), transaction(engine) as tx:
        deletes_and_fails(tx)

    engine.dispose()
    assert revision(path) == SCHEMA


def test_readers_do_not_wait_for_a_writer_and_see_the_state_before(path: Path) -> None:
    engine = open_database(path)

    with transaction(engine) as tx:
        tx.exec_driver_sql("DELETE FROM alembic_version")
        with reading(engine) as reader:
            found = reader.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()

    engine.dispose()
    assert found == SCHEMA


def test_a_writer_that_waits_in_vain_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = open_database(path)
    engine.dispose()
    monkeypatch.setattr("goldsmith.database.engine.PATIENCE", 50)

    with (
        transaction(engine) as tx,
        pytest.raises(HostLack) as caught,
        transaction(engine),
    ):
        tx.exec_driver_sql("SELECT 'not reached'")

    engine.dispose()
    assert caught.value.message == f"the database {path} cannot be used: database is locked"
    assert caught.value.hint == "another process has been writing for 30 s: try again"
