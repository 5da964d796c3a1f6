"""What an action may ask of a guest. The guests room brings the machines that answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ..log import Stream

#: Called with each piece of output as it comes; pieces need not end at a line's end.
OnOutput = Callable[[Stream, bytes], None]


@dataclass(frozen=True)
class Command:
    """A program to run as root in the guest: a process group of its own, closed stdin, no terminal.

    `timeout` is in seconds from the start, None for no limit; at its end the whole group is killed.
    `environment` is added to the guest's plain one (PATH, HOME=/root, LANG=C.UTF-8,
    DEBIAN_FRONTEND=noninteractive).
    """

    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: str = "/root"
    timeout: float | None = None


@dataclass(frozen=True)
class Result:
    """How a command ended. `status` is the exit code, or 128 plus the signal that ended it."""

    status: int
    stdout: bytes
    stderr: bytes
    timed_out: bool = False


@dataclass(frozen=True)
class Stat:
    """`kind` is file, folder, link or other; a link is not followed. `mode` holds the permission bits."""

    kind: str
    mode: int
    uid: int
    gid: int
    size: int


class Guest(Protocol):
    """A running machine that steps act on.

    Every call may raise GuestFailed: the machine panicked, died, fell silent, or restarted though
    nobody asked.
    """

    def run(self, command: Command, output: OnOutput | None = None) -> Result:
        """Run a program to its end. The Result carries all of its output (at most 16 MiB a stream)."""

    def put(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """Write a file, made or truncated. Raises StepFailed, naming the path and the reason."""

    def get(self, path: str) -> bytes:
        """Read a file. Raises StepFailed, naming the path and the reason."""

    def stat(self, path: str) -> Stat | None:
        """What is at a path, None for nothing."""

    def reboot(self) -> None:
        """Restart the machine and come back when steps can go on."""
