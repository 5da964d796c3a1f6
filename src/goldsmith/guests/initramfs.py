"""Initial file systems for the kernel, in cpio's "newc" format (kernel: early-userspace/buffer-format)."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True)
class File:
    """A regular file, or a symbolic link when `link` says where to."""

    content: bytes = b""
    mode: int = 0o644
    link: str = ""


def pack(files: Mapping[str, File]) -> bytes:
    """An archive of `files` by path (without a leading slash), with the folders above them.

    Its length is a multiple of four, so that it may stand behind another archive.
    """
    pieces: list[bytes] = []
    folders: set[PurePosixPath] = set()
    for number, (path, file) in enumerate(files.items(), start=1):
        for folder in reversed(PurePosixPath(path).parents):
            if folder.name and folder not in folders:
                folders.add(folder)
                pieces.append(_entry(str(folder), stat.S_IFDIR | 0o755, b"", 0))
        if file.link:
            pieces.append(_entry(path, stat.S_IFLNK | 0o777, file.link.encode(), number))
        else:
            pieces.append(_entry(path, stat.S_IFREG | file.mode, file.content, number))
    pieces.append(_entry("TRAILER!!!", 0, b"", 0))
    return b"".join(pieces)


def append(initrd: bytes, archive: bytes) -> bytes:
    """The image's own initrd with our archive behind it: the kernel unpacks one over the other.

    The kernel wants the second archive to begin on a multiple of four bytes.
    """
    return initrd + bytes(-len(initrd) % 4) + archive


def _entry(path: str, mode: int, content: bytes, number: int) -> bytes:
    name = path.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    head = header + name
    return head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)
