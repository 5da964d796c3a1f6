"""The port that leads into a machine."""

from __future__ import annotations

import socket

import pytest

from goldsmith.builds import booting
from goldsmith.errors import Conflict
from goldsmith.guests.machine import Hardware
from goldsmith.log import Event, Log, Message


def test_a_port_in_use_is_refused_before_anything_boots() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        with pytest.raises(Conflict) as caught:
            booting.check_port(port)

    assert caught.value.message == f"port {port} of 127.0.0.1 is in use"
    assert caught.value.hint == "choose another --ssh-port"
    booting.check_port(port)


def test_a_port_takes_the_shield_away_and_that_is_said() -> None:
    events: list[Event] = []

    hardware = booting._forward(Hardware("tcg", network="room"), 2222, Log(events.append))

    assert (hardware.network, hardware.forwards) == ("plain", ((2222, 22),))
    [told] = events
    assert isinstance(told, Message)
    assert told.level == "warning"
    assert told.text == (
        "the guest's network is not shielded from this host's own services: a port leads into it"
    )
    booting._forward(hardware, 2222, Log(events.append))
    assert len(events) == 1
