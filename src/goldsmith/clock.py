"""The time of day and of stopwatches, in one place so that tests can hold both still."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Seconds from an unknown start, for durations and deadlines."""
    return time.monotonic()
