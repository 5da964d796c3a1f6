"""Partition tables as bytes: read, made and grown without a device, and without trusting them.

GPT by UEFI 2.10 §5.3, MBR by §5.2.1. Sectors are 512 bytes throughout: it is what QEMU's disks have.
"""

import struct
import uuid
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NoReturn

from ..errors import Invalid

SECTOR = 512
#: How much of a disk's start `parse` has to see.
HEAD = 1 << 20
#: How much of its end: a backup header with the usual 128 entries.
TAIL = 33 * SECTOR

_HEADER = struct.Struct("<8s4sIII QQQQ 16s QIII")
_ENTRY = struct.Struct("<16s16sQQQ72s")
_SLOT = struct.Struct("<B3sB3sII")
_EXTENDED = (0x05, 0x0F, 0x85)
_PROTECTIVE = 0xEE
_ALIGNMENT = 2048

#: A piece of a disk to be overwritten: offset in bytes, always whole sectors.
Write = tuple[int, bytes]


@dataclass(frozen=True)
class Partition:
    """`start` and `sectors` count sectors. `type` is a GUID in capitals, or `0x83` in an MBR."""

    number: int
    start: int
    sectors: int
    type: str
    name: str = ""

    @property
    def end(self) -> int:
        """The first sector behind it."""
        return self.start + self.sectors


@dataclass(frozen=True)
class Gpt:
    """`entries` is the array as it stands at sector `array`, `entry_size` the bytes of one of them."""

    partitions: tuple[Partition, ...]
    disk: uuid.UUID
    first_usable: int
    last_usable: int
    backup: int
    array: int
    entries: bytes
    entry_size: int
    boot_sector: bytes


@dataclass(frozen=True)
class Mbr:
    """The four primary partitions, as far as they are used; of an extended one only its frame."""

    partitions: tuple[Partition, ...]
    boot_sector: bytes


Table = Gpt | Mbr


def parse(head: bytes, sectors: int, tail: bytes = b"") -> Table:
    """Read the table of a disk of `sectors` sectors from its first HEAD and last TAIL bytes.

    A GPT whose primary header is damaged is read from its backup.
    Raises Invalid: no table, one that is damaged or contradicts itself or the disk's size.
    """
    if len(head) < 2 * SECTOR or head[510:512] != b"\x55\xaa":
        raise Invalid(
            "the disk has no partition table",
            hint="a disk that is one bare file system has nothing to look up or grow in a table",
            code="no-partition-table",
        )
    if not any(slot[2] == _PROTECTIVE for slot in _slots(head)):
        return _parse_mbr(head, sectors)
    if head[4096:4104] == b"EFI PART" and head[512:520] != b"EFI PART":
        _refuse("is made for sectors of 4096 bytes, and this disk has sectors of 512")
    try:
        return _parse_gpt(head[SECTOR : 2 * SECTOR], head, 0, sectors, head)
    except Invalid:
        if tail[-SECTOR:][:8] != b"EFI PART":
            raise
        return _parse_gpt(tail[-SECTOR:], tail, sectors - len(tail) // SECTOR, sectors, head)


def new_gpt(partitions: Sequence[Partition], sectors: int, disk: uuid.UUID) -> list[Write]:
    """What to write on an empty disk so that it has these partitions, in 128 entries.

    Boot code in the first sector is left to whoever writes it afterwards (its first 440 bytes).
    """
    entries = bytearray(128 * _ENTRY.size)
    for partition in partitions:
        kind, own = uuid.UUID(partition.type), uuid.uuid4()
        name = partition.name.encode("utf-16-le")
        position = (partition.number - 1) * _ENTRY.size
        _ENTRY.pack_into(
            entries, position, kind.bytes_le, own.bytes_le, partition.start, partition.end - 1, 0, name
        )
    boot = bytearray(SECTOR)
    _SLOT.pack_into(boot, 446, 0, b"\x00\x02\x00", _PROTECTIVE, b"\xff\xff\xff", 1, 0)
    boot[510:] = b"\x55\xaa"
    length = len(entries) // SECTOR
    gpt = Gpt(
        partitions=tuple(partitions),
        disk=disk,
        first_usable=2 + length,
        last_usable=sectors - 2 - length,
        backup=sectors - 1,
        array=2,
        entries=bytes(entries),
        entry_size=_ENTRY.size,
        boot_sector=bytes(boot),
    )
    return _writes(gpt, sectors)


def grow(table: Table, sectors: int, number: int) -> list[Write]:
    """What to write so that a table fits a disk that now has `sectors`, and its last partition fills it.

    `number` names that partition. A GPT's backup moves to the new end and the old one is wiped.
    Raises Invalid: no such partition, it is not the last on the disk, or the disk became smaller.
    """
    grown = next((each for each in table.partitions if each.number == number), None)
    if grown is None:
        _refuse(f"has no partition {number}")
    if behind := [each for each in table.partitions if each.start > grown.start]:
        raise Invalid(
            f"partition {number} cannot grow: partition {behind[0].number}"
            f"{f' ({behind[0].name})' if behind[0].name else ''} lies behind it",
            hint="leave the disk's size as it is, or use a base whose root partition is the last",
            code="partition-in-the-way",
        )
    if isinstance(table, Mbr):
        return _grow_mbr(table, sectors, grown)
    return _grow_gpt(table, sectors, grown)


def _grow_gpt(table: Gpt, sectors: int, grown: Partition) -> list[Write]:
    last_usable = sectors - 2 - _array_sectors(table)
    if last_usable < table.last_usable:
        _refuse(f"was made for a larger disk than one of {sectors} sectors")
    end = max(grown.end, _aligned(last_usable + 1))
    entries = bytearray(table.entries)
    struct.pack_into("<Q", entries, (grown.number - 1) * table.entry_size + 40, end - 1)
    wipe: list[Write] = []
    if table.last_usable < table.backup < sectors:
        wipe = [(table.backup * SECTOR, bytes(SECTOR))]
    return wipe + _writes(replace(table, last_usable=last_usable, entries=bytes(entries)), sectors)


def _grow_mbr(table: Mbr, sectors: int, grown: Partition) -> list[Write]:
    if grown.type in {f"0x{kind:02x}" for kind in _EXTENDED}:
        raise Invalid(
            f"partition {grown.number} cannot grow: it is an extended one",
            hint="use a base whose root is a primary partition, or a GPT disk",
        )
    end = max(grown.end, _aligned(sectors))
    if end - grown.start > 0xFFFFFFFF:
        raise Invalid(
            f"partition {grown.number} cannot grow to {sectors} sectors: an MBR ends at 2 TiB",
            hint="ask for a smaller disk, or use a base with a GPT",
        )
    boot = bytearray(table.boot_sector)
    position = 446 + 16 * (grown.number - 1)
    # The last cylinder, head and sector that the old fields can say: real ends do not fit them.
    boot[position + 5 : position + 8] = b"\xfe\xff\xff"
    struct.pack_into("<I", boot, position + 12, end - grown.start)
    return [(0, bytes(boot))]


def _writes(table: Gpt, sectors: int) -> list[Write]:
    """Boot sector, primary and backup of a GPT, whole, with both checksums."""
    length = _array_sectors(table)
    entries = table.entries.ljust(length * SECTOR, b"\0")
    boot = bytearray(table.boot_sector)
    for index, slot in enumerate(_slots(table.boot_sector)):
        # In a hybrid table the protective entry covers a part, as somebody chose it.
        if slot[2] == _PROTECTIVE and slot[4] == 1:
            struct.pack_into("<I", boot, 446 + 16 * index + 12, min(sectors - 1, 0xFFFFFFFF))
    last = sectors - 1
    return [
        (0, bytes(boot)),
        (SECTOR, _header(table, own=1, other=last, array=table.array)),
        (table.array * SECTOR, entries),
        ((last - length) * SECTOR, entries),
        (last * SECTOR, _header(table, own=last, other=1, array=last - length)),
    ]


def _header(table: Gpt, *, own: int, other: int, array: int) -> bytes:
    def pack(checksum: int) -> bytes:
        return _HEADER.pack(
            *(b"EFI PART", b"\0\0\1\0", _HEADER.size, checksum, 0),
            *(own, other, table.first_usable, table.last_usable, table.disk.bytes_le),
            *(array, len(table.entries) // table.entry_size, table.entry_size, zlib.crc32(table.entries)),
        )

    return pack(zlib.crc32(pack(0))).ljust(SECTOR, b"\0")


def _parse_gpt(sector: bytes, seen: bytes, seen_from: int, sectors: int, head: bytes) -> Gpt:
    """Read the header in `sector`; its entries have to lie in `seen`, which starts at sector `seen_from`."""
    fields = _HEADER.unpack_from(sector)
    signature, _revision, size, checksum, _reserved, _own, other, first, last = fields[:9]
    disk, array, count, entry_size, array_checksum = fields[9:]
    if signature != b"EFI PART":
        _refuse("is a GPT without its header")
    if not _HEADER.size <= size <= SECTOR:
        _refuse(f"has a GPT header of {size} bytes")
    if zlib.crc32(sector[:16] + bytes(4) + sector[20:size]) != checksum:
        _refuse("has a GPT header whose checksum is wrong")
    if entry_size not in (128, 256, 512, 1024, 2048, 4096) or not 1 <= count <= 1024:
        _refuse(f"has {count} GPT entries of {entry_size} bytes")
    begin = (array - seen_from) * SECTOR
    entries = seen[begin : begin + count * entry_size] if begin >= 0 else b""
    if len(entries) < count * entry_size:
        _refuse(f"keeps its GPT entries at sector {array}, where none should be")
    if zlib.crc32(entries) != array_checksum:
        _refuse("has GPT entries whose checksum is wrong")
    if last >= sectors:
        _refuse(f"was made for a larger disk than one of {sectors} sectors")
    partitions = []
    for index in range(count):
        kind, _own_id, start, end, _flags, name = _ENTRY.unpack_from(entries, index * entry_size)
        if kind == bytes(16):
            continue
        if not first <= start <= end <= last:
            _refuse(f"has a partition {index + 1} outside the disk (sectors {start} to {end})")
        text = name.decode("utf-16-le", errors="replace").partition("\0")[0]
        type_ = str(uuid.UUID(bytes_le=kind)).upper()
        partitions.append(Partition(index + 1, start, end - start + 1, type_, text))
    primary = seen_from == 0
    return Gpt(
        partitions=_apart(partitions),
        disk=uuid.UUID(bytes_le=disk),
        first_usable=first,
        last_usable=last,
        backup=other if primary else sectors - 1,
        array=array if primary else 2,
        entries=entries,
        entry_size=entry_size,
        boot_sector=head[:SECTOR],
    )


def _parse_mbr(head: bytes, sectors: int) -> Mbr:
    partitions = []
    for index, (status, _begin, kind, _end, start, count) in enumerate(_slots(head)):
        if kind == 0 or count == 0:
            continue
        # A boot sector of FAT or NTFS ends in the same signature, with code where the slots are.
        if status not in (0x00, 0x80):
            _refuse("is no table: its entries are neither bootable nor not")
        if start == 0 or start + count > sectors:
            _refuse(f"has a partition {index + 1} outside the disk (sectors {start} to {start + count - 1})")
        partitions.append(Partition(index + 1, start, count, f"0x{kind:02x}"))
    if not partitions:
        _refuse("is empty")
    return Mbr(_apart(partitions), head[:SECTOR])


def _apart(partitions: Iterable[Partition]) -> tuple[Partition, ...]:
    """Sorted by number. Raises Invalid where two share a sector."""
    by_start = sorted(partitions, key=lambda each: each.start)
    for before, after in pairwise(by_start):
        if before.end > after.start:
            _refuse(f"has partitions {before.number} and {after.number} over each other")
    return tuple(sorted(by_start, key=lambda each: each.number))


def _slots(head: bytes) -> list[tuple[int, bytes, int, bytes, int, int]]:
    return [_SLOT.unpack_from(head, 446 + 16 * index) for index in range(4)]


def _array_sectors(table: Gpt) -> int:
    return -(-len(table.entries) // SECTOR)


def _aligned(end: int) -> int:
    """Whole MiB, as partitioning tools lay them."""
    return end // _ALIGNMENT * _ALIGNMENT


def _refuse(what: str) -> NoReturn:
    raise Invalid(
        f"the partition table {what}",
        hint="the disk was cut off or damaged: get it anew, or mend it where it came from (`sgdisk -v`)",
        code="partition-table",
    )
