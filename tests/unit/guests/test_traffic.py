"""Whether a step used the network, by the guest's counters."""

from __future__ import annotations

import pytest

from goldsmith.guests.traffic import Traffic, of_interfaces, opened_connections

DEV = """\
Inter-|   Receive                                           |  Transmit
 face |bytes packets errs drop fifo …|bytes packets errs …
    lo: 900000 100 0 0 0 0 0 0 900000 100 0 0 0 0 0 0
enp0s5:   1000  10 0 0 0 0 0 0    200   3 0 0 0 0 0 0
 eth1:50 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0
"""
SNMP = """\
Ip: Forwarding DefaultTTL
Ip: 1 64
Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens
Tcp: 1 200 120000 -1 12 3
Udp: InDatagrams
Udp: 5
"""


def test_bytes_are_those_of_all_interfaces_but_loopback() -> None:
    assert of_interfaces(DEV) == 1257


def test_connections_are_those_that_the_guest_opened() -> None:
    assert opened_connections(SNMP) == 12


@pytest.mark.parametrize("text", ["", "Tcp:", "Tcp: ActiveOpens", "Tcp: ActiveOpens\nTcp: many", "eth0: a b"])
def test_what_a_guest_does_not_tell_is_nothing(text: str) -> None:
    assert opened_connections(text) == 0
    assert of_interfaces(text) == 0


@pytest.mark.parametrize(
    ("more", "opened", "used"),
    [(0, 0, False), (4096, 0, False), (4097, 0, True), (100, 1, True), (0, 3, False)],
    ids=["nothing", "DNS and the like", "much", "a connection", "connections to itself"],
)
def test_the_network_was_used_by_a_connection_or_by_more_than_an_idle_system(
    more: int, opened: int, used: bool
) -> None:
    since = Traffic(1000, 5)
    assert Traffic(1000 + more, 5 + opened).used(since) is used


def test_counters_go_on_over_a_restart_and_never_fall() -> None:
    assert Traffic(10, 1) + Traffic(500, 4).after(Traffic(100, 1)) == Traffic(410, 4)
    assert Traffic(50, 0).after(Traffic(100, 1)) == Traffic(0, 0)
