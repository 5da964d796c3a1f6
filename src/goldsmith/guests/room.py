"""The network of a guest: a namespace of its own, with rules that are there before the first packet.

QEMU's user network (slirp) opens ordinary sockets for its guest. In the room those sockets belong to
a network namespace where nftables refuses what a guest must not reach: the host's loopback is not
there at all, and its other addresses and private ranges are refused. pasta carries the rest out.

Everything of a room lives in one process tree under a process namespace: when its first process
ends, or whoever started it, the kernel ends the rest, and the mounts go with their namespace.
"""

from __future__ import annotations

import ipaddress
import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from .. import programs
from ..errors import HostLack

#: Where a guest does not go unless it is allowed to. Not Python's `is_private`: that calls
#: documentation ranges private, and mirrors may stand behind one.
PRIVATE = (
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "192.0.2.0/24",
    "198.18.0.0/15",
    "224.0.0.0/3",
)
#: Seconds for a room that is made once to see whether this host can.
TRIAL_TIMEOUT = 30
ADDRESS, GATEWAY, RESOLVER = "10.0.2.100", "10.0.2.2", "10.0.2.3"

_RULES = """
table inet room {{
  chain output {{
    type filter hook output priority 0; policy accept;
    oifname "lo" accept
    ip daddr {resolver} udp dport 53 accept
    ip daddr {resolver} tcp dport 53 accept
    ip daddr {{ {refused} }} reject with icmpx admin-prohibited
    meta nfproto ipv6 reject with icmpx admin-prohibited
  }}
  chain input {{
    type filter hook input priority 0; policy drop;
    iifname "lo" accept
    ct state established,related accept
  }}
  chain forward {{ type filter hook forward priority 0; policy drop; }}
}}
"""

# What runs as the first process of the room's process namespace. A constant: data comes as words.
_ENTER = f"""
set -e
folder=$1
shift
: > "$folder/net"
unshare --net="$folder/net" true
nsenter --net="$folder/net" sh -c 'ip link set lo up && nft -f "$1"' sh "$folder/rules"
pasta -q -4 --config-net -a {ADDRESS} -n 24 -g {GATEWAY} --dns-forward {RESOLVER} --no-map-gw \\
  --no-netns-quit -t none -u none -T none -U none -I net0 -P "$folder/pasta.pid" --runas 0 \\
  --netns-only --netns "$folder/net" </dev/null >/dev/null
mount --bind "$folder/resolv.conf" /etc/resolv.conf
exec nsenter --net="$folder/net" -- "$@"
"""


@cache
def lack() -> str:
    """Why this host gives no room, empty where it does."""
    if os.geteuid() != 0:
        return "a network room needs root so far"
    for program in ("pasta", "nft", "ip", "unshare", "nsenter"):
        try:
            programs.find(program)
        except HostLack as missing:
            return missing.message
    if not Path("/dev/net/tun").exists():
        return "/dev/net/tun is not there"
    return _trial()


def rules(addresses: Sequence[str]) -> str:
    """The room's nftables rules; `addresses` are this host's own, which a guest does not reach either."""
    ranges = [ipaddress.IPv4Network(each) for each in (*PRIVATE, *addresses)]
    # nftables refuses a set whose elements lie in one another.
    refused = ", ".join(map(str, ipaddress.collapse_addresses(ranges)))
    return _RULES.format(resolver=RESOLVER, refused=refused)


def own_addresses() -> list[str]:
    """This host's IPv4 addresses, but those that mean nothing outside of it. Raises HostLack."""
    links = json.loads(programs.run(["ip", "-j", "addr"]))
    return [
        info["local"]
        for link in links
        for info in link.get("addr_info", [])
        if info.get("family") == "inet" and info.get("scope") == "global"
    ]


def inside(folder: Path, command: Sequence[str]) -> list[str]:
    """The command that runs `command` in a room of its own; `folder` is for its files."""
    (folder / "rules").write_text(rules(own_addresses()))
    (folder / "resolv.conf").write_text(f"nameserver {RESOLVER}\n")
    enter = ["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"]
    return [*enter, "sh", "-c", _ENTER, "room", str(folder), *command]


def _trial() -> str:
    """Why a room cannot be made, as it shows when one is: root in a container may lack the rights."""
    with tempfile.TemporaryDirectory(prefix="goldsmith-room-") as folder:
        try:
            command = inside(Path(folder), ["true"])
            done = subprocess.run(
                [programs.find(command[0]), *command[1:]],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TRIAL_TIMEOUT,
                check=False,
            )
        except HostLack as lack:
            return lack.message
        except subprocess.TimeoutExpired:
            return f"a network room was not made within {TRIAL_TIMEOUT} seconds"
    if done.returncode == 0:
        return ""
    said = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit {done.returncode}"]
    return f"a network room cannot be made: {said[-1]}"
