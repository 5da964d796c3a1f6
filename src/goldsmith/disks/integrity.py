"""Whether a big file is still what its digest says, without reading all of it each time.

The full digest is computed once; what tells quickly that the file is the same (its size, inode, time of
change and first bytes) is kept beside it as `FILE.facts`. Where those differ, the digest decides.
What changes a file and none of these, as a failing disk does, is found by `verify` alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import BinaryIO

import msgspec

from .. import ids
from ..errors import Conflict

#: What the file with a file's facts adds to its name.
FACTS_SUFFIX = ".facts"

#: A qcow2's header and the names in it are within these bytes.
_HEAD = 4096


class Facts(msgspec.Struct, frozen=True):
    """A file of which `digest` (`sha256:…`) was true; `head` is the digest of its first 4 KiB."""

    digest: str
    size: int
    inode: int
    mtime_ns: int
    head: str


def measure(path: Path) -> Facts:
    """Read all of a file. Raises Conflict: somebody writes to it meanwhile; OSError."""
    with path.open("rb") as file:
        before = _look(file, "")
        digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        after = _look(file, "")
    if before != after:
        raise Conflict(
            f"{path} changed while it was read",
            hint="look for the program that writes to it: nothing may change it",
            code="file-changes",
        )
    return msgspec.structs.replace(after, digest=digest)


def unchanged(path: Path, digest: str) -> bool:
    """Whether the file's bytes still have this digest (`sha256:…`). Raises OSError: it is not there.

    Raises Conflict: somebody writes to it at this moment.
    """
    with path.open("rb") as file:
        now = _look(file, digest)
    if now == _recall(path):
        return True
    return verify(path, digest)


def verify(path: Path, digest: str) -> bool:
    """As unchanged, but read the whole file in any case."""
    facts = measure(path)
    if facts.digest != digest:
        _facts_of(path).unlink(missing_ok=True)
        return False
    remember(path, facts)
    return True


def remember(path: Path, facts: Facts) -> None:
    """Keep the facts of a file that was measured, also under another name of the same file."""
    aside = path.with_name(f".{path.name}.{ids.new_id()}.new")
    # They only save time: where they cannot be written, the file is read again at its next use.
    with contextlib.suppress(OSError):
        try:
            aside.write_bytes(msgspec.json.encode(facts))
            aside.rename(_facts_of(path))
        finally:
            aside.unlink(missing_ok=True)


def _facts_of(path: Path) -> Path:
    return path.with_name(path.name + FACTS_SUFFIX)


def _recall(path: Path) -> Facts | None:
    try:
        return msgspec.json.decode(_facts_of(path).read_bytes(), type=Facts)
    except (OSError, ValueError):  # no JSON of ours, or no UTF-8
        return None


def _look(file: BinaryIO, digest: str) -> Facts:
    status = os.fstat(file.fileno())
    head = hashlib.sha256(os.pread(file.fileno(), _HEAD, 0)).hexdigest()
    return Facts(digest, status.st_size, status.st_ino, status.st_mtime_ns, head)
