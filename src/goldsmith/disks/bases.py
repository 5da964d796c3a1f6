"""Bases: Debian as a disk that boots, made here without root or mounts where the host allows it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from .. import clock
from ..errors import NotFound
from ..log import Log
from ..settings import Settings
from . import basedisk, debian, files, rootfs, shelf

#: A second bootstrap within this time is the first one's result.
FRESH = timedelta(days=1)

#: The unpacked root file system, its disk as raw and as qcow2, for a moment beside each other.
ROOM = 3 << 30

_CODE = ("debian.py", "rootfs.py", "basedisk.py", "bootstrap.py")


@dataclass(frozen=True)
class BaseDisk:
    """`disk` is a qcow2 of `size` bytes that stands for itself; `vmlinuz` and `initrd` are its own.

    `digest` is the sha256 of `disk`.
    """

    name: str
    disk: Path
    vmlinuz: Path
    initrd: Path
    size: int
    digest: str


class _Record(msgspec.Struct, frozen=True):
    """Which folder the last bootstrap of a recipe filled, when, and the digest of its disk."""

    folder: str
    made: datetime
    digest: str


def names() -> list[str]:
    """All bases that can be made, for help and error texts."""
    return [name for release in debian.SUITES for name in (release, f"{release}-minimal")]


def make_base(name: str, settings: Settings, log: Log, *, refresh: bool = False) -> BaseDisk:
    """The base of a name, made anew when the last one is older than a day or `refresh` is set.

    Where the suite's signed indexes did not change in between, the disk of before stays, so that what
    stands on it keeps standing.
    Raises NotFound: no such base; HostLack: tool, network or disk space is missing.
    """
    recipe = debian.recipe(name)
    if recipe is None:
        raise NotFound(f"no base is called {name}", hint=f"there are {', '.join(names())}")
    key = _digest(
        *(Path(__file__).with_name(file).read_bytes() for file in _CODE), msgspec.json.encode(recipe)
    )
    pointer = settings.bases / f"{key}.json"
    with shelf.locked(settings.bases, key, log):
        last = _read(pointer)
        if last is None or refresh or clock.now() - last.made > FRESH:
            last = _make(recipe, settings.bases, key, last, log)
            shelf.write(pointer, msgspec.json.encode(last))
    folder = settings.bases / last.folder
    return BaseDisk(
        name, folder / "disk.qcow2", folder / "vmlinuz", folder / "initrd", basedisk.SIZE, last.digest
    )


def _make(recipe: debian.Recipe, bases: Path, key: str, last: _Record | None, log: Log) -> _Record:
    made = clock.now()
    basedisk.check_tools()
    files.need(bases, ROOM, "GOLDSMITH_CACHE")
    with log.task(f"bootstrap {recipe.name}", suite=recipe.suite) as task, shelf.aside(bases, key) as fresh:
        disk = basedisk.new_names()
        with rootfs.base_tar(recipe, disk.root, disk.esp, fresh) as tar:
            basedisk.make(tar, fresh, disk)
        folder = _digest(key.encode(), (fresh / "release").read_bytes())
        if last is not None and last.folder == folder:
            task.note("nothing new in the archive")
            return _Record(folder, made, last.digest)
        with (fresh / "disk.qcow2").open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        shelf.place(fresh, bases / folder)
        return _Record(folder, made, digest)


def _read(pointer: Path) -> _Record | None:
    """None also where the cache was cleaned by hand."""
    try:
        record = msgspec.json.decode(pointer.read_bytes(), type=_Record)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
    return record if (pointer.parent / record.folder / "disk.qcow2").is_file() else None


def _digest(*parts: bytes) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()[:32]
