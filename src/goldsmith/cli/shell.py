"""`goldsmith shell`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from . import options

if TYPE_CHECKING:
    from ..guests.vm import Vm
    from .session import Session


def shell(
    reference: Annotated[
        str, typer.Argument(metavar="BUILD|IMAGE", help="A build's id, `last`, or an image.")
    ],
    at: Annotated[
        str,
        typer.Option(
            metavar="STEP", help="What this step of the build left: COMPONENT.STEP, STEP, or its number."
        ),
    ] = "",
    json: options.Json = False,
) -> None:
    """Open a root shell in a machine that is thrown away afterwards.

    Of a build: at what its last step left, or a step before, or at the disk that --keep-on-failure kept.
    Without a terminal the script on stdin is run, and its exit code decides this command's.
    """
    from .session import opened_home, session

    with session(json) as out, opened_home() as home:
        from ..builds.shells import open_shell

        with open_shell(home, reference, at, out.log) as vm:
            attach(out, vm)


def attach(out: Session, vm: Vm) -> None:
    """A shell on this terminal; without one the script on stdin. Raises typer.Exit: the script failed."""
    if not out.json and sys.stdin.isatty() and sys.stdout.isatty():
        from ..guests.terminal import attach as attach_terminal

        out.say("a root shell in the machine; its end is the machine's end, and nothing in it is kept")
        attach_terminal(vm.channel)
        return
    from ..steps.lines import Lines

    lines = Lines(out.log.output)
    words = ["/root", "2", "sh", "-s"]
    done = vm.channel.request("+run", words, data=sys.stdin.buffer.read(), output=lines.feed)
    lines.flush()
    out.result({"exit_code": done.status})
    if done.status:
        raise typer.Exit(1)
