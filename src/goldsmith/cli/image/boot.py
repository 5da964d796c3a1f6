"""`goldsmith image boot`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ... import clock
from ..options import Json, Reference

if TYPE_CHECKING:
    from ...guests.vm import Vm
    from ..session import Session

#: How a machine ends when somebody in it ends it, by the code of the guest's failure.
_ENDS = {
    "unexpected-power-off": "the machine powered itself off",
    "unexpected-reboot": "the machine restarted itself, which ends it here",
}


def boot(
    image: Reference,
    ssh_port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, metavar="PORT", help="Lead this port of the host's loopback to its port 22."
        ),
    ] = None,
    ssh_key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="A public key to let in, by the image's cloud-init.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Boot an image and give a root shell in it.

    What changes in the machine is thrown away. Without a terminal, and with --json, it runs until it
    powers itself off or is stopped.
    """
    from ..session import opened_home, session

    if ssh_key is not None and ssh_port is None:
        raise typer.BadParameter("there is no way in without --ssh-port", param_hint="--ssh-key")
    with session(json) as out, opened_home() as home:
        from ...builds.booting import boot_image
        from ...errors import GuestFailed

        with boot_image(home, image, out.log, ssh_port=ssh_port, ssh_key=ssh_key) as vm:
            if ssh_port is not None:
                out.say(f"reach it by: ssh -p {ssh_port} root@127.0.0.1")
            out.result({"running": image, "ssh_port": ssh_port})
            try:
                _stay(out, vm)
            except GuestFailed as error:
                if error.code not in _ENDS:
                    raise
                out.say(_ENDS[error.code])


def _stay(out: Session, vm: Vm) -> None:
    if not out.json and sys.stdin.isatty() and sys.stdout.isatty():
        from ...guests.terminal import attach

        out.say("a root shell in the machine; its end is the machine's end, and nothing in it is kept")
        attach(vm.channel)
        return
    out.say("the machine runs; Ctrl-C stops it")
    while True:
        vm.channel.next_frame(clock.monotonic() + 60)
