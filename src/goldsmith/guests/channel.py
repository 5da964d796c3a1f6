"""Speaking with the agent in a guest: requests, their output, and the watch for silence."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Callable, Sequence
from typing import NoReturn

from .. import clock
from ..documents.guest import OnOutput, Result
from ..errors import GuestFailed, StepFailed
from . import answers

#: agent.h has the same; another one does not speak with us.
VERSION = "1"

#: Seconds without a frame until the agent is asked whether it is there, and until it is given up.
#: Under emulation on a busy host an agent may be slow to answer, but not this slow.
PING_AFTER, SILENT_AFTER = 3.0, 45.0

#: What is kept of one output stream; more is passed on and forgotten.
KEPT = 16 << 20

#: Bytes of a frame's payload, both ways, and words of a request: the agent has the same limits.
LARGEST, MOST_WORDS = 1 << 20, 4095

#: Seconds for what the agent does itself; what may have to work through a whole file system has longer.
ASK_TIMEOUT, LONG_TIMEOUT = 300.0, 1800.0
_LONG = frozenset({"sync", "umount", "trim", "wipe", "grow", "remove", "empty"})

#: Seconds until a killed request must have ended. Only a program that hangs in the kernel takes longer.
KILL_TIMEOUT = 60.0

_HEADER = struct.Struct(">cII")
_PIECE = 60_000
#: Bytes that are shown of an agent's reason.
_REASON = 4096


class Refused(GuestFailed):
    """The agent could not do a verb; the message is its reason, which names what it was about."""

    code = "agent-refused"


class Channel:
    """One agent at the other end of `sock`.

    `check` is called while waiting, at least twice a second, and whenever `alarm` (a file
    descriptor) can be read: it raises when the machine below is in trouble. `ended` waits for the end
    of a machine whose line is broken, and raises why.
    """

    def __init__(
        self, sock: socket.socket, check: Callable[[], None], ended: Callable[[], NoReturn], alarm: int
    ) -> None:
        self._sock = sock
        self._check = check
        self._ended = ended
        self._alarm = alarm
        self._received = bytearray()
        self._last = 0
        self._heard = clock.monotonic()
        self._asked = False

    def hello(self, timeout: Callable[[], float]) -> None:
        """Wait for the agent's first word. `timeout()` gives the seconds left, 0 or less for over."""
        while True:
            left = timeout()
            if left <= 0:
                raise GuestFailed("the guest's agent did not answer", code="boot-timeout")
            frame = self._frame(min(left, 0.5))
            if frame and frame[0] == b"h":
                version = frame[2].decode(errors="replace").split("\0")[0]
                if version != VERSION:
                    raise GuestFailed(
                        f"the guest's agent speaks version {version[:20]!r}, goldsmith {VERSION!r}",
                        code="agent-version",
                    )
                return

    def ask(
        self, verb: str, *words: str, root: str = "/", data: bytes | None = None, most: int = KEPT
    ) -> bytes:
        """Let the agent do one of its verbs and return its answer, of at most `most` bytes.

        Raises Refused with the agent's reason, GuestFailed where it takes too long or says too much.
        """
        timeout = LONG_TIMEOUT if verb in _LONG else ASK_TIMEOUT
        name = ("+" if data is not None else "") + verb
        kept = max(most + 1, _REASON)
        done = self.request(name, words, root=root, data=data, kept=kept, timeout=timeout)
        what = " ".join([verb, *words])[:200]
        if done.timed_out:
            raise GuestFailed(
                f"the guest did not finish `{what}` within {timeout:.0f} seconds", code="agent-timeout"
            )
        if done.status:
            reason = done.stderr[:_REASON].decode(errors="replace").strip()
            raise Refused(reason or f"{what}: status {done.status}")
        if len(done.stdout) > most:
            raise answers.nonsense(f"the answer to `{what}` has more than {most} bytes and", done.stdout)
        return done.stdout

    def get(self, path: str, *, root: str = "/", most: int = LARGEST) -> bytes:
        """A regular file's bytes. Raises Refused: there is none, or it has more than `most` bytes."""
        return self.ask("get", path, str(most), root=root, most=most)

    def request(
        self,
        verb: str,
        words: Sequence[str],
        *,
        root: str = "/",
        data: bytes | None = None,
        output: OnOutput | None = None,
        timeout: float | None = None,
        kept: int = KEPT,
    ) -> Result:
        """Send a request and wait for its end. After `timeout` seconds its process group is killed.

        Raises GuestFailed (also: it does not end when killed), StepFailed (too large to send).
        """
        number = self.send_request(verb, words, root=root)
        if data is not None:
            for at in range(0, len(data), _PIECE):
                self._send(b"d", number, data[at : at + _PIECE])
            self._send(b"e", number)
        streams = {b"o": bytearray(), b"f": bytearray()}
        deadline = None if timeout is None else clock.monotonic() + timeout
        timed_out = False
        while True:
            if deadline is not None and clock.monotonic() >= deadline:
                if timed_out:
                    # Without the environment, which may hold secrets.
                    program = words[2 : 2 + int(words[1])] if verb.endswith("run") else words
                    raise GuestFailed(
                        f"`{' '.join(program)[:200]}` did not end within {KILL_TIMEOUT:.0f} seconds"
                        " after it was killed",
                        hint="it hangs in the guest's kernel, which waits for a device or a file system",
                        code="kill-failed",
                    )
                self._send(b"k", number)
                deadline, timed_out = clock.monotonic() + KILL_TIMEOUT, True
            kind, channel, payload = self.next_frame(deadline)
            if channel != number:
                continue
            if kind == b"x":
                return Result(answers.status(payload), bytes(streams[b"o"]), bytes(streams[b"f"]), timed_out)
            if kind in streams:
                stream = streams[kind]
                stream += payload[: max(0, kept - len(stream))]
                if output is not None:
                    output("stdout" if kind == b"o" else "stderr", payload)

    def send_request(self, verb: str, words: Sequence[str], *, root: str = "/") -> int:
        """Start a request and return its channel; who needs more than `request` reads the frames.

        Raises Refused (a NUL byte in a word), StepFailed (too large).
        """
        said = [root, verb, *words]
        for word in said:
            if "\0" in word:
                raise Refused(f"{word[:200]!r}: a NUL byte cannot stand in it")
        payload = "".join(f"{word}\0" for word in said).encode(errors="surrogateescape")
        if len(payload) > LARGEST or len(said) > MOST_WORDS:
            large = len(payload) > LARGEST
            raise StepFailed(
                f"a request of {len(payload)} bytes; at most 1 MiB"
                if large
                else f"a request of {len(said)} words; at most {MOST_WORDS}",
                hint="put long texts into a file of the guest, and let the command read it",
                code="request-too-large",
            )
        self._last += 1
        self._send(b"q", self._last, payload)
        return self._last

    def send_data(self, channel: int, data: bytes) -> None:
        self._send(b"d", channel, data)

    def send_size(self, channel: int, rows: int, columns: int) -> None:
        self._send(b"w", channel, f"{rows}\0{columns}\0".encode())

    def next_frame(self, deadline: float | None = None) -> tuple[bytes, int, bytes]:
        """The next frame, or an empty one (type `-`) when the deadline has come."""
        while True:
            left = 0.5 if deadline is None else min(0.5, deadline - clock.monotonic())
            frame = self._frame(max(0.0, left))
            if frame is not None:
                return frame
            if deadline is not None and clock.monotonic() >= deadline:
                return b"-", 0, b""

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        self._sock.close()

    def _send(self, kind: bytes, channel: int, payload: bytes = b"") -> None:
        left = memoryview(_HEADER.pack(kind, channel, len(payload)) + payload)
        waited = clock.monotonic()
        while left:
            try:
                sent = self._sock.send(left, socket.MSG_DONTWAIT)
                left, waited = left[sent:], clock.monotonic()
            except BlockingIOError:
                # The agent answers requests while it takes new ones: keep reading, or both wait.
                self._check()
                sock = self._sock.fileno()
                ready, _, _ = select.select([sock, self._alarm], [sock], [], 0.5)
                if sock in ready:
                    self._receive()
                if clock.monotonic() - waited > SILENT_AFTER:
                    raise silent() from None
            except OSError:
                self._ended()

    def _frame(self, timeout: float) -> tuple[bytes, int, bytes] | None:
        """The next frame if one comes within `timeout` seconds; watches for silence meanwhile."""
        frame = self._take()
        if frame is not None:
            return frame
        self._check()
        sock = self._sock.fileno()
        ready, _, _ = select.select([sock, self._alarm], [], [], timeout)
        if sock in ready:
            self._receive()
            return self._take()
        self._check()
        quiet = clock.monotonic() - self._heard
        if self._last and quiet > SILENT_AFTER:
            raise silent()
        if self._last and quiet > PING_AFTER and not self._asked:
            self._asked = True
            self._send(b"p", 0)
        return None

    def _receive(self) -> None:
        try:
            piece = self._sock.recv(1 << 18)
        except OSError:
            piece = b""
        if not piece:
            self._ended()
        self._received += piece
        self._heard = clock.monotonic()
        self._asked = False

    def _take(self) -> tuple[bytes, int, bytes] | None:
        if len(self._received) < _HEADER.size:
            return None
        kind, channel, length = _HEADER.unpack_from(self._received)
        if length > LARGEST:
            raise answers.nonsense("the start of a frame", bytes(self._received[: _HEADER.size]))
        end = _HEADER.size + length
        if len(self._received) < end:
            return None
        payload = bytes(self._received[_HEADER.size : end])
        del self._received[:end]
        return kind, channel, payload


def silent() -> GuestFailed:
    return GuestFailed(
        f"the guest's agent has said nothing for {SILENT_AFTER:.0f} seconds",
        hint="the guest hangs, or ran out of memory: give the recipe a machine with more memory",
        code="agent-silent",
    )
