"""A build's log on disk: one JSON line an event, in `logs/BUILD.jsonl`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from .. import clock
from ..errors import NotFound
from ..log import Event, Log, Message, Output, TaskEnded, TaskStarted
from .home import Home

#: Bytes of what one task's guest prints that are kept: a step can print more than the disk holds.
LIMIT = 64 << 20


def path_of(home: Home, build_id: str) -> Path:
    return home.settings.logs / f"{build_id}.jsonl"


@contextmanager
def listening(home: Home, build_id: str, log: Log) -> Iterator[None]:
    """Write all that happens in the block to the build's log, line by line as it happens.

    Of a task's output the first LIMIT bytes; one warning says how much is left out.
    """
    with path_of(home, build_id).open("ab", buffering=0) as file, log.listening(_Writer(file)):
        yield


def read(home: Home, build_id: str) -> Iterator[Event]:
    """What a build's log holds so far. Raises NotFound: it has none (any more)."""
    path = path_of(home, build_id)
    decode = msgspec.json.Decoder(Event).decode
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise NotFound(f"build {build_id} has no log: there is no {path}", code="no-log") from None
    with file:
        for line in file:
            try:
                yield decode(line)
            except ValueError:  # its writer was killed, or is at it
                continue


class _Writer:
    """A log listener. It counts the bytes of output of each task that runs, and of what is around them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._encode = msgspec.json.Encoder().encode
        self._printed = [0]
        self._left_out = [0]

    def __call__(self, event: Event) -> None:
        match event:
            case TaskStarted():
                self._printed.append(0)
                self._left_out.append(0)
            case TaskEnded():
                self._printed.pop()
                if left_out := self._left_out.pop():
                    self._write(_warning(left_out))
            case Output():
                line = self._encode(event) + b"\n"
                if self._printed[-1] + len(line) > LIMIT:
                    self._left_out[-1] += len(line)
                    return
                self._printed[-1] += len(line)
        self._write(event)

    def _write(self, event: Event) -> None:
        self._file.write(self._encode(event) + b"\n")


def _warning(left_out: int) -> Message:
    at = clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    text = f"{left_out / 2**20:.1f} MiB of what this printed are left out: {LIMIT >> 20} MiB are kept"
    return Message(text, "warning", at)
