"""What the agent answers, read as what a hostile guest may send: understood, or GuestFailed."""

from __future__ import annotations

from ..documents.guest import Stat
from ..errors import GuestFailed


def status(payload: bytes) -> int:
    """How a request ended: an exit code, or 128 plus a signal. Raises GuestFailed."""
    if not payload.isdigit() or len(payload) > 3 or int(payload) > 255:
        raise nonsense("the end of a request", payload)
    return int(payload)


def stat(answer: bytes) -> Stat | None:
    """What is at a path, None for nothing. Raises GuestFailed."""
    if not answer:
        return None
    try:
        kind, mode, uid, gid, size = answer.decode("ascii").split()
        return Stat(kind, int(mode, 8), int(uid), int(gid), int(size))
    except ValueError:
        raise nonsense("stat", answer) from None


def devices(answer: bytes) -> dict[str, int]:
    """Sizes in sectors of 512 bytes by the name of each block device. Raises GuestFailed."""
    try:
        pairs = [line.split() for line in answer.decode("ascii").splitlines()]
        return {name: int(sectors) for name, sectors in pairs}
    except ValueError:
        raise nonsense("devices", answer) from None


def entries(answer: bytes) -> list[tuple[str, str, str]]:
    """Kind, name and value of each thing that `state` and `units` tell. Raises GuestFailed.

    Names are bytes of any kind: what is no UTF-8 is shown as \\xNN.
    """
    *fields, end = answer.decode(errors="backslashreplace").split("\0")
    if end or len(fields) % 3:
        raise nonsense("its state", answer)
    return [(fields[at], fields[at + 1], fields[at + 2]) for at in range(0, len(fields), 3)]


def nonsense(what: str, answer: bytes) -> GuestFailed:
    return GuestFailed(
        f"the guest's agent does not make sense: {what} is {answer[:80]!r}",
        hint="something in the guest speaks in the agent's place, or damaged it",
        code="agent-nonsense",
    )
