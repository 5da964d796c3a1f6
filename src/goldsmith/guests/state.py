"""Asking a guest what it is besides its disk."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from . import answers, ignored
from .channel import Channel, Refused
from .residue import Difference, Fingerprint, Unit

#: Bytes that are read; a system with thousands of files in memory has 2 MiB.
LARGEST = 8 << 20
#: Units that are asked about at once.
MOST_UNITS = 500


def fingerprint(channel: Channel, init: str) -> Fingerprint:
    """Wait until the guest's services are settled (at most 5 seconds) and look. Raises GuestFailed."""
    parts: dict[str, dict[str, list[str]]] = {}
    linked = set()
    for part, name, value in answers.entries(channel.ask("state", init, *ignored.NOT_WALKED, most=LARGEST)):
        if part == "linked":
            linked.add(name)
        elif (kept := ignored.kept(part, name, value)) is not None:
            # Several may have one name: mounts over each other, programs that run twice.
            parts.setdefault(part, {}).setdefault(kept[0], []).append(kept[1])
    joined = {
        part: {name: "\n".join(sorted(all_)) for name, all_ in names.items()} for part, names in parts.items()
    }
    return Fingerprint(joined, frozenset(linked))


def units(channel: Channel, names: Sequence[str]) -> dict[str, Unit]:
    """What systemd knows of units; of the first 500, where there are more. Raises GuestFailed."""
    if not names:
        return {}
    try:
        answer = channel.ask("units", *names[:MOST_UNITS], most=LARGEST)
    except Refused:  # systemd does not answer, which the fingerprint says too
        return {}
    facts: dict[str, dict[str, set[str]]] = {}
    for what, unit, value in answers.entries(answer):
        facts.setdefault(unit, {}).setdefault(what, set()).add(value)
    return {name: _unit(facts.get(name, {})) for name in names[:MOST_UNITS]}


def without_on_demand(
    channel: Channel, found: Sequence[Difference], then: set[str], now: set[str]
) -> tuple[Difference, ...]:
    """The differences without units that start when they are needed: whether they ran is chance.

    `then` and `now` are the units that were and are active.
    """
    known = units(channel, [each.name for each in found if each.part == "unit"])
    active = then & now
    return tuple(
        each
        for each in found
        if each.part != "unit" or not known.get(each.name, Unit()).starts_on_demand(active)
    )


def set_back(channel: Channel, found: Sequence[Difference]) -> bool:
    """Write the kernel's settings that no step touched, and that the boot took from a file written since.

    As with held units, whoever goes on finds what the step left. Whether any was there to be written; what
    the kernel does not take still differs.
    """
    extra = [
        each for each in found if each.kind == "extra" and each.part == "setting" and each.then and each.now
    ]
    for each in extra:
        with contextlib.suppress(Refused):
            channel.ask("put", each.name, "644", data=(each.then or "").encode())
    return bool(extra)


def _unit(facts: dict[str, set[str]]) -> Unit:
    def one(name: str) -> str:
        return next(iter(facts.get(name, ())), "")

    return Unit(
        enabled=one("UnitFileState"),
        path=one("FragmentPath"),
        kind=one("Type"),
        by_dbus="Activatable" in facts,
        triggered_by=frozenset(facts.get("TriggeredBy", ())),
    )
