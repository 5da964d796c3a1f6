"""Steps as rows, for a build and for an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .text import duration, step_name

if TYPE_CHECKING:
    from ..catalog.description import StepRecord


def step_table(title: str, records: Sequence[StepRecord]) -> list[Sequence[str]]:
    """A heading and a row for each. The time of a reused step is what it took when it ran."""
    return [(title, "ACTION", "OUTCOME", "TIME", ""), *map(_row, records)]


def _row(record: StepRecord) -> Sequence[str]:
    code = f"exit code {record.exit_code}" if record.exit_code is not None else ""
    how = "reused" if record.reused else "repeated" if record.repeated else ""
    return (
        step_name(record.component, record.phase, record.step),
        record.action,
        ", ".join(filter(None, [record.outcome, how])),
        duration(record.seconds),
        record.message or code,
    )
