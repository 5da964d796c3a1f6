"""Getting into a machine that its own firmware and boot loader start: the agent, put on its disk."""

from __future__ import annotations

from pathlib import Path

from ..disks.chain import Chain
from ..errors import Invalid
from ..guests.inspection import Root, inspect
from ..log import Log
from ..settings import Settings

#: What can be made to start the agent.
INITS = ("systemd", "openrc")


def arm(settings: Settings, log: Log, folder: Path, disk: Chain) -> Root:
    """Put the agent on a throw-away overlay, and say what its root is. `folder` is for the guest's files.

    Raises Invalid: no root, or an init that starts nothing for us; GuestFailed.
    """
    with inspect(settings, log, folder, disk) as inspection:
        root = inspection.find_root()
        check_init(root)
        inspection.install_agent(root)
    return root


def check_init(root: Root, where: str = "", hint: str = "") -> None:
    """Raise Invalid where nothing would start the agent after a boot by firmware."""
    if root.init not in INITS:
        raise Invalid(
            f"the image has neither systemd nor OpenRC, so nothing in it starts goldsmith's agent when it "
            f"boots by its firmware (its init: {root.init})",
            where=where,
            hint=hint,
            code="unknown-init",
        )
