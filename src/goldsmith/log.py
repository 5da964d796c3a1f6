"""What happens while goldsmith works, told once, to whoever listens.

Rooms that work know no terminal: they open tasks and pass on what guests print. A listener (the
terminal, JSON lines, a file) gets each event as it happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from . import clock
from .masking import NOTHING, Masker

Stream = Literal["stdout", "stderr"]


class TaskStarted(msgspec.Struct, frozen=True, tag="started", tag_field="event"):
    """A piece of work that people wait for has begun. `depth` is 0 for the outermost."""

    name: str
    depth: int
    at: str
    fields: dict[str, Any]


class TaskEnded(msgspec.Struct, frozen=True, tag="ended", tag_field="event"):
    """It is over. `status` is ok, failed or cancelled; `note` what it wants to be remembered for."""

    name: str
    depth: int
    at: str
    seconds: float
    status: str
    note: str
    fields: dict[str, Any]


class Message(msgspec.Struct, frozen=True, tag="message", tag_field="event"):
    """One line for people. `level` is info or warning."""

    text: str
    level: str
    at: str


class Output(msgspec.Struct, frozen=True, tag="output", tag_field="event"):
    """One line that a step printed, without its newline."""

    text: str
    stream: Stream
    at: str


Event = TaskStarted | TaskEnded | Message | Output
Listener = Callable[[Event], None]


class Task:
    """A running task; `note` says what its end line shows beside the time."""

    def __init__(self) -> None:
        self.text = ""

    def note(self, text: str) -> None:
        self.text = text


class Log:
    """Tells events to its listeners. Not safe for several threads: each build has its own.

    `masker` is what `masking` has put in force, for those who mask a text while it comes in pieces: an
    event is masked by itself, and so a secret that is spread over several would not be seen.
    """

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = list(listeners)
        self._depth = 0
        self.masker = NOTHING

    @contextmanager
    def listening(self, listener: Listener) -> Iterator[None]:
        """One more listener, for the time of the block."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    @contextmanager
    def masking(self, masker: Masker) -> Iterator[None]:
        """Mask all that is told in the block, by this masker in place of one from outside."""
        before, self.masker = self.masker, masker
        try:
            yield
        finally:
            self.masker = before

    @contextmanager
    def task(self, name: str, **fields: Any) -> Iterator[Task]:
        """Time a piece of work; whatever leaves the block decides the status."""
        task = Task()
        start = clock.monotonic()
        self._tell(TaskStarted(name, self._depth, _now(), fields))
        self._depth += 1
        status = "failed"
        try:
            yield task
            status = "ok"
        except (KeyboardInterrupt, SystemExit):
            status = "cancelled"
            raise
        finally:
            self._depth -= 1
            seconds = clock.monotonic() - start
            self._tell(TaskEnded(name, self._depth, _now(), round(seconds, 3), status, task.text, fields))

    def info(self, text: str) -> None:
        self._tell(Message(text, "info", _now()))

    def warning(self, text: str) -> None:
        self._tell(Message(text, "warning", _now()))

    def output(self, stream: Stream, line: str) -> None:
        self._tell(Output(line, stream, _now()))

    def _tell(self, event: Event) -> None:
        if self.masker is not NOTHING:
            event = _masked(event, self.masker.mask)
        for listener in self._listeners:
            listener(event)


def _masked(event: Event, mask: Callable[[str], str]) -> Event:
    match event:
        case TaskStarted():
            return replace(event, name=mask(event.name), fields=_masked_fields(event.fields, mask))
        case TaskEnded():
            fields = _masked_fields(event.fields, mask)
            return replace(event, name=mask(event.name), note=mask(event.note), fields=fields)
        case Message() | Output():
            return replace(event, text=mask(event.text))


def _masked_fields(fields: dict[str, Any], mask: Callable[[str], str]) -> dict[str, Any]:
    return {name: mask(value) if isinstance(value, str) else value for name, value in fields.items()}


def _now() -> str:
    return clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
