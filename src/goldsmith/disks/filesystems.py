"""Which file system lies in a partition, told from its first bytes."""

import uuid
from dataclasses import dataclass

#: How much of a partition's start `identify` looks at: btrfs has its superblock at 64 KiB.
HEAD = 72 << 10


@dataclass(frozen=True)
class FileSystem:
    """`kind` as mount(8) names it; `uuid` as blkid shows it. Both names are empty where none is set."""

    kind: str
    uuid: str = ""
    label: str = ""


def identify(head: bytes) -> FileSystem | None:
    """What the first HEAD bytes say; None for nothing known. Never trusts a length it reads there."""
    head = head.ljust(HEAD, b"\0")
    if head[1080:1082] == b"\x53\xef":
        return FileSystem(_ext(head), _uuid(head[1128:1144]), _text(head[1144:1160]))
    if head[:4] == b"XFSB":
        return FileSystem("xfs", _uuid(head[32:48]), _text(head[108:120]))
    if head[0x10040:0x10048] == b"_BHRfS_M":
        return FileSystem("btrfs", _uuid(head[0x10020:0x10030]), _text(head[0x1012B:0x1022B]))
    if head[510:512] == b"\x55\xaa" and (head[82:87] == b"FAT32" or head[54:59] in (b"FAT12", b"FAT16")):
        start = 67 if head[82:87] == b"FAT32" else 39
        serial = head[start : start + 4][::-1].hex().upper()
        return FileSystem("vfat", f"{serial[:4]}-{serial[4:]}", _text(head[start + 4 : start + 15]).rstrip())
    if head[4086:4096] == b"SWAPSPACE2":
        return FileSystem("swap", _uuid(head[1036:1052]), _text(head[1052:1068]))
    if b"LABELONE" in (head[at : at + 8] for at in (0, 512, 1024, 1536)):
        return FileSystem("LVM2_member")
    if head[:6] == b"LUKS\xba\xbe":
        return FileSystem("crypto_LUKS", _text(head[168:208]))
    if head[:4] == b"hsqs":
        return FileSystem("squashfs")
    return None


def _ext(head: bytes) -> str:
    """ext4 has extents or flexible block groups, ext3 a journal (kernel: fs/ext4/ext4.h)."""
    compatible = int.from_bytes(head[1116:1120], "little")
    incompatible = int.from_bytes(head[1120:1124], "little")
    if incompatible & 0x2C0:
        return "ext4"
    return "ext3" if compatible & 0x4 else "ext2"


def _uuid(value: bytes) -> str:
    return str(uuid.UUID(bytes=value))


def _text(value: bytes) -> str:
    return value.split(b"\0")[0].decode(errors="replace")
