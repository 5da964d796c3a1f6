"""A guest and a log for steps."""

from pathlib import Path

import pytest

from goldsmith.log import Event, Log
from tests.unit.steps.local_guest import LocalGuest


@pytest.fixture
def guest(tmp_path: Path) -> LocalGuest:
    return LocalGuest(tmp_path)


@pytest.fixture
def events() -> list[Event]:
    """What the log told, in order."""
    return []


@pytest.fixture
def log(events: list[Event]) -> Log:
    return Log(events.append)
