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


def nonsense(what: str, answer: bytes) -> GuestFailed:
    return GuestFailed(
        f"the guest's agent does not make sense: {what} is {answer[:80]!r}",
        hint="something in the guest speaks in the agent's place, or damaged it",
        code="agent-nonsense",
    )
