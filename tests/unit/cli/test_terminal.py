"""What a build looks like on a terminal, as text: the same without colours and cursor movements."""

from collections.abc import Callable
from io import StringIO

import pytest
from rich.console import Console

from goldsmith.cli.terminal import Terminal
from goldsmith.errors import StepFailed
from goldsmith.log import Log

PLAN = (("nginx / build / Install", "ExecuteBash"), ("nginx / validate / Check", "ExecuteBash"))


class Screen:
    """A terminal of 60 columns: `printed` is what stays, `moving` what is drawn again and again."""

    def __init__(self) -> None:
        self._file = StringIO()
        self.console = Console(file=self._file, width=60, markup=False, highlight=False, emoji=False)
        self.terminal = Terminal(self.console)
        self.log = Log(self.terminal)

    @property
    def printed(self) -> list[str]:
        return [line for line in self._file.getvalue().splitlines() if line]

    @property
    def moving(self) -> list[str]:
        lines = self.console.render_lines(self.terminal.region(), pad=False)
        return ["".join(segment.text for segment in line) for line in lines]

    def step(self, name: str) -> dict[str, str]:
        return {"component": "nginx", "phase": "build", "step": name, "action": "ExecuteBash"}


@pytest.fixture
def screen() -> Screen:
    return Screen()


def test_what_is_done_stays_with_its_time_and_note(
    screen: Screen, pass_time: Callable[[float], None]
) -> None:
    with screen.log.task("boot", accelerator="tcg"):
        pass_time(22.3)
    with screen.log.task("step", **screen.step("Install")) as task:
        pass_time(125)
        task.note("done")

    assert screen.printed == [
        "✓     22.3 s  boot  tcg",
        "✓ 2 min 05 s  nginx / build / Install  ExecuteBash, done",
    ]


def test_the_running_step_shows_its_last_lines_and_what_comes_next(
    screen: Screen, pass_time: Callable[[float], None]
) -> None:
    screen.terminal.expect(PLAN)
    with screen.log.task("step", **screen.step("Install")):
        for number in range(10):
            screen.log.output("stdout", f"line {number}")
        pass_time(1.5)

        assert screen.moving == [
            "⠹      1.5 s  nginx / build / Install  ExecuteBash",
            *(f"                 line {number}" for number in range(2, 10)),
            "·             nginx / validate / Check  ExecuteBash",
        ]


def test_the_lines_of_a_step_go_with_it(screen: Screen, pass_time: Callable[[float], None]) -> None:
    with screen.log.task("step", **screen.step("Install")):
        screen.log.output("stdout", "of the first")
    with screen.log.task("step", **screen.step("Check")):
        assert screen.moving == ["⠋      0.0 s  nginx / build / Check  ExecuteBash"]


def test_a_long_plan_is_cut(screen: Screen) -> None:
    screen.terminal.expect([(f"c / build / Step{number}", "Reboot") for number in range(7)])

    assert screen.moving[-2:] == ["·             c / build / Step4  Reboot", "·             and 2 more"]


def test_work_within_work_is_indented_under_its_heading(
    screen: Screen, pass_time: Callable[[float], None]
) -> None:
    with screen.log.task("test the image"):
        with screen.log.task("boot"):
            pass_time(3)
        pass_time(1)

    assert screen.printed == [
        "▸             test the image",
        "✓      3.0 s    boot",
        "✓      4.0 s  test the image",
    ]


def test_failed_and_stopped_work_is_marked(screen: Screen, pass_time: Callable[[float], None]) -> None:
    def fail() -> None:
        with screen.log.task("step", **screen.step("Install")) as task:
            task.note("the script ended with exit code 3")
            raise StepFailed("the script ended with exit code 3")

    with pytest.raises(StepFailed):
        fail()
    with pytest.raises(KeyboardInterrupt), screen.log.task("boot"):
        raise KeyboardInterrupt

    assert screen.printed == [
        "✗      0.0 s  nginx / build / Install  ExecuteBash, the scr…",
        "■      0.0 s  boot",
    ]


def test_messages_are_wrapped_and_warnings_say_so(screen: Screen) -> None:
    screen.log.info("guests are emulated")
    screen.log.warning("the guest's network is not shielded from this host's own services")

    assert screen.printed == [
        "guests are emulated",
        "warning: the guest's network is not shielded from this ",
        "host's own services",
    ]


def test_a_hostile_guest_does_not_drive_the_terminal(
    screen: Screen, pass_time: Callable[[float], None]
) -> None:
    with screen.log.task("step", **screen.step("Install")) as task:
        screen.log.output("stderr", "\x1b[2J\x1b]0;owned\x07[bold]gone[/bold]\r" + "x" * 100)
        task.note("\x1b[1A over it")

        assert screen.moving[1] == "                 [bold]gone[/bold] " + "x" * 24 + "…"
    assert screen.printed == ["✓      0.0 s  nginx / build / Install  ExecuteBash,  over it"]


def test_a_terminal_without_unicode_gets_none(pass_time: Callable[[float], None]) -> None:
    class Latin(StringIO):
        encoding = "iso-8859-1"

    file = Latin()
    terminal = Terminal(Console(file=file, width=40))
    log = Log(terminal)

    with log.task("boot", accelerator="x" * 40):
        pass
    with log.task("clean up"):
        pass

    assert file.getvalue().isascii()
    assert "+      0.0 s  clean up" in file.getvalue().splitlines()
