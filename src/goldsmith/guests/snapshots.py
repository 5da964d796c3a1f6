"""One moment of a running guest's disk: an empty file is put above it, and what lies below is complete."""

from __future__ import annotations

from pathlib import Path

from ..disks import overlay
from ..disks.chain import Chain
from ..errors import GuestFailed
from .channel import Channel, Refused
from .machine import DISK_NODE, Machine


class LiveDisk:
    """The disk of one running machine. `chain` names its files, of which the last is written to."""

    def __init__(self, machine: Machine, channel: Channel, chain: Chain) -> None:
        self._machine = machine
        self._channel = channel
        self._node = DISK_NODE
        self.chain = chain

    def snapshot(self, path: Path) -> Path:
        """Go on in a new file at `path`, and return the one that is complete now.

        The guest's file systems stand still for that moment. What is returned is whole for whoever reads
        it, but not flushed to the host's disk. Raises GuestFailed, HostLack.
        """
        overlay.create(path, self._size())
        above = self.chain.over(path)
        name = f"{DISK_NODE}-above-{len(self.chain.files)}"
        top = above.blockdevs(name, throw_away=True)[-1]
        # What lies below is not opened anew: QEMU puts the running node there.
        self._machine.execute("blockdev-add", **(top | {"backing": None}))
        try:
            self._freeze()
            self._machine.execute("blockdev-snapshot", node=self._node, overlay=name)
        finally:
            self._channel.ask("thaw")
        self.chain, self._node = above, name
        return above.files[-2]

    def _freeze(self) -> None:
        try:
            self._channel.ask("freeze")
        except Refused as reason:
            raise GuestFailed(
                f"the guest's file system on the device {reason} and so cannot be frozen",
                code="freeze-failed",
            ) from None

    def _size(self) -> int:
        """In bytes."""
        for node in self._machine.execute("query-named-block-nodes", flat=True):
            if node["node-name"] == self._node:
                return int(node["image"]["virtual-size"])
        raise GuestFailed(f"QEMU has no disk {self._node}", code="qemu-refused")
