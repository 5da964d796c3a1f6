"""The network of a guest that boots its image's own kernel: the image's, or one for the time of a build."""

from __future__ import annotations

from .. import clock
from ..log import Log
from . import agent_files
from .channel import Channel, Refused
from .inspection import read

_ADDRESS, _MASK, _GATEWAY, _RESOLVER = "10.0.2.15", "255.255.255.0", "10.0.2.2", "10.0.2.3"
#: Seconds that an image's own init has to set up the network.
_PATIENCE = 20.0


def set_up(channel: Channel, log: Log, init: str) -> None:
    """Wait for the image's own network; where it sets none up, do it. Raises GuestFailed."""
    if not _comes_up(channel, 0.0 if init == "none" else _PATIENCE):
        log.info("the image sets up no network of its own: goldsmith does, while it builds")
        try:
            channel.ask("network", _ADDRESS, _MASK, _GATEWAY)
        except Refused as reason:
            log.warning(f"the guest has no network: {reason}")
            return
    servers = (read(channel, "/etc/resolv.conf", "/") or b"").decode(errors="replace")
    if not any(line.split()[:1] == ["nameserver"] for line in servers.splitlines()):
        _lend_resolver(channel, log)


def _comes_up(channel: Channel, patience: float) -> bool:
    limit = clock.monotonic() + patience
    while True:
        routes = (read(channel, "/proc/net/route", "/") or b"").splitlines()[1:]
        if any(line.split()[1:2] == [b"00000000"] for line in routes):
            return True
        if clock.monotonic() >= limit:
            return False
        channel.next_frame(clock.monotonic() + 0.2)


def _lend_resolver(channel: Channel, log: Log) -> None:
    path = f"{agent_files.FOLDER}/resolv.conf"
    channel.ask("put", path, "644", data=f"nameserver {_RESOLVER}\n".encode())
    if not channel.ask("stat", "/etc/resolv.conf"):
        log.warning("the image has no /etc/resolv.conf: names are not resolved in it")
        return
    try:
        channel.ask("mount", path, "/etc/resolv.conf", "none", "bind")
    except Refused as reason:  # a link to nothing
        log.warning(f"names are not resolved in the guest: /etc/resolv.conf: {reason}")
