"""A build with packages from Debian's own archive: those that wait, ask and tie images to a machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from goldsmith.builds import build
from goldsmith.builds.home import Home
from goldsmith.catalog.images import Image
from goldsmith.log import Log
from tests.recipes import bash, document, loaded

NETPLAN = """\
network:
  version: 2
  renderer: networkd
  ethernets:
    any:
      match: {name: "en*"}
      dhcp4: true
"""


@pytest.mark.slow
def test_nothing_waits_for_a_lock_or_an_answer_and_the_network_is_tied_to_no_card(
    shared_home: Home, debian: Image, tmp_path: Path
) -> None:
    """Cases C33 (the lock of apt), C35 (questions, needrestart, through sudo) and C43 (netplan).

    The image is tested with another MAC address and its card in another slot than while it was built.
    """
    work = document(
        tmp_path,
        "work",
        {
            "build": [
                bash("First", "set -e", "apt-get update", "apt-get install -y needrestart netplan.io"),
                bash("Ask", "sudo apt-get install -y --reinstall tzdata", timeoutSeconds=600),
                {
                    "name": "Netplan",
                    "action": "CreateFile",
                    "inputs": [
                        {"path": "/etc/netplan/90-any.yaml", "content": NETPLAN, "permissions": "0600"}
                    ],
                },
                bash("OnlyNetplan", "set -e", "rm /etc/systemd/network/80-dhcp.network", "netplan generate"),
            ],
            "test": [
                bash("Address", "set -e", 'test -n "$(ip -4 -o addr show scope global)"', "netplan get"),
                bash(
                    "NoCard", "! grep -rIiE '([0-9a-f]{2}:){5}[0-9a-f]{2}' /etc/netplan /etc/systemd/network"
                ),
            ],
        },
    )

    outcome = build.build(shared_home, loaded(tmp_path, debian.id, [work]), Log())

    assert [step.outcome for step in outcome.image.description.steps] == ["succeeded"] * 4
    assert [step.outcome for step in outcome.image.description.tests] == ["succeeded"] * 2
