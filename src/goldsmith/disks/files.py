"""Disk files as files: shared, measured, copied with their holes."""

import contextlib
import errno
import hashlib
import os
import shutil
from pathlib import Path

from ..errors import HostLack
from . import headers, shelf

#: What the file with a file's digest adds to its name.
DIGEST_SUFFIX = ".sha256"


def share(source: Path, target: Path) -> None:
    """The same content under a second name: a hard link where one can be, else a copy with its holes.

    Only for files that never change once they have their name.
    """
    try:
        target.hardlink_to(source)
    except OSError:  # another file system
        copy(source, target)


def copy(source: Path, target: Path) -> None:
    """Copy a regular file, holes kept, written aside and renamed.

    Raises NotFound, Invalid: the source is not there or cannot be read; HostLack: the disk is full.
    """
    aside = target.with_name(f".{target.name}.new")
    with headers.opened(source) as (read, size):
        try:
            with aside.open("wb") as write:
                _copy_data(read.fileno(), write.fileno(), size)
                write.truncate(size)
                os.fsync(write.fileno())
            aside.rename(target)
        except OSError as error:
            if error.errno == errno.EIO:  # which of the two it was the system does not say
                raise HostLack(
                    f"cannot copy {source} to {target}: {error.strerror}",
                    hint="look after the disks that they are on",
                    code="copy-failed",
                ) from error
            raise HostLack(
                f"cannot write {target}: {error.strerror}",
                hint="free disk space, or choose another folder",
                code="disk-full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "write-failed",
            ) from error
        finally:
            with contextlib.suppress(OSError):  # where nothing could be written, there is nothing
                aside.unlink()


def need(folder: Path, size: int, variable: str = "GOLDSMITH_HOME") -> None:
    """Raise HostLack unless the folder's disk has room for `size` bytes; `variable` moves the folder."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise HostLack(
            f"{folder} has {_shown(free)} free, and {_shown(size)} are needed",
            hint=f"free disk space, or set {variable} to a larger disk",
            code="disk-full",
        )


def digest(path: Path) -> str:
    """`sha256:` and the hexadecimal digest of a file's bytes."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def write_digest(path: Path, digest: str) -> None:
    """Lay a file's `sha256:…` beside it, as `sha256sum --check` reads it."""
    line = f"{digest.removeprefix('sha256:')}  {path.name}\n"
    shelf.write(path.with_name(path.name + DIGEST_SUFFIX), line.encode())


def read_digest(path: Path) -> str:
    """The digest beside a file, as `sha256:…`; computed where none lies there."""
    return noted_digest(path) or digest(path)


def noted_digest(path: Path) -> str | None:
    """The digest beside a file, as `sha256:…`; None where none lies there."""
    try:
        noted = path.with_name(path.name + DIGEST_SUFFIX).read_text().split(" ")[0]
    except FileNotFoundError:
        return None
    return f"sha256:{noted}"


def _shown(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def _copy_data(source: int, target: int, size: int) -> None:
    """All but the holes, each piece to where it was."""
    at = 0
    while at < size:
        try:
            data = os.lseek(source, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return  # nothing but a hole to the end
        at = os.lseek(source, data, os.SEEK_HOLE)
        os.lseek(source, data, os.SEEK_SET)
        os.lseek(target, data, os.SEEK_SET)
        _copy_range(source, target, at - data)


def _copy_range(source: int, target: int, length: int) -> None:
    while length:
        done = os.sendfile(target, source, None, min(length, 1 << 26))
        if done == 0:
            return
        length -= done
