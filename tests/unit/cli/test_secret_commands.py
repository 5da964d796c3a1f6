"""Secrets come in by stdin or a terminal, never by the command line, and never go out again."""

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from goldsmith.accounts.secrets import LARGEST, Store
from goldsmith.cli.app import app
from goldsmith.settings import Settings


def goldsmith(*words: str, given: str | bytes = "") -> Result:
    return CliRunner().invoke(app, words, input=given)


def test_a_value_from_stdin_is_kept_without_its_last_line_end(home: Settings) -> None:
    done = goldsmith("secret", "set", "TOKEN", given="hunter2\n")
    again = goldsmith("secret", "set", "TOKEN", "--json", given="two\r\nlines\n\r\n")

    assert done.output == "kept TOKEN, version 1\n"
    assert json.loads(again.output) == {"name": "TOKEN", "version": 2}
    assert Store(home.home).get("TOKEN").value == "two\r\nlines\n"


def test_a_terminal_asks_and_does_not_echo(home: Settings) -> None:
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "goldsmith", "secret", "set", "TOKEN"]
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *command], stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    while b"TOKEN: " not in shown:
        shown += os.read(ours, 1024)
    os.write(ours, b"hunter2-hunter2\n")
    try:
        while more := os.read(ours, 1024):
            shown += more
    except OSError:  # its end was closed
        pass
    os.close(ours)

    assert process.wait() == 0
    assert shown.replace(b"\r", b"") == b"TOKEN: \nkept TOKEN, version 1\n"
    assert Store(home.home).get("TOKEN").value == "hunter2-hunter2"


def test_a_value_on_the_command_line_is_bad_usage(home: Settings) -> None:
    assert goldsmith("secret", "set", "TOKEN", "hunter2").exit_code == 2
    assert Store(home.home).list_() == []


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (b"\n", "error: the secret TOKEN is empty\n"),
        (b"abc\xff\n", "error: the secret TOKEN is no UTF-8 text\n"),
        (b"x" * (LARGEST + 1000), "error: the secret TOKEN has 65539 bytes, and 65536 are the most\n"),
    ],
)
def test_what_is_no_secret_is_refused(home: Settings, given: bytes, complaint: str) -> None:
    done = goldsmith("secret", "set", "TOKEN", given=given)

    assert done.exit_code == 1
    assert done.output.startswith(complaint)


def test_a_name_is_looked_at_before_anything_is_asked(home: Settings) -> None:
    assert goldsmith("secret", "set", "TO-KEN", given="hunter2").output == (
        'error: a secret cannot be called "TO-KEN": 1 to 128 letters, digits or _, no digit first\n'
    )


def test_a_list_shows_names_versions_and_ages(home: Settings, pass_time: Callable[[float], None]) -> None:
    goldsmith("secret", "set", "TOKEN", given="hunter2")
    pass_time(7200)
    goldsmith("secret", "set", "A_KEY", given="hunter2")
    goldsmith("secret", "set", "A_KEY", given="hunter3")
    pass_time(60)

    assert goldsmith("secret", "list").output.splitlines() == [
        "NAME   VERSION  AGE",
        "A_KEY  2        1 min",
        "TOKEN  1        2 h",
    ]
    assert json.loads(goldsmith("secret", "list", "--json").output) == {
        "secrets": [
            {"name": "A_KEY", "version": 2, "set_at": "2026-01-01T14:00:00Z"},
            {"name": "TOKEN", "version": 1, "set_at": "2026-01-01T12:00:00Z"},
        ]
    }


@pytest.mark.usefixtures("home")
def test_a_fresh_home_has_no_secrets() -> None:
    assert goldsmith("secret", "list").output == (
        "there are no secrets yet: `goldsmith secret set NAME` keeps one\n"
    )


def test_a_secret_is_deleted(home: Settings) -> None:
    goldsmith("secret", "set", "TOKEN", given="hunter2")

    assert goldsmith("secret", "delete", "TOKEN").output == "deleted TOKEN\n"
    done = goldsmith("secret", "delete", "TOKEN")

    assert done.exit_code == 1
    assert done.output == (
        'error: there is no secret "TOKEN"\n'
        "hint: `goldsmith secret list` shows which there are, `goldsmith secret set NAME` adds one\n"
    )
