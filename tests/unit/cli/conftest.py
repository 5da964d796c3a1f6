"""A clock that stands still until a test moves it."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from goldsmith import clock


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Stop the clock at noon; the function moves it on by seconds."""
    seconds = 0.0
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()

    def move(by: float) -> None:
        nonlocal seconds
        seconds += by

    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setattr(clock, "monotonic", lambda: seconds)
    monkeypatch.setattr(clock, "now", lambda: datetime.fromtimestamp(noon + seconds, UTC))
    return move
