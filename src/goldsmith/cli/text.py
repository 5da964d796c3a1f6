"""How things are spelt for people, and made harmless for their terminals."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

# ECMA-48: control sequences, control strings up to their end, and the other escapes.
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]"
)


def clean(text: str) -> str:
    """One line that cannot drive a terminal: colours and other sequences go, control characters show.

    What a guest prints is not ours, and names and messages may hold parts of it.
    """
    if text.isprintable():
        return text
    plain = _SEQUENCE.sub("", text).expandtabs()
    return "".join(
        c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in plain
    )


def size(count: int) -> str:
    """Bytes as `512 B`, `312 MiB`, `4 GiB`, `2.3 GiB`."""
    value, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    shown = f"{value:.1f}" if value < 10 else f"{value:.0f}"
    return f"{shown.removesuffix('.0')} {unit}"


def duration(seconds: float) -> str:
    """`0.3 s`, `41.0 s`, `2 min 05 s`, `1 h 02 min`."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def age(seconds: float) -> str:
    """The largest unit alone: `12 s`, `5 min`, `3 h`, `40 days`."""
    for length, unit in ((86400, "day"), (3600, "h"), (60, "min")):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}s" if unit == "day" and count > 1 else f"{count} {unit}"
    return f"{max(0, int(seconds))} s"


def count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of one length as lines, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def title(name: str, fields: Mapping[str, Any]) -> tuple[str, str]:
    """What a task is called, and what is told of it besides."""
    values = {key: clean(str(value)) for key, value in fields.items()}
    if name == "step":
        return step_name(values["component"], values["phase"], values["step"]), values["action"]
    return name, ", ".join(values.values())


def step_name(component: str, phase: str, step: str) -> str:
    return clean(f"{component} / {phase} / {step}")
