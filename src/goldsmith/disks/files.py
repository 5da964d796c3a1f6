"""Disk files as files: shared, measured, copied with their holes."""

import hashlib
import os
import shutil
from pathlib import Path

from ..errors import HostLack


def share(source: Path, target: Path) -> None:
    """The same content under a second name: a hard link where one can be, else a copy with its holes.

    Only for files that never change once they have their name.
    """
    try:
        target.hardlink_to(source)
    except OSError:  # another file system
        copy(source, target)


def copy(source: Path, target: Path) -> None:
    """Copy a file, holes kept, written aside and renamed. Raises HostLack: the disk is full."""
    aside = target.with_name(f".{target.name}.new")
    try:
        with source.open("rb") as read, aside.open("wb") as write:
            size = os.fstat(read.fileno()).st_size
            at = 0
            while at < size:
                try:
                    data = os.lseek(read.fileno(), at, os.SEEK_DATA)
                except OSError:  # nothing but a hole to the end
                    break
                at = os.lseek(read.fileno(), data, os.SEEK_HOLE)
                read.seek(data)
                write.seek(data)
                _copy_range(read.fileno(), write.fileno(), at - data)
            write.truncate(size)
            os.fsync(write.fileno())
        aside.rename(target)
    except OSError as error:
        raise HostLack(
            f"cannot write {target}: {error.strerror}",
            hint="free disk space, or choose another folder",
            code="disk-full" if shutil.disk_usage(target.parent).free < (16 << 20) else "write-failed",
        ) from error
    finally:
        aside.unlink(missing_ok=True)


def need(folder: Path, size: int) -> None:
    """Raise HostLack unless the folder's disk has room for `size` bytes."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise HostLack(
            f"{folder} has {_shown(free)} free, and {_shown(size)} are needed",
            hint="free disk space, or set GOLDSMITH_HOME to a larger disk",
            code="disk-full",
        )


def digest(path: Path) -> str:
    """`sha256:` and the hexadecimal digest of a file's bytes."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _shown(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def _copy_range(source: int, target: int, length: int) -> None:
    while length:
        done = os.sendfile(target, source, None, min(length, 1 << 26))
        if done == 0:
            return
        length -= done
