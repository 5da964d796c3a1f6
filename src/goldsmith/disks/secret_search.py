"""Looks for secrets in what one file of a chain holds, before that becomes a layer."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ..errors import Bug
from . import qemu_img
from .chain import Chain

#: Bytes that are looked through at a time.
_PIECE = 4 << 20


@dataclass(frozen=True)
class Find:
    """Which secret was found, and at which byte of the disk that the guest sees."""

    name: str
    offset: int


class _Extent(msgspec.Struct, frozen=True):
    """What qemu-img says of a part of the disk; `offset` is where it lies in the file."""

    start: int
    length: int
    depth: int
    zero: bool
    data: bool
    offset: int | None = None


def find(path: Path, secrets: Mapping[str, bytes]) -> Find | None:
    """The first place on the disk where one of the secrets stands, by name; None: there is none.

    Only what the qcow2 at `path` itself holds is looked through, not what lies below it: a secret that
    reaches from a cluster of this file into one of another file is not seen. Nothing may be writing to it.
    Raises HostLack: qemu-img is missing, or the file cannot be read.
    """
    if not secrets:
        return None
    overlap = max(map(len, secrets.values())) - 1
    before, at = b"", -1
    for start, piece in _pieces(path):
        # Clusters that follow one another on the disk may lie anywhere in the file.
        before = before[-overlap:] if overlap and start == at else b""
        text = before + piece
        finds = [(place, name) for name, value in secrets.items() if (place := text.find(value)) >= 0]
        if finds:
            place, name = min(finds)
            return Find(name, start - len(before) + place)
        before, at = text, start + len(piece)
    return None


def _pieces(path: Path) -> Iterator[tuple[int, bytes]]:
    """All data in the order of the disk, each piece with its place there."""
    # Shared by force: the machine that the file was frozen under still has it open, and only reads it.
    told = qemu_img.run("map", "--force-share", "--output=json", Chain((path,)).filename())
    with path.open("rb") as file:
        for extent in msgspec.json.decode(told, type=list[_Extent]):
            if extent.depth or extent.zero or not extent.data:
                continue
            if extent.offset is None:
                raise Bug(f"{path} holds compressed data, and what a guest writes is never compressed")
            for done in range(0, extent.length, _PIECE):
                piece = os.pread(file.fileno(), min(_PIECE, extent.length - done), extent.offset + done)
                yield extent.start + done, piece
