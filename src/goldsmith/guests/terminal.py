"""A shell in a guest, on the terminal that goldsmith runs in."""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from . import answers
from .channel import Channel

# bash where there is one, as a login shell; constant text.
_SHELL = "cd; export TERM=$1; command -v bash >/dev/null && exec bash -l; exec sh -l"


def attach(channel: Channel) -> int:
    """Give the terminal to a root shell in the guest until it ends; returns its exit code.

    Raises GuestFailed: the machine stopped under it.
    """
    term = os.environ.get("TERM", "linux")
    words = ["/", "5", "sh", "-c", _SHELL, "sh", term]
    number = channel.send_request("pty", words)
    send_size(channel, number)
    resized = False

    def on_resize(*_: object) -> None:
        nonlocal resized
        resized = True

    with _raw(sys.stdin.fileno()), _handling(signal.SIGWINCH, on_resize):
        open_stdin = True
        while True:
            if resized:
                resized = False
                send_size(channel, number)
            sources = [channel.fileno(), *([sys.stdin.fileno()] if open_stdin else [])]
            ready, _, _ = select.select(sources, [], [], 0.5)
            if sys.stdin.fileno() in ready:
                typed = os.read(sys.stdin.fileno(), 4096)
                open_stdin = bool(typed)
                channel.send_data(number, typed or b"\x04")
            kind, of, payload = channel.next_frame(deadline=0.0)
            while kind != b"-":
                if of == number and kind == b"x":
                    return answers.status(payload)
                if of == number and kind in (b"o", b"f"):
                    os.write(sys.stdout.fileno(), payload)
                kind, of, payload = channel.next_frame(deadline=0.0)


def send_size(channel: Channel, number: int) -> None:
    size = shutil.get_terminal_size()
    channel.send_size(number, size.lines, size.columns)


@contextmanager
def _raw(terminal: int) -> Iterator[None]:
    """Every key goes to the guest, Ctrl-C too."""
    if not os.isatty(terminal):
        yield
        return
    before = termios.tcgetattr(terminal)
    try:
        tty.setraw(terminal)
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


@contextmanager
def _handling(number: signal.Signals, handler: signal._HANDLER) -> Iterator[None]:
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)
