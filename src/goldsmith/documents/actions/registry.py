"""The actions that documents can name, and what each is given to work with."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ... import clock
from ...errors import StepFailed
from ...log import Log
from ..guest import Command, Guest, OnOutput, Result

#: How long tidying may take, whatever time the step has left.
_GRACE_SECONDS = 60


class Inputs(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The base of an action's inputs; a key is a field's name in camel case."""


class Done(msgspec.Struct, frozen=True):
    """A step ended well. `exit_code` is None where no program of the document's ran."""

    outputs: Mapping[str, str] = {}
    exit_code: int | None = None


@dataclass(frozen=True)
class Call:
    """One attempt of one step: the guest, and how to run programs there.

    `directory` is where programs start and relative paths begin. `folder` is this run's own, for
    files that must not stay. `environment` goes to every program. `timeout` is in seconds for the
    whole attempt, reboots included, from the making of the Call; None for no limit.
    """

    guest: Guest
    log: Log
    output: OnOutput
    directory: str
    folder: str
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    started: float = field(default_factory=clock.monotonic)

    def run(self, argv: Sequence[str]) -> Result:
        """Run a program of the document's, its output streamed.

        Raises StepFailed (code step-timeout): the step's time is up, and the program was killed.
        """
        return self._run(argv, self.output)

    def do(self, argv: Sequence[str]) -> bytes:
        """Run a program of our own in silence and return its stdout.

        Raises StepFailed: it failed (the message has what it printed to stderr), or time is up.
        """
        result = self._run(argv, None)
        if result.status != 0:
            printed = result.stderr.decode(errors="replace").strip()
            raise StepFailed(printed or f"{argv[0]} failed", exit_code=result.status)
        return result.stdout

    @contextmanager
    def tidying(self, argv: Sequence[str]) -> Iterator[None]:
        """Run a program after the block to undo what it leaves, also when the step's time is up.

        Not after GuestFailed: such a guest is never used again.
        """
        undo = Command(argv, timeout=_GRACE_SECONDS)
        try:
            yield
        except StepFailed:
            self.guest.run(undo)
            raise
        self.guest.run(undo)

    def path(self, written: str) -> str:
        """A document's path as an absolute one. A Windows path is a plain name here (edge 11)."""
        return posixpath.join(self.directory, written)

    def _run(self, argv: Sequence[str], output: OnOutput | None) -> Result:
        left = self._seconds_left()
        result = self.guest.run(Command(argv, self.environment, self.directory, left), output)
        if result.timed_out:
            raise self._too_late()
        return result

    def _seconds_left(self) -> float | None:
        if self.timeout is None:
            return None
        left = self.started + self.timeout - clock.monotonic()
        if left <= 0:
            raise self._too_late()
        return left

    def _too_late(self) -> StepFailed:
        return StepFailed(f"timed out after {self.timeout:g} s", code="step-timeout")


@dataclass(frozen=True)
class Action:
    """`inputs` is a struct, or a tuple of structs for actions that take a list; `outputs` its keys."""

    name: str
    inputs: Any
    run: Callable[[Any, Call], Done]
    outputs: tuple[str, ...]


ACTIONS: dict[str, Action] = {}


def action(
    name: str, *, inputs: Any, outputs: tuple[str, ...] = ()
) -> Callable[[Callable[[Any, Call], Done]], Callable[[Any, Call], Done]]:
    """Register a function as the action of a name. It raises StepFailed when the step went wrong."""

    def register(run: Callable[[Any, Call], Done]) -> Callable[[Any, Call], Done]:
        ACTIONS[name] = Action(name, inputs, run, outputs)
        return run

    return register
