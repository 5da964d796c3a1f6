"""One folder for each running guest or build, owned by a lock that dies with its process."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .. import ids
from ..settings import Settings


@contextmanager
def run_folder(settings: Settings) -> Iterator[Path]:
    """A new folder under `settings.run`, gone when the block ends, whatever ends it."""
    path, lock = _claim(settings.run)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def sweep(settings: Settings) -> int:
    """Remove the folders whose process is gone, and say how many. Their guests died with it."""
    removed = 0
    for path in settings.run.iterdir():
        lock = _lock(path)
        if lock is None:
            continue
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)
        removed += 1
    return removed


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
