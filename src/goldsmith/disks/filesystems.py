"""What a partition or a bare disk holds, told from its first bytes.

The places of magic numbers, names and UUIDs are those of each file system's on-disk format.
"""

import struct
import uuid
from dataclasses import dataclass

#: How much of the start `identify` has to see: btrfs keeps its superblock at 64 KiB.
HEAD = 68 << 10


@dataclass(frozen=True)
class FileSystem:
    """`kind` is as blkid spells it: ext2, ext3, ext4, xfs, btrfs, vfat, swap, LVM2_member,
    crypto_LUKS, squashfs or iso9660. `label` and `uuid` are empty where there are none."""

    kind: str
    label: str = ""
    uuid: str = ""


def identify(head: bytes) -> FileSystem | None:
    """The file system that starts at `head[0]`; `head` may be shorter than HEAD on a small disk."""
    head = head.ljust(HEAD, b"\0")
    for probe in (_luks, _xfs, _squashfs, _lvm, _ext, _btrfs, _swap, _iso9660, _fat):
        if found := probe(head):
            return found
    return None


def _ext(head: bytes) -> FileSystem | None:
    if head[1080:1082] != b"\x53\xef":
        return None
    compatible, incompatible, read_only = struct.unpack_from("<3I", head, 1024 + 92)
    kind = "ext3" if compatible & 0x4 else "ext2"
    # What ext3's driver does not know makes it ext4: all but filetype, recovery and meta_bg on one
    # side, all but sparse_super, large_file and btree_dir on the other.
    if incompatible & ~0x16 or read_only & ~0x7:
        kind = "ext4"
    return FileSystem(kind, _text(head[1144:1160]), _uuid(head[1128:1144]))


def _xfs(head: bytes) -> FileSystem | None:
    return FileSystem("xfs", _text(head[108:120]), _uuid(head[32:48])) if head[:4] == b"XFSB" else None


def _btrfs(head: bytes) -> FileSystem | None:
    if head[0x10040:0x10048] != b"_BHRfS_M":
        return None
    return FileSystem("btrfs", _text(head[0x1012B:0x1022B]), _uuid(head[0x10020:0x10030]))


def _fat(head: bytes) -> FileSystem | None:
    if head[510:512] != b"\x55\xaa":
        return None
    for magic, at in ((b"FAT32   ", 82), (b"FAT16   ", 54), (b"FAT12   ", 54)):
        if head[at : at + 8] == magic:
            serial = head[at - 15 : at - 11][::-1].hex().upper()
            label = _text(head[at - 11 : at])
            return FileSystem("vfat", "" if label == "NO NAME" else label, f"{serial[:4]}-{serial[4:]}")
    return None


def _swap(head: bytes) -> FileSystem | None:
    if head[4086:4096] != b"SWAPSPACE2":
        return None
    return FileSystem("swap", _text(head[1052:1068]), _uuid(head[1036:1052]))


def _lvm(head: bytes) -> FileSystem | None:
    for at in range(0, 2048, 512):
        if head[at : at + 8] == b"LABELONE" and head[at + 24 : at + 32] == b"LVM2 001":
            return FileSystem("LVM2_member")
    return None


def _luks(head: bytes) -> FileSystem | None:
    return FileSystem("crypto_LUKS", uuid=_text(head[168:208])) if head[:6] == b"LUKS\xba\xbe" else None


def _squashfs(head: bytes) -> FileSystem | None:
    return FileSystem("squashfs") if head[:4] == b"hsqs" else None


def _iso9660(head: bytes) -> FileSystem | None:
    if head[0x8001:0x8006] != b"CD001":
        return None
    return FileSystem("iso9660", _text(head[0x8028:0x8048]))


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode(errors="replace").strip()


def _uuid(field: bytes) -> str:
    return str(uuid.UUID(bytes=field)) if any(field) else ""
