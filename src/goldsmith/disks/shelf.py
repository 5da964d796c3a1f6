"""What can be made anew is kept on shelves: one folder for each key, whole or not there at all."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from ..log import Log
from . import contained


def keep(shelf: Path, key: str, make: Callable[[Path], None], log: Log) -> Path:
    """The folder of `key`; `make` fills it the first time.

    Two processes never make the same key twice: the second waits for the first.
    """
    folder = shelf / key
    if folder.is_dir():
        return folder
    with locked(shelf, key, log):
        if not folder.is_dir():
            with aside(shelf, key) as fresh:
                make(fresh)
                place(fresh, folder)
    return folder


@contextmanager
def locked(shelf: Path, key: str, log: Log) -> Iterator[None]:
    """Hold a key against other processes; says so before it waits."""
    told = False
    while True:
        with _lock_of(shelf, key).open("w") as file:
            if not _take(file):
                if not told:
                    log.info("another goldsmith is making the same thing: waiting for it")
                told = True
                fcntl.flock(file, fcntl.LOCK_EX)
            if _is_at(file, _lock_of(shelf, key)):
                yield
                return


class Keys(NamedTuple):
    """The keys of a shelf whose lock is there: those that nobody held and that are held now, and others."""

    idle: set[str]
    busy: set[str]


@contextmanager
def clearing(shelf: Path) -> Iterator[Keys]:
    """Hold every key of a shelf that nobody holds, so that none is made meanwhile.

    Locks may be removed: who waits for one looks whether it is still the one to wait for.
    """
    names = [path.name for pattern in (".*.lock", ".*.new", "*.json") for path in shelf.glob(pattern)]
    # `.KEY.lock`, `.KEY.new`, `.KEY.json.new` and `KEY.json`
    keys = {name.removeprefix(".").partition(".")[0] for name in names}
    with ExitStack() as held:
        idle = set()
        for key in keys:
            file = held.enter_context(_lock_of(shelf, key).open("w"))
            if _take(file) and _is_at(file, _lock_of(shelf, key)):
                idle.add(key)
        yield Keys(idle, keys - idle)


def half_made(shelf: Path, key: str) -> list[Path]:
    """What a process that died left of a key that it was making."""
    return [path for name in (key, f"{key}.json") if (path := shelf / f".{name}.new").exists()]


@contextmanager
def aside(shelf: Path, key: str) -> Iterator[Path]:
    """An empty folder to work in, gone at the end unless it was placed; the lock of `key` is held.

    What a killed process left there is thrown away first.
    """
    folder = shelf / f".{key}.new"
    contained.remove(folder)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        contained.remove(folder)


def place(fresh: Path, folder: Path) -> None:
    """Give a filled folder its name, after all in it has reached the disk."""
    for path in (*fresh.rglob("*"), fresh):
        sync(path)
    fresh.rename(folder)
    sync(folder.parent)


def write(path: Path, content: bytes) -> None:
    """Write a small file whole or not at all; the lock of its key is held."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(content)
    sync(fresh)
    fresh.rename(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Flush a file or a folder, so that a rename that follows cannot outrun its content."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock_of(shelf: Path, key: str) -> Path:
    return shelf / f".{key}.lock"


def _take(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(file: IO[str], path: Path) -> bool:
    """Whether a lock's file still has its name; gc takes away those that nobody needs."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
