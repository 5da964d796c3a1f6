"""A clock that stands still until a test moves it."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from goldsmith import clock


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[float], None]]:
    """Stop the clock at noon, UTC being the local time; the function moves it on by seconds."""
    seconds = 0.0
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()

    def move(by: float) -> None:
        nonlocal seconds
        seconds += by

    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        patch.setattr(clock, "monotonic", lambda: seconds)
        patch.setattr(clock, "now", lambda: datetime.fromtimestamp(noon + seconds, UTC))
        yield move
    time.tzset()
