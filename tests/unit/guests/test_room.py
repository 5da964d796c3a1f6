"""The rules of a guest's network, before any packet."""

import json

import pytest

from goldsmith import programs
from goldsmith.guests import room


def test_a_guest_is_refused_private_ranges_and_this_hosts_own_addresses() -> None:
    text = room.rules(["203.0.113.7", "8.8.4.4", "10.1.2.3"])

    # 10.1.2.3 lies in 10.0.0.0/8: nftables refuses sets whose elements overlap.
    assert (
        "ip daddr { 8.8.4.4/32, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12,"
        " 192.0.2.0/24, 192.168.0.0/16, 198.18.0.0/15, 203.0.113.7/32, 224.0.0.0/3 }"
        " reject with icmpx admin-prohibited"
    ) in text


def test_the_resolver_is_let_through_before_anything_is_refused() -> None:
    lines = [line.strip() for line in room.rules([]).splitlines()]
    refusal = next(number for number, line in enumerate(lines) if "reject" in line)
    assert lines.index("ip daddr 10.0.2.3 udp dport 53 accept") < refusal
    assert lines.index("ip daddr 10.0.2.3 tcp dport 53 accept") < refusal
    assert "meta nfproto ipv6 reject with icmpx admin-prohibited" in lines


def test_this_hosts_own_addresses_are_the_global_ipv4_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = [
        {"ifname": "lo", "addr_info": [{"family": "inet", "local": "127.0.0.1", "scope": "host"}]},
        {"ifname": "ifb0", "addr_info": []},
        {"ifname": "sit0"},
        {
            "ifname": "eth0",
            "addr_info": [
                {"family": "inet", "local": "203.0.113.7", "prefixlen": 24, "scope": "global"},
                {"family": "inet6", "local": "2001:db8::1", "scope": "global"},
            ],
        },
    ]
    monkeypatch.setattr(programs, "run", lambda _: json.dumps(answer).encode())

    assert room.own_addresses() == ["203.0.113.7"]
