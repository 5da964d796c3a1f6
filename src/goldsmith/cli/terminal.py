"""Events on a terminal: what is done stays, what runs moves, what is still to come stands below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from .. import clock
from ..log import Event, Message, Output, TaskEnded, TaskStarted
from .text import clean, duration, title

#: How many of the guest's lines and of the steps to come are shown.
GUEST_LINES, NEXT_STEPS = 8, 5

_TIME = 11  # as wide as `59 min 59 s`
_MARKS = {"ok": ("✓", "green"), "failed": ("✗", "bold red"), "cancelled": ("■", "yellow")}
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ASCII = str.maketrans("✓✗■▸·…", "+x#>.~") | str.maketrans(_SPINNER, "|/-\\|/-\\|/")


@dataclass(frozen=True)
class _Running:
    name: str
    more: str
    depth: int
    start: float
    headed: bool = False


class Terminal:
    """A log listener.

    A thread draws while nothing happens; so all that it reads is replaced whole, never changed.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._plan: tuple[tuple[str, str], ...] = ()
        self._running: tuple[_Running, ...] = ()
        self._lines: tuple[str, ...] = ()
        self._live: Live | None = None

    def expect(self, steps: Sequence[tuple[str, str]]) -> None:
        """The steps to come, each by its `text.step_name` and its action."""
        self._plan = tuple(steps)

    def __call__(self, event: Event) -> None:
        match event:
            case TaskStarted():
                self._start(event)
            case TaskEnded():
                self._end(event)
            case Message():
                warning = event.level == "warning"
                text = Text("warning: " if warning else "", "yellow").append(clean(event.text), "default")
                self._console.print(text, style="" if warning else "dim")
            case Output():
                self._lines = (*self._lines, clean(event.text))[-GUEST_LINES:]

    def region(self) -> Group:
        """What moves: the innermost task, the guest's last lines, the next steps."""
        running, lines, plan = self._running, self._lines, self._plan
        rows: list[Text] = []
        if running:
            now = running[-1]
            seconds = clock.monotonic() - now.start
            spin = _SPINNER[int(seconds * 8) % len(_SPINNER)]
            rows.append(self._row(spin, "cyan", duration(seconds), now.depth, now.name, now.more))
            rows += [self._cut(Text(f"{'':{_TIME + 6}}{line}", "dim")) for line in lines]
        for name, more in plan[:NEXT_STEPS]:
            rows.append(self._row("·", "dim", "", 0, name, more, "dim"))
        if len(plan) > NEXT_STEPS:
            rows.append(self._row("·", "dim", "", 0, f"and {len(plan) - NEXT_STEPS} more", "", "dim"))
        return Group(*rows)

    def _start(self, event: TaskStarted) -> None:
        name, more = title(event.name, event.fields)
        if self._running and not self._running[-1].headed:
            around = self._running[-1]
            self._console.print(self._row("▸", "cyan", "", around.depth, around.name, around.more))
            self._running = (*self._running[:-1], replace(around, headed=True))
        if (name, more) in self._plan:
            self._plan = self._plan[self._plan.index((name, more)) + 1 :]
        self._lines = ()
        self._running = (*self._running, _Running(name, more, event.depth, clock.monotonic()))
        if self._live is None:
            self._live = Live(
                get_renderable=self.region,
                console=self._console,
                transient=True,
                refresh_per_second=8,
                redirect_stdout=False,
                redirect_stderr=False,
                vertical_overflow="crop",
            )
            self._live.start()

    def _end(self, event: TaskEnded) -> None:
        name, more = title(event.name, event.fields)
        self._running, self._lines = self._running[:-1], ()
        if not self._running and self._live is not None:
            self._live.stop()
            self._live = None
        mark, style = _MARKS[event.status]
        told = ", ".join(filter(None, [more, clean(event.note)]))
        self._console.print(self._row(mark, style, duration(event.seconds), event.depth, name, told))

    def _row(
        self, mark: str, style: str, time: str, depth: int, name: str, more: str, name_style: str = ""
    ) -> Text:
        row = Text.assemble((mark, style), (f"{time:>{_TIME}}  ", "dim"), "  " * depth, (name, name_style))
        if more:
            row.append(f"  {more}", "dim")
        return self._cut(row)

    def _cut(self, row: Text) -> Text:
        """To one line of the terminal, and to ASCII where it knows no more."""
        row.truncate(self._console.width, overflow="ellipsis")
        if not self._console.encoding.startswith("utf"):
            row.plain = row.plain.translate(_ASCII)
        row.no_wrap = True
        return row
