"""What can be freed: a thing with its size and the reason, before and while it goes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

import msgspec

from .. import clock
from . import contained

Kind = Literal["key", "layer", "torn file", "kept disk", "kernel", "base", "lock"]


class Garbage(msgspec.Struct, frozen=True):
    """One thing to free, known again by the first of its `paths`. `size` is in bytes; what has another
    name elsewhere counts for nothing.
    """

    kind: Kind
    name: str
    size: int
    reason: str
    paths: tuple[Path, ...]


@dataclass(frozen=True)
class Known:
    """What the catalog names: `bases` are the digests of the files that images have, `systems` the folders
    of settings.kernels that were looked up for them.
    """

    bases: Collection[str]
    systems: Collection[str]


def garbage(kind: Kind, name: str, reason: str, paths: Iterable[Path]) -> Garbage:
    listed = tuple(paths)
    return Garbage(kind, name, sum(map(_size, listed)), reason, listed)


def remove(thing: Garbage) -> None:
    """Remove its files and folders, one after the other as they are listed."""
    for path in thing.paths:
        if path.is_dir():
            contained.remove(path)
        else:
            path.unlink(missing_ok=True)


def age_of(path: Path) -> timedelta:
    """Since a file or folder was last written, or touched."""
    return timedelta(seconds=clock.now().timestamp() - path.stat().st_mtime)


def spelt(age: timedelta) -> str:
    """`40 days`, `3 h`: the largest unit alone."""
    if age.days:
        return f"{age.days} {'day' if age.days == 1 else 'days'}"
    return f"{max(0, int(age.total_seconds())) // 3600} h"


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    sizes = (file.lstat() for file in files)
    return sum(each.st_blocks * 512 for each in sizes if each.st_nlink == 1)
