"""What can be made anew is kept on shelves: one folder for each key, whole or not there at all."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

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
    with (shelf / f".{key}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("another goldsmith is making the same thing: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


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
