"""Speaking with an agent, which here is the other end of a socket: also one that lies."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from typing import NoReturn

import pytest

from goldsmith.errors import GuestFailed, StepFailed
from goldsmith.guests import channel
from goldsmith.guests.channel import Channel, Refused


class Agent:
    """The guest's end of the line."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def say(self, kind: bytes, number: int, payload: bytes = b"") -> None:
        self._sock.sendall(struct.pack(">cII", kind, number, len(payload)) + payload)

    def raw(self, content: bytes) -> None:
        self._sock.sendall(content)

    def heard(self) -> tuple[bytes, int, bytes]:
        kind, number, length = struct.unpack(">cII", self._sock.recv(9, socket.MSG_WAITALL))
        return kind, number, self._sock.recv(length, socket.MSG_WAITALL) if length else b""


@pytest.fixture
def line() -> Iterator[tuple[Channel, Agent]]:
    ours, theirs = socket.socketpair()
    alarm, ring = socket.socketpair()
    with ours, theirs, alarm, ring:
        yield Channel(ours, lambda: None, _ended, alarm.fileno()), Agent(theirs)


def _ended() -> NoReturn:
    raise GuestFailed("the line broke", code="agent-gone")


def test_a_request_ends_with_its_output_and_status(line: tuple[Channel, Agent]) -> None:
    channel, agent = line
    agent.say(b"o", 1, b"one ")
    agent.say(b"f", 1, b"oh")
    agent.say(b"o", 7, b"of somebody else")
    agent.say(b"o", 1, b"two")
    agent.say(b"x", 1, b"3")

    done = channel.request("run", ["/", "1", "true"])

    assert (done.status, done.stdout, done.stderr, done.timed_out) == (3, b"one two", b"oh", False)
    assert agent.heard() == (b"q", 1, b"/\0run\0/\x001\0true\0")


def test_what_the_agent_cannot_do_is_a_failure_of_the_guest(line: tuple[Channel, Agent]) -> None:
    channel, agent = line
    agent.say(b"f", 1, b"/etc/x: Is a directory\n")
    agent.say(b"x", 1, b"1")

    with pytest.raises(Refused) as refused:
        channel.ask("put", "/etc/x", "644", data=b"")

    assert isinstance(refused.value, GuestFailed)
    assert (refused.value.code, refused.value.message) == ("agent-refused", "/etc/x: Is a directory")


@pytest.mark.parametrize("payload", [b"", b"-1", b"256", b"one", b"9" * 5000, b"\xff"])
def test_a_status_that_is_none_is_a_failure_of_the_guest(line: tuple[Channel, Agent], payload: bytes) -> None:
    channel, agent = line
    agent.say(b"x", 1, payload)

    with pytest.raises(GuestFailed) as failed:
        channel.ask("sync")

    assert failed.value.code == "agent-nonsense"
    assert failed.value.message == (
        f"the guest's agent does not make sense: the end of a request is {payload[:80]!r}"
    )


def test_a_frame_of_more_than_a_mib_is_not_waited_for(line: tuple[Channel, Agent]) -> None:
    channel, agent = line
    agent.raw(struct.pack(">cII", b"o", 1, (1 << 20) + 1))

    with pytest.raises(GuestFailed) as failed:
        channel.ask("sync")

    assert failed.value.code == "agent-nonsense"
    assert failed.value.message == (
        "the guest's agent does not make sense:"
        r" the start of a frame is b'o\x00\x00\x00\x01\x00\x10\x00\x01'"
    )


def test_an_answer_of_more_than_was_asked_for_is_not_kept(line: tuple[Channel, Agent]) -> None:
    channel, agent = line
    agent.say(b"o", 1, b"abcdef")
    agent.say(b"x", 1, b"0")

    with pytest.raises(GuestFailed) as failed:
        channel.get("/etc/fstab", most=5)

    assert failed.value.message == (
        "the guest's agent does not make sense: the answer to `get /etc/fstab 5` has more than 5 bytes"
        " and is b'abcdef'"
    )


def test_an_agent_of_another_version_is_not_spoken_to(line: tuple[Channel, Agent]) -> None:
    channel, agent = line
    agent.say(b"h", 0, b"0.9\0")

    with pytest.raises(GuestFailed) as failed:
        channel.hello(lambda: 5.0)

    assert failed.value.message == "the guest's agent speaks version '0.9', goldsmith '1'"


def test_at_a_time_out_the_request_is_killed(line: tuple[Channel, Agent]) -> None:
    channel, agent = line
    heard = []

    def answer() -> None:
        heard.extend([agent.heard(), agent.heard()])
        agent.say(b"x", 1, b"137")

    thread = threading.Thread(target=answer)
    thread.start()
    done = channel.request("run", ["/", "2", "sleep", "60"], timeout=0.05)
    thread.join()

    assert (done.status, done.timed_out) == (137, True)
    assert [(kind, number) for kind, number, _ in heard] == [(b"q", 1), (b"k", 1)]


def test_a_request_that_outlives_its_kill_fails_the_guest(
    line: tuple[Channel, Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "KILL_TIMEOUT", 0.05)

    with pytest.raises(GuestFailed) as failed:
        line[0].request("run", ["/", "1", "sync", "TOKEN=secret"], timeout=0.05)

    assert failed.value.code == "kill-failed"
    assert failed.value.message == "`sync` did not end within 0 seconds after it was killed"


def test_the_agents_own_work_has_a_limit(
    line: tuple[Channel, Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "ASK_TIMEOUT", 0.05)
    _, agent = line
    thread = threading.Thread(
        target=lambda: (agent.heard(), agent.heard(), agent.say(b"x", 1, b"137"))  # type: ignore[func-returns-value]
    )
    thread.start()

    with pytest.raises(GuestFailed) as failed:
        line[0].ask("put", "/fifo", "644")
    thread.join()

    assert failed.value.code == "agent-timeout"
    assert failed.value.message == "the guest did not finish `put /fifo 644` within 0 seconds"


def test_a_request_of_more_than_a_mib_is_not_sent(line: tuple[Channel, Agent]) -> None:
    with pytest.raises(StepFailed) as failed:
        line[0].send_request("run", ["/", "1", "x" * (1 << 20)])
    assert failed.value.message == "a request of 1048587 bytes; at most 1 MiB"
    assert failed.value.hint == "put long texts into a file of the guest, and let the command read it"


def test_a_request_of_too_many_words_is_not_sent(line: tuple[Channel, Agent]) -> None:
    with pytest.raises(StepFailed, match=r"^a request of 5002 words; at most 4095$"):
        line[0].send_request("names", ["x"] * 5000)


def test_a_nul_byte_in_a_word_is_refused(line: tuple[Channel, Agent]) -> None:
    with pytest.raises(Refused, match=r"^'/a\\x00b': a NUL byte cannot stand in it$"):
        line[0].ask("stat", "/a\0b")
