"""The kernel's command line that a guest reads: its image's own, not the one we boot it with.

kernel-install and grubby take what they find in /proc/cmdline for the boot entries of the kernels that a
step installs.
"""

from __future__ import annotations

from . import agent_files
from .boot_entry import BootEntry
from .channel import Channel

_PATH = f"{agent_files.FOLDER}/cmdline"


def show_own(channel: Channel, entry: BootEntry) -> None:
    """Lay the entry's options over /proc/cmdline, if it has any. Raises GuestFailed."""
    if entry.own_options:
        channel.ask("put", _PATH, "644", data=f"{entry.own_options}\n".encode())
        channel.ask("mount", _PATH, "/proc/cmdline", "none", "bind")
