"""Turns what a guest prints, in pieces of any size, into lines."""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Callable

from ..log import Stream
from ..masking import NOTHING, Masker

#: A longer line is told in parts.
MAX_LINE = 8192

#: How many lines a failure shows.
KEPT_LINES = 20


class Lines:
    """Tells each line once it is whole. `last` holds the newest lines of both streams.

    Of a line that a program writes over with carriage returns, the last state counts, as on a
    terminal. Bytes that are no UTF-8 become replacement characters. Secrets are masked before there are
    lines, for a program may have wrapped them; so a line whose end could begin a secret comes a little
    later than it was printed.
    """

    def __init__(self, tell: Callable[[Stream, str], None], masker: Masker = NOTHING) -> None:
        self._tell = tell
        self._decoders = {stream: _new_decoder() for stream in _STREAMS}
        self._masked = {stream: masker.stream() for stream in _STREAMS}
        self._rests = dict.fromkeys(_STREAMS, "")
        self.last: deque[str] = deque(maxlen=KEPT_LINES)

    def feed(self, stream: Stream, data: bytes) -> None:
        self._split(stream, self._masked[stream].feed(self._decoders[stream].decode(data)))

    def flush(self) -> None:
        """Tell what is left of lines that never ended."""
        for stream in _STREAMS:
            last = self._masked[stream].feed(self._decoders[stream].decode(b"", final=True))
            self._split(stream, last + self._masked[stream].flush())
            if rest := self._rests[stream]:
                self._rests[stream] = ""
                self._line(stream, rest)

    def _split(self, stream: Stream, more: str) -> None:
        text = self._rests[stream] + more
        *whole, rest = text.split("\n")
        for line in whole:
            self._line(stream, line)
        # A carriage return at the very end may belong to a line end that is still to come.
        rest = rest[rest.rfind("\r", 0, len(rest) - 1) + 1 :] if rest else ""
        if len(rest) > MAX_LINE:
            self._line(stream, rest)
            rest = ""
        self._rests[stream] = rest

    def _line(self, stream: Stream, line: str) -> None:
        shown = line.removesuffix("\r").rpartition("\r")[2]
        for start in range(0, max(len(shown), 1), MAX_LINE):
            part = shown[start : start + MAX_LINE]
            self.last.append(part)
            self._tell(stream, part)


_STREAMS: tuple[Stream, ...] = ("stdout", "stderr")


def _new_decoder() -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder("utf-8")("replace")
