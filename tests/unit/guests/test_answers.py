"""The agent's answers are read as what a hostile guest may send."""

import pytest

from goldsmith.documents.guest import Stat
from goldsmith.errors import GuestFailed
from goldsmith.guests import answers


def test_a_stat_is_read() -> None:
    assert answers.stat(b"file 1640 0 33 12345\n") == Stat("file", 0o1640, 0, 33, 12345)
    assert answers.stat(b"") is None


def test_devices_are_read_with_their_sizes() -> None:
    assert answers.devices(b"vda 2048\nvda1 1024\n") == {"vda": 2048, "vda1": 1024}


@pytest.mark.parametrize("answer", [b"file", b"file 9 0 0 0", b"file 644 0 0 many", b"\xff 1 1 1 1"])
def test_a_stat_that_is_none_is_a_failure_of_the_guest(answer: bytes) -> None:
    with pytest.raises(GuestFailed) as failed:
        answers.stat(answer)
    assert failed.value.code == "agent-nonsense"
    assert failed.value.message == f"the guest's agent does not make sense: stat is {answer!r}"


@pytest.mark.parametrize("answer", [b"vda", b"vda 1 2", b"vda big", b"\xff 1"])
def test_devices_that_are_none_are_a_failure_of_the_guest(answer: bytes) -> None:
    with pytest.raises(GuestFailed, match=r"^the guest's agent does not make sense: devices is b"):
        answers.devices(answer)


def test_entries_are_read_whatever_bytes_they_hold() -> None:
    answer = b"file\0/run/a\nb\t\xff\x00100644 0:0\0unit\0x.service\0active\0"
    assert answers.entries(answer) == [
        ("file", "/run/a\nb\t\\xff", "100644 0:0"),
        ("unit", "x.service", "active"),
    ]
    assert answers.entries(b"") == []


@pytest.mark.parametrize("answer", [b"file", b"file\0", b"file\0/run/a\0", b"a\0b\0c\0d\0", b"a\0b\0c\0d"])
def test_entries_that_are_none_are_a_failure_of_the_guest(answer: bytes) -> None:
    with pytest.raises(GuestFailed) as failed:
        answers.entries(answer)
    assert failed.value.message == f"the guest's agent does not make sense: its state is {answer!r}"
