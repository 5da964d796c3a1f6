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
from . import basedisk, contained, debian, files, integrity, rootfs, shelf

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


class Record(msgspec.Struct, frozen=True):
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
        if last is not None and not _whole(settings.bases / last.folder, last.digest):
            log.warning(f"the cached disk of {name} was altered: it is made anew")
            last = None
        if last is None or refresh or clock.now() - last.made > FRESH:
            last = _make(recipe, settings.bases, key, last, log)
            shelf.write(pointer, msgspec.json.encode(last))
    folder = settings.bases / last.folder
    return BaseDisk(
        name, folder / "disk.qcow2", folder / "vmlinuz", folder / "initrd", basedisk.SIZE, last.digest
    )


def _make(recipe: debian.Recipe, bases: Path, key: str, last: Record | None, log: Log) -> Record:
    made = clock.now()
    basedisk.check_tools()
    files.need(bases, ROOM, "GOLDSMITH_CACHE")
    with log.task(f"bootstrap {recipe.name}", suite=recipe.suite) as task, shelf.aside(bases, key) as fresh:
        disk = basedisk.new_names()
        with rootfs.base_tar(recipe, disk.root, disk.esp, fresh) as tar:
            basedisk.make(tar, fresh, disk)
        folder = _digest(key.encode(), (fresh / "release").read_bytes())
        # Also one of before the last, when a mirror gives out an older state.
        if (digest := _noted(bases / folder, last)) and _whole(bases / folder, digest):
            task.note("nothing new in the archive")
            return Record(folder, made, digest)
        contained.remove(bases / folder)
        digest = files.digest(fresh / "disk.qcow2")
        files.write_digest(fresh / "disk.qcow2", digest)
        shelf.place(fresh, bases / folder)
        return Record(folder, made, digest.removeprefix("sha256:"))


def made_in(bases: Path) -> dict[str, Record]:
    """The last bootstrap of each recipe, by its key."""
    return {path.stem: record for path in bases.glob("[!.]*.json") if (record := _recall(path)) is not None}


def _read(pointer: Path) -> Record | None:
    """None also where the cache was cleaned by hand."""
    record = _recall(pointer)
    there = record is not None and (pointer.parent / record.folder / "disk.qcow2").is_file()
    return record if there else None


def _recall(pointer: Path) -> Record | None:
    try:
        return msgspec.json.decode(pointer.read_bytes(), type=Record)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def _noted(folder: Path, last: Record | None) -> str:
    """The digest that the disk in a folder was made with; empty where nobody knows."""
    if last is not None and last.folder == folder.name:
        return last.digest
    noted = files.noted_digest(folder / "disk.qcow2")
    return "" if noted is None else noted.removeprefix("sha256:")


def _whole(folder: Path, digest: str) -> bool:
    """Whether the disk is there and what it was when it was made."""
    disk = folder / "disk.qcow2"
    return disk.is_file() and integrity.unchanged(disk, f"sha256:{digest}")


def _digest(*parts: bytes) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()[:32]
