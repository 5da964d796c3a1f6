"""How much a guest has used the network, by its own counters."""

from __future__ import annotations

from dataclasses import dataclass

from .channel import Channel, Refused

#: DNS, DHCP, NTP and ARP of an idle system make less than this during a step.
IDLE_BYTES = 4096


@dataclass(frozen=True)
class Traffic:
    """Bytes in and out over all interfaces but loopback, and TCP connections that the guest opened."""

    bytes: int = 0
    connections: int = 0

    def used(self, since: Traffic) -> bool:
        """Whether what happened since then used the network, beyond what an idle system does.

        So it counts where a counter fell: an interface began anew, and nobody knows what went over it.
        """
        more = self.bytes - since.bytes
        return more > IDLE_BYTES or more < 0 or (more > 0 and self.connections > since.connections)

    def after(self, start: Traffic) -> Traffic:
        """What came since `start`; nothing where a counter fell, as with an interface that was removed."""
        return Traffic(max(0, self.bytes - start.bytes), max(0, self.connections - start.connections))

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(self.bytes + other.bytes, self.connections + other.connections)


def read(channel: Channel) -> Traffic:
    """The counters of a guest since it booted. What it does not tell in numbers counts as 0."""
    return Traffic(
        of_interfaces(_text(channel, "/proc/net/dev")), opened_connections(_text(channel, "/proc/net/snmp"))
    )


def of_interfaces(text: str) -> int:
    """The bytes of /proc/net/dev: after a name the first number is of bytes in, the ninth of bytes out."""
    total = 0
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        numbers = rest.split()
        if name.strip() != "lo" and len(numbers) >= 9:
            total += _number(numbers[0]) + _number(numbers[8])
    return total


def opened_connections(text: str) -> int:
    """Tcp's ActiveOpens in /proc/net/snmp, where a line of names goes before the line of numbers."""
    lines = [line.split() for line in text.splitlines() if line.startswith("Tcp:")]
    if len(lines) < 2:
        return 0
    return _number(dict(zip(lines[0], lines[1], strict=False)).get("ActiveOpens", ""))


def _text(channel: Channel, path: str) -> str:
    try:
        return channel.get(path).decode("ascii", errors="replace")
    except Refused:
        return ""


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 20 else 0
