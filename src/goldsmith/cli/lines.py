"""Events for what is not a terminal: plain lines, or JSON."""

from __future__ import annotations

from datetime import datetime

import msgspec

from ..log import Event, Message, Output, TaskEnded, TaskStarted
from .printing import print_json, print_line
from .text import clean, duration, title


def tell_plainly(event: Event) -> None:
    """One line an event, after the time of day; what the guest prints stands after a bar."""
    print_line(f"{_time(event.at)}  {_line(event)}")


def tell_in_json(event: Event) -> None:
    print_json(msgspec.to_builtins(event))


def _line(event: Event) -> str:
    match event:
        case TaskStarted():
            return _indented(event)
        case TaskEnded():
            status = "" if event.status == "ok" else f"{event.status}, "
            note = f", {clean(event.note)}" if event.note else ""
            return f"{_indented(event)}: {status}{duration(event.seconds)}{note}"
        case Message():
            return ("warning: " if event.level == "warning" else "") + clean(event.text)
        case Output():
            return f"  | {clean(event.text)}".rstrip()


def _indented(task: TaskStarted | TaskEnded) -> str:
    name, more = title(task.name, task.fields)
    return "  " * task.depth + name + (f" ({more})" if more else "")


def _time(at: str) -> str:
    return datetime.fromisoformat(at).astimezone().strftime("%H:%M:%S")
