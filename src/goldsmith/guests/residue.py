"""What a restart takes or brings: recorded after a step, and compared with a boot of what the step left.

Three fingerprints decide: the machine after its boot, at the step's end, and after a boot of the layer.
The first cancels what differs between boots, so only what steps changed counts as lost.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from . import ignored

#: Bytes of a record; one of an ordinary system has 200 KB.
LARGEST = 64 << 20


class Fingerprint(msgspec.Struct, frozen=True):
    """What a machine is besides its disk.

    `parts` holds values by part (unit, mount, file …) and name; `linked` are units that a boot starts.
    """

    parts: dict[str, dict[str, str]]
    linked: frozenset[str] = frozenset()

    def active(self) -> set[str]:
        """The units that are active."""
        return set(self.parts.get("unit", {}))


class Unit(msgspec.Struct, frozen=True):
    """What decides whether a unit that is active comes back by itself."""

    enabled: str = ""  # as `systemctl is-enabled` says it
    path: str = ""  # of its file
    kind: str = ""  # of a service: simple, forking, oneshot, dbus …
    by_dbus: bool = False  # D-Bus starts it when somebody calls it
    triggered_by: frozenset[str] = frozenset()

    def starts_on_demand(self, active: set[str]) -> bool:
        """Whether it starts when it is needed, with these units active."""
        return (self.kind == "dbus" and self.by_dbus) or not self.triggered_by.isdisjoint(active)

    def can_be_wanted(self) -> bool:
        """Whether a boot can start it in the place of whoever did.

        Not one that does its work once and ends: that would be done twice.
        """
        return self.enabled == "disabled" and not self.path.startswith("/run/") and self.kind != "oneshot"


class Record(msgspec.Struct, frozen=True):
    """A machine at a step's end.

    `before` holds what of it the boot was otherwise (None: not there), by part and name. A boot that goes
    on from here keeps the units in `hold` from starting, and starts those in `want`.
    """

    now: Fingerprint
    before: dict[str, dict[str, str | None]]
    hold: tuple[str, ...] = ()
    want: tuple[str, ...] = ()


class Difference(msgspec.Struct, frozen=True):
    """One thing that is otherwise after a boot of the layer: `then` when it was sealed, `now` after it.

    `lost`: a step made it, and the restart took it. `revived`: a step ended it, and it is back. `extra`: no
    step touched it, and it differs.
    """

    kind: Literal["lost", "revived", "extra"]
    part: str
    name: str
    then: str | None
    now: str | None

    def __str__(self) -> str:
        what = f"{self.part} {_short(self.name)}"
        if self.now is None:
            return f"{what} is gone"
        if self.then is None:
            return f"{what} is back" if self.kind == "revived" else f"{what} is new"
        return f"{what} is {_short(self.now)!r} and was {_short(self.then)!r}"


def record(
    boot: Fingerprint, now: Fingerprint, fresh: Mapping[str, Unit], resume: Record | None = None
) -> Record:
    """What there is to know after a step. `fresh` tells of the units in `newly_active(boot, now)`.

    `resume` is what this machine's boot went on from: what it held and wanted goes on being so.
    """
    before = {
        part: {name: boot.parts.get(part, {}).get(name) for name in names}
        for part, names in _differing(boot, now)
    }
    active = now.active()
    would_start = (now.linked - boot.linked) | (boot.active() & now.linked)
    wanted = {name for name, unit in fresh.items() if unit.can_be_wanted()}
    if resume is not None:
        would_start |= set(resume.hold) & now.linked
        wanted |= set(resume.want)
    return Record(now, before, tuple(sorted(would_start - active)), tuple(sorted(wanted & active)))


def newly_active(boot: Fingerprint, now: Fingerprint) -> list[str]:
    """The units that steps started."""
    return sorted(now.active() - boot.active())


def compare(record: Record, now: Fingerprint) -> tuple[Difference, ...]:
    """What a boot of the layer, which is `now`, took or brought."""
    found = []
    for part, names in _differing(record.now, now):
        for name in sorted(names):
            then, value = record.now.parts.get(part, {}).get(name), now.parts.get(part, {}).get(name)
            if name not in record.before.get(part, {}):
                found.append(Difference("extra", part, name, then, value))
            elif then is not None:
                found.append(Difference("lost", part, name, then, value))
            else:
                found.append(Difference("revived", part, name, then, value))
    return tuple(each for each in found if ignored.counts(each.part, each.kind, each.then, each.now))


def same_in(difference: Difference, earlier: Record) -> bool:
    """Whether an earlier layer would come back with the same difference, so that it need not be booted."""
    part = earlier.now.parts.get(difference.part, {})
    changed = difference.name in earlier.before.get(difference.part, {})
    return difference.kind != "extra" and changed and part.get(difference.name) == difference.then


def encode(record: Record) -> bytes:
    return zlib.compress(msgspec.json.encode(record))


def decode(content: bytes) -> Record | None:
    """The record again; None where it is damaged."""
    reader = zlib.decompressobj()
    try:
        text = reader.decompress(content, LARGEST)
        return msgspec.json.decode(text, type=Record) if reader.eof else None
    except (zlib.error, msgspec.MsgspecError):
        return None


def _differing(one: Fingerprint, other: Fingerprint) -> Iterator[tuple[str, set[str]]]:
    """The names by part whose values are not the same in both."""
    for part in sorted(one.parts.keys() | other.parts.keys()):
        a, b = one.parts.get(part, {}), other.parts.get(part, {})
        names = {name for name in a.keys() | b.keys() if a.get(name) != b.get(name)}
        if names:
            yield part, names


def _short(text: str) -> str:
    return text if len(text) <= 120 else text[:117] + "…"
