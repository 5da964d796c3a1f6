"""Around every command: who listens to its log, and how it ends."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

import typer

from .. import clock
from ..errors import Bug, GoldsmithError, HostLack
from ..log import Log
from . import failures, lines
from .printing import print_error, print_json, print_line, styled
from .text import clean, columns, step_name

if TYPE_CHECKING:
    from ..builds.home import Home
    from ..documents.plan import PlannedStep
    from .terminal import Terminal

#: Seconds in which a second Ctrl-C does not disturb what the first one has begun to clear up.
PATIENCE = 5.0


class Session:
    """One command at work. `log` is for the rooms; the rest is what the command itself says.

    With `json` stdout carries one JSON object a line: the events, and at the end the result.
    """

    def __init__(self, json: bool) -> None:
        self.json = json
        self._terminal: Terminal | None = None
        if json:
            self.log = Log(lines.tell_in_json)
        elif sys.stdout.isatty():
            # rich takes a while to import, and only terminals need it.
            from rich.console import Console

            from .terminal import Terminal

            self._terminal = Terminal(Console(markup=False, highlight=False, emoji=False))
            self.log = Log(self._terminal)
        else:
            self.log = Log(lines.tell_plainly)

    def expect(self, steps: Sequence[PlannedStep]) -> None:
        """Show the steps to come, where there is a place for that."""
        if self._terminal is not None:
            names = [
                (step_name(each.document.name, each.phase, each.step.name), clean(each.step.action))
                for each in steps
            ]
            self._terminal.expect(names)

    def result(self, value: Any) -> None:
        """What machines get in the end."""
        if self.json:
            print_json(value)

    def say(self, text: str = "", **style: Any) -> None:
        """A line for people."""
        if not self.json:
            print_line(clean(text), **style)

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """The first row is the heading."""
        heading, *rest = columns([[clean(cell) for cell in row] for row in rows])
        self.say(heading, bold=True)
        for line in rest:
            self.say(line)

    def facts(self, rows: Sequence[tuple[str, str]]) -> None:
        """Names and values; those without a value are left out."""
        rows = [row for row in rows if row[1]]
        width = max(len(name) for name, _ in rows)
        for name, value in rows:
            self.item(f"{name:<{width}}", value, dim=True)

    def item(self, word: str, text: str, **style: Any) -> None:
        """A line for people that begins with a word in a style."""
        if not self.json:
            print_line(f"{styled(word, **style)}  {clean(text)}")


@contextmanager
def session(json: bool = False) -> Iterator[Session]:
    """Turn what can go wrong in the block into words and an exit code.

    1: the work failed; 130: Ctrl-C or SIGTERM, after everything was cleared up. A usage error that
    the block raises is typer's to tell (2).
    """
    with _signals():
        try:
            yield Session(json)
        except KeyboardInterrupt as stopped:
            by = str(stopped) or "Ctrl-C"
            _fail(json, GoldsmithError(f"stopped by {by}: nothing is left running", code="stopped"), 130)
        except (typer.BadParameter, typer.Exit):
            raise
        except Exception as error:
            _fail(json, _known(error), 1)


@contextmanager
def opened_home() -> Iterator[Home]:
    """The home that the environment names, opened for the time of the block.

    Raises HostLack: it cannot be made, read or written; what open_home raises.
    """
    from .. import settings
    from ..builds.home import open_home

    place = settings.load()
    try:
        home = open_home(place)
    except OSError as error:
        raise HostLack(
            f"the home {place.home} cannot be used: {error.strerror}",
            hint="set GOLDSMITH_HOME to a folder that this user can write to",
            code="home-unusable",
        ) from error
    try:
        yield home
    finally:
        home.engine.dispose()


def _known(error: Exception) -> GoldsmithError:
    if isinstance(error, GoldsmithError) and not isinstance(error, Bug):
        return error
    lack = failures.as_lack(error) if isinstance(error, OSError) else None
    return lack or failures.as_bug(error)


def _fail(json: bool, error: GoldsmithError, status: int) -> None:
    if json:
        print_json(failures.as_json(error))
    elif error.code == "stopped":
        print_error(styled(error.message, fg="yellow"))
    else:
        failures.tell(error)
    raise typer.Exit(status)


@contextmanager
def _signals() -> Iterator[None]:
    """SIGINT and SIGTERM both raise KeyboardInterrupt, where they were not ignored from outside."""
    last = -PATIENCE

    def stop(number: int, _: FrameType | None) -> None:
        nonlocal last
        now = clock.monotonic()
        if now - last >= PATIENCE:
            last = now
            raise KeyboardInterrupt("" if number == signal.SIGINT else signal.Signals(number).name)

    heeded = [each for each in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(each) != signal.SIG_IGN]
    before = {each: signal.signal(each, stop) for each in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
