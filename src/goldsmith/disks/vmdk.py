"""VMDK: what a file of that family is, and which other files it needs (VMware Virtual Disk Format 5.0)."""

import re
import struct
from dataclasses import dataclass
from typing import BinaryIO, Literal

SPARSE = b"KDMV"
DESCRIPTOR = b"# Disk DescriptorFile"

#: A descriptor is a page of text; what comes after this is not read.
_MOST = 64 << 10
_EXTENT = re.compile(r'^\s*(?:RW|RDONLY|NOACCESS)\s+\d+\s+(\w+)\s+"([^"]*)"', re.MULTILINE)

Kind = Literal["whole", "descriptor", "part of a set", "delta"]


@dataclass(frozen=True)
class Vmdk:
    """`kind` says whether the file can stand for itself; `extents` are the other files that it names."""

    kind: Kind
    virtual_size: int | None
    extents: tuple[str, ...] = ()
    parent: str = ""


def read(file: BinaryIO, length: int) -> Vmdk:
    """Read an open file of `length` bytes that starts with SPARSE or DESCRIPTOR. Never raises."""
    file.seek(0)
    start = file.read(_MOST)
    if not start.startswith(SPARSE):
        return _described(start.decode(errors="replace"), None)
    fields = struct.unpack_from("<4sIIQQQQ", start.ljust(512, b"\0"))
    capacity, descriptor_at, descriptor_sectors = fields[3], fields[5], fields[6]
    if descriptor_at == 0:
        return Vmdk("part of a set", capacity * 512)
    # Neither the place nor the length is believed beyond what can be.
    file.seek(min(descriptor_at * 512, length))
    text = file.read(min(descriptor_sectors * 512, _MOST)).decode(errors="replace")
    # Capacity 0 makes a reader go by the descriptor alone.
    return _described(text, capacity * 512 or None)


def _described(text: str, capacity: int | None) -> Vmdk:
    text = text.partition("\0")[0]
    extents = tuple(name for _kind, name in _EXTENT.findall(text))
    if (cid := re.search(r"^\s*parentCID\s*=\s*(\w+)", text, re.MULTILINE)) and cid[1].lower() != "ffffffff":
        parent = re.search(r'^\s*parentFileNameHint\s*=\s*"([^"]*)"', text, re.MULTILINE)
        return Vmdk("delta", capacity, extents, parent[1] if parent else "")
    return Vmdk("whole" if capacity and len(extents) <= 1 else "descriptor", capacity, extents)
