"""What nothing in the cache needs any more, and what is left on shelves.

It can be made anew, so doubt is no reason to keep it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

from .. import clock
from ..settings import Settings
from . import bases, kernels
from .garbage import Garbage, Kind, Known, age_of, garbage, spelt
from .shelf import Keys, half_made

#: Whoever was given a base's folder has linked its disk within this time.
_GRACE = timedelta(hours=1)

_OWN = re.compile("[0-9a-f]{32}")
_SYSTEM = re.compile("system-[0-9a-f]{32}")


def of_bases(settings: Settings, unused: timedelta, keys: Keys) -> Iterator[Garbage]:
    """Bases that newer ones replaced, and those that nobody asked for in the time of `unused`."""
    place = settings.bases
    made = bases.made_in(place)
    pointers = {key: place / f"{key}.json" for key in made}
    ages = {key: clock.now() - each.made for key, each in made.items() if key in keys.idle}
    old = {key: age for key, age in ages.items() if age >= unused}
    named = {each.folder for key, each in made.items() if key not in old}
    for key, age in old.items():
        folder = place / made[key].folder
        paths = [pointers[key], *([folder] if folder.name not in named and folder.exists() else [])]
        yield garbage("base", folder.name, f"made {spelt(age)} ago", paths)
    named |= {each.folder for each in made.values()}
    settled = not keys.busy and all(age_of(pointer) >= _GRACE for pointer in pointers.values())
    replaced = [path.name for path in place.iterdir() if _OWN.fullmatch(path.name)] if settled else []
    reasons = {name: "a newer one took its place" for name in replaced if name not in named}
    yield from of_shelf(place, "base", keys, reasons, made.keys() - old.keys())


def of_kernels(settings: Settings, unused: timedelta, known: Known, keys: Keys) -> Iterator[Garbage]:
    """Kernels of inspection guests that another goldsmith fetched, and those of images that are gone."""
    reasons = {}
    for path in settings.kernels.iterdir():
        if _OWN.fullmatch(path.name) and path.name != kernels.key():
            reason = "another version of goldsmith fetched it"
        elif _SYSTEM.fullmatch(path.name) and path.name not in known.systems:
            reason = "no image here has the system that it was read from"
        else:
            continue
        if (age := age_of(path)) >= unused:
            reasons[path.name] = f"{reason}, {spelt(age)} ago"
    yield from of_shelf(settings.kernels, "kernel", keys, reasons)


def of_shelf(
    place: Path, kind: Kind, keys: Keys, reasons: Mapping[str, str], needed: set[str] | None = None
) -> Iterator[Garbage]:
    """The folders that there are reasons against, what was half made, and locks that lead to nothing.

    `needed` are keys whose locks stay; if not said, those of folders that stay.
    """
    for name in sorted(reasons.keys() - keys.busy):
        yield garbage(kind, name, reasons[name], [place / name])
    for key in sorted(keys.idle):
        if paths := half_made(place, key):
            yield garbage("torn file", f".{key}.new", "making it was interrupted", paths)
    if needed is None:
        needed = {path.name for path in place.iterdir()} - reasons.keys()
    for key in sorted(keys.idle - needed):
        yield garbage("lock", f".{key}.lock", "it leads to nothing", [place / f".{key}.lock"])
