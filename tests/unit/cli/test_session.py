"""How commands end: each by its words and its exit code."""

import errno
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from goldsmith.cli.session import Session, opened_home, session
from goldsmith.errors import Bug, GuestFailed, Invalid, StepFailed
from goldsmith.errors import TestFailed as ImageTestFailed
from goldsmith.settings import Settings

Words = pytest.CaptureFixture[str]


def end(work: Callable[[Session], None], *, as_json: bool = False) -> int:
    """The exit code of a command whose work this is."""
    try:
        with session(as_json) as out:
            work(out)
    except typer.Exit as ended:
        return ended.exit_code
    return 0


def failing(error: BaseException) -> Callable[[Session], None]:
    def work(_: Session) -> None:
        raise error

    return work


FAILED_STEP = StepFailed(
    "component nginx, phase build, step Install: the script ended with exit code 3",
    component="nginx",
    phase="build",
    step="Install",
    exit_code=3,
    last_lines=["one", "\x1b[2Jtwo"],
    hint="look at its last lines",
)


def test_work_that_is_done_ends_with_0(capsys: Words) -> None:
    assert end(lambda out: out.say("done")) == 0
    assert capsys.readouterr() == ("done\n", "")


def test_a_failure_shows_message_last_lines_and_hint(capsys: Words) -> None:
    assert end(failing(FAILED_STEP)) == 1
    assert capsys.readouterr() == (
        "",
        "error: component nginx, phase build, step Install: the script ended with exit code 3\n"
        "  | one\n"
        "  | two\n"
        "hint: look at its last lines\n",
    )


def test_a_failure_as_json_carries_all_that_is_known(capsys: Words) -> None:
    assert end(failing(FAILED_STEP), as_json=True) == 1

    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out) == {
        "error": {
            "code": "step-failed",
            "message": "component nginx, phase build, step Install: the script ended with exit code 3",
            "hint": "look at its last lines",
            "component": "nginx",
            "phase": "build",
            "step": "Install",
            "exit_code": 3,
            "last_lines": ["one", "\x1b[2Jtwo"],
        }
    }


def test_a_failed_test_as_json_names_its_step(capsys: Words) -> None:
    error = ImageTestFailed("no", component="web", phase="test", step="Runs", exit_code=3, last_lines=["one"])

    assert end(failing(error), as_json=True) == 1
    assert json.loads(capsys.readouterr().out) == {
        "error": {
            "code": "test-failed",
            "message": "no",
            "hint": "",
            "component": "web",
            "phase": "test",
            "step": "Runs",
            "exit_code": 3,
            "last_lines": ["one"],
        }
    }


def test_the_further_lines_of_a_message_are_set_apart_and_notes_stand_before_the_hint(capsys: Words) -> None:
    error = ImageTestFailed("step Runs failed\nits last line", hint="look into it")
    error.add_note("the whole log: /logs/1.jsonl")

    assert end(failing(error)) == 1
    assert capsys.readouterr().err == (
        "error: step Runs failed\n  | its last line\nthe whole log: /logs/1.jsonl\nhint: look into it\n"
    )
    assert end(failing(error), as_json=True) == 1
    assert json.loads(capsys.readouterr().out)["error"]["notes"] == ["the whole log: /logs/1.jsonl"]


def test_a_place_is_told_to_machines_too(capsys: Words) -> None:
    assert end(failing(Invalid("not YAML", where="a.yml:2:1")), as_json=True) == 1
    assert json.loads(capsys.readouterr().out) == {
        "error": {"code": "invalid", "message": "a.yml:2:1: not YAML", "hint": "", "where": "a.yml:2:1"}
    }


def test_a_guest_that_failed_shows_the_end_of_its_serial_log(capsys: Words) -> None:
    assert end(failing(GuestFailed("the guest's kernel panicked", last_lines=["Kernel panic"]))) == 1
    assert capsys.readouterr().err == "error: the guest's kernel panicked\n  | Kernel panic\n"


@pytest.mark.parametrize("error", [ZeroDivisionError("division by zero"), Bug("division by zero")])
def test_what_nobody_foresaw_is_a_bug_of_ours_and_written_down(
    error: Exception, home: Settings, capsys: Words, pass_time: Callable[[float], None]
) -> None:
    assert end(failing(error)) == 1

    crash = home.logs / f"crash-20260101T120000Z-{os.getpid()}.txt"
    assert capsys.readouterr().err == (
        f"error: this is a bug in goldsmith: {type(error).__name__}: division by zero\n"
        f"hint: please report it with what is in {crash}\n"
    )
    assert "Traceback (most recent call last):" in crash.read_text()


def test_a_bug_without_a_home_is_written_down_elsewhere(
    capsys: Words, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOLDSMITH_HOME", "/dev/null/home")
    monkeypatch.setattr("tempfile.mkdtemp", lambda: str(tmp_path))

    assert end(failing(ZeroDivisionError())) == 1
    assert str(tmp_path / "crash-") in capsys.readouterr().err
    assert len(list(tmp_path.glob("crash-*.txt"))) == 1


def test_a_full_disk_is_no_bug(capsys: Words) -> None:
    error = OSError(errno.ENOSPC, "No space left on device", "/images/x.qcow2")

    assert end(failing(error)) == 1
    assert capsys.readouterr().err == (
        "error: /images/x.qcow2: No space left on device\n"
        "hint: free disk space, or set GOLDSMITH_HOME and GOLDSMITH_CACHE to a larger disk\n"
    )


def test_a_home_that_cannot_be_is_told(capsys: Words, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOLDSMITH_HOME", "/dev/null/home")

    def work(_: Session) -> None:
        with opened_home():
            pass

    assert end(work) == 1
    assert capsys.readouterr().err == (
        "error: the home /dev/null/home cannot be used: Not a directory\n"
        "hint: set GOLDSMITH_HOME to a folder that this user can write to\n"
    )


@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")])
def test_a_signal_stops_the_work_with_one_line(number: int, name: str, capsys: Words) -> None:
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]

    assert end(lambda _: signal.raise_signal(number)) == 130

    assert capsys.readouterr() == ("", f"stopped by {name}: nothing is left running\n")
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_a_signal_is_told_to_machines(capsys: Words) -> None:
    assert end(lambda _: signal.raise_signal(signal.SIGINT), as_json=True) == 130
    assert json.loads(capsys.readouterr().out) == {
        "error": {"code": "stopped", "message": "stopped by Ctrl-C: nothing is left running", "hint": ""}
    }


def test_an_impatient_second_signal_does_not_disturb_the_clearing_up(
    pass_time: Callable[[float], None], capsys: Words
) -> None:
    cleared = []

    def work(_: Session) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            pass_time(4.9)
            signal.raise_signal(signal.SIGINT)
            cleared.append("up")

    assert end(work) == 130
    assert cleared == ["up"]


def test_who_waits_long_can_stop_the_clearing_up_too(
    pass_time: Callable[[float], None], capsys: Words
) -> None:
    cleared = []

    def work(_: Session) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            pass_time(5.1)
            signal.raise_signal(signal.SIGTERM)
            cleared.append("up")

    assert end(work) == 130
    assert cleared == []


def test_a_signal_that_was_ignored_from_outside_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert end(lambda _: signal.raise_signal(signal.SIGINT)) == 0
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_result_is_for_machines_and_words_are_for_people(capsys: Words) -> None:
    def work(out: Session) -> None:
        out.result({"id": 1})
        out.say("in words")
        out.facts([("name", "nginx"), ("family", ""), ("id", "1")])
        out.table([("ID", "NAME"), ("1", "a\x1b[2Jb")])

    end(work)
    assert capsys.readouterr().out == "in words\nname  nginx\nid    1\nID  NAME\n1   ab\n"
    end(work, as_json=True)
    assert capsys.readouterr().out == '{"id": 1}\n'
