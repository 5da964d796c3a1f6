"""A real database for each test, and one transaction on it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from goldsmith.database.engine import Transaction, transaction
from goldsmith.database.opening import open_database
from goldsmith.settings import Settings


@pytest.fixture
def database(home: Settings) -> Iterator[Engine]:
    engine = open_database(home.database)
    yield engine
    engine.dispose()


@pytest.fixture
def tx(database: Engine) -> Iterator[Transaction]:
    with transaction(database) as tx:
        yield tx
