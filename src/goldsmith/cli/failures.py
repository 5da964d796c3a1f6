"""What went wrong, told to people or to machines."""

from __future__ import annotations

import errno
import os
import platform
import tempfile
import traceback
from datetime import UTC
from pathlib import Path
from typing import Any

from .. import clock, settings
from ..errors import Bug, GoldsmithError, HostLack
from .printing import print_error, styled
from .release import release
from .text import clean

#: What the system says of a host that lacks something, wherever it says so.
_FULL = (errno.ENOSPC, errno.EDQUOT)
_LOCKED = (errno.EACCES, errno.EPERM, errno.EROFS)


def as_lack(error: OSError) -> HostLack | None:
    """A full disk or a folder that cannot be written to; None for anything else."""
    place = f"{error.filename}: " if error.filename else ""
    message = f"{place}{error.strerror}"
    if error.errno in _FULL:
        hint = "free disk space, or set GOLDSMITH_HOME and GOLDSMITH_CACHE to a larger disk"
        return HostLack(message, hint=hint, code="disk-full")
    if error.errno in _LOCKED:
        hint = "make it accessible for this user; GOLDSMITH_HOME and GOLDSMITH_CACHE may name other folders"
        return HostLack(message, hint=hint, code="not-permitted")
    return None


def as_bug(error: Exception) -> Bug:
    """An error that nobody foresaw; its traceback is written to a file that the hint names."""
    told = clean(f"{type(error).__name__}: {error}".splitlines()[0])
    return Bug(
        f"this is a bug in goldsmith: {told}", hint=f"please report it with what is in {_write_down(error)}"
    )


def tell(error: GoldsmithError) -> None:
    """The message, the last lines of what failed, the notes, and the way out, on stderr."""
    first, *rest = error.message.splitlines() or [error.code]
    print_error(styled("error: ", fg="red", bold=True) + clean(first))
    for line in (*rest, *getattr(error, "last_lines", ())):
        print_error(f"  | {clean(line)}".rstrip())
    for note in getattr(error, "__notes__", ()):
        print_error(clean(note))
    if error.hint:
        print_error(styled("hint: ", fg="cyan", bold=True) + clean(error.hint))


def as_json(error: GoldsmithError) -> dict[str, Any]:
    """`{"error": {"code", "message", "hint", …}}` with what else the error knows (step, exit code, …)."""
    more = {name: value for name, value in vars(error).items() if value and not name.startswith("_")}
    notes = {"notes": error.__notes__} if hasattr(error, "__notes__") else {}
    return {"error": {"code": error.code, "message": error.message, "hint": error.hint} | more | notes}


def _write_down(error: Exception) -> Path:
    """Into the home's logs, or where temporary files lie when that cannot be."""
    now = clock.now().astimezone(UTC)
    name = f"crash-{now:%Y%m%dT%H%M%SZ}-{os.getpid()}.txt"
    text = "".join(
        [
            f"goldsmith {release()}, Python {platform.python_version()}, {platform.platform()}\n",
            *traceback.format_exception(error),
        ]
    )
    try:
        path = settings.load().logs / name
        path.write_text(text, errors="backslashreplace")
    except OSError:
        path = Path(tempfile.mkdtemp(), name)
        path.write_text(text, errors="backslashreplace")
    return path
