"""One folder for each running guest or build, owned by a lock that dies with its process."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .. import clock, ids
from ..settings import Settings

#: Seconds that the processes of a killed guest may take to be gone.
PATIENCE = 5.0


@contextmanager
def run_folder(settings: Settings) -> Iterator[Path]:
    """A new folder under `settings.run`, gone when the block ends, whatever ends it."""
    path, lock = _claim(settings.run)
    try:
        yield path
    finally:
        _remove(path)
        os.close(lock)


def sweep(settings: Settings) -> int:
    """Remove the folders whose process is gone, and say how many. Their guests died with it."""
    removed = 0
    for path in settings.run.iterdir():
        lock = _lock(path)
        if lock is None:
            continue
        _remove(path)
        os.close(lock)
        removed += 1
    return removed


def _remove(path: Path) -> None:
    """Remove a folder. Its guest was killed a moment ago, and may just have written a last file into it."""
    limit = clock.monotonic() + PATIENCE
    shutil.rmtree(path, ignore_errors=True)
    while path.exists() and clock.monotonic() < limit:
        time.sleep(0.05)
        shutil.rmtree(path, ignore_errors=True)


def _claim(run: Path) -> tuple[Path, int]:
    """A new folder and its lock. Between the two another process's sweep may take it: then another."""
    while True:
        path = run / ids.new_id()
        path.mkdir(mode=0o700)
        lock = _lock(path)
        if lock is not None:
            return path, lock


def _lock(path: Path) -> int | None:
    """The folder's lock as a file descriptor, None when somebody else holds it or it is gone."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock), path.stat()):
            return lock
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(lock)
    return None
