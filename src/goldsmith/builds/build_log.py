"""A build's log on disk: one JSON line an event, in `logs/BUILD.jsonl`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from ..log import Event, Log
from .home import Home


@contextmanager
def listening(home: Home, build_id: str, log: Log) -> Iterator[Path]:
    """Write all that happens in the block to the build's log, line by line as it happens."""
    path = home.settings.logs / f"{build_id}.jsonl"
    encode = msgspec.json.Encoder().encode
    with path.open("ab", buffering=0) as file:

        def write(event: Event) -> None:
            file.write(encode(event) + b"\n")

        with log.listening(write):
            yield path
