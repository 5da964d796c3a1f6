"""The header of a qcow2 file, read without QEMU and believed in nothing (QEMU: docs/interop/qcow2.rst)."""

import struct
from dataclasses import dataclass
from typing import BinaryIO, NoReturn

from ..errors import Invalid

MAGIC = b"QFI\xfb"

_V2 = struct.Struct(">4sIQIIQIIQQIIQ")
_V3 = struct.Struct(">QQQII")
_DIRTY, _CORRUPT, _DATA_FILE, _COMPRESSION, _EXTENDED_L2 = (1 << bit for bit in range(5))
_KNOWN = _DIRTY | _CORRUPT | _DATA_FILE | _COMPRESSION | _EXTENDED_L2
_DATA_FILE_NAME = 0x44415441

# What QEMU itself refuses beyond.
_MOST_L1 = 32 << 20
_MOST_REFCOUNT_TABLE = 8 << 20
_MOST_SNAPSHOTS = 65536


@dataclass(frozen=True)
class Header:
    """`backing_file` and `data_file` are None where there is none, and else the names that stand there."""

    version: int
    virtual_size: int
    cluster_size: int
    backing_file: str | None
    data_file: str | None
    encrypted: bool
    corrupt: bool
    snapshots: int


def read(file: BinaryIO, length: int) -> Header:
    """The header of an open file of `length` bytes. Raises Invalid: damaged, or it contradicts itself."""
    file.seek(0)
    start = file.read(112).ljust(112, b"\0")
    if length < _V2.size:
        _refuse("ends within its header")
    fields = _V2.unpack_from(start)
    version, backing_at, backing_length, cluster_bits, size, crypt, l1_entries, l1_at = fields[1:9]
    refcounts_at, refcount_clusters, snapshots, snapshots_at = fields[9:]
    features, header_length = 0, _V2.size
    if version == 3:
        features, _compatible, _clear, refcount_order, header_length = _V3.unpack_from(start, _V2.size)
        if refcount_order > 6:
            _refuse(f"has reference counts of 2^{refcount_order} bits")
    elif version != 2:
        _refuse(f"has version {version}, and 2 and 3 are known")
    if not 9 <= cluster_bits <= 21:
        _refuse(f"has clusters of 2^{cluster_bits} bytes")
    cluster = 1 << cluster_bits
    if not header_length <= cluster or (version == 3 and header_length < 104):
        _refuse(f"has a header of {header_length} bytes")
    if unknown := features & ~_KNOWN:
        _refuse(f"needs features that are not known (bits {unknown:#x})")
    _within("table of clusters", l1_at, 8 * l1_entries, cluster, length, _MOST_L1)
    entry = 16 if features & _EXTENDED_L2 else 8
    if l1_entries * (cluster // entry) * cluster < size:
        _refuse(f"says that it holds {size} bytes, and has tables for less")
    _within(
        "reference counts", refcounts_at, refcount_clusters * cluster, cluster, length, _MOST_REFCOUNT_TABLE
    )
    if snapshots > _MOST_SNAPSHOTS or (snapshots and snapshots_at >= length):
        _refuse(f"has {snapshots} snapshots at byte {snapshots_at}")
    return Header(
        version=version,
        virtual_size=size,
        cluster_size=cluster,
        backing_file=_name(file, backing_at, backing_length, cluster) if backing_at else None,
        data_file=_data_file(file, header_length, cluster) if features & _DATA_FILE else None,
        encrypted=crypt != 0,
        corrupt=bool(features & _CORRUPT),
        snapshots=snapshots,
    )


def _within(what: str, at: int, size: int, cluster: int, length: int, most: int) -> None:
    if size > most or at % cluster or at + size > length or (size and not at):
        _refuse(f"places its {what} ({size} bytes at {at}) where they cannot be, in a file of {length} bytes")


def _name(file: BinaryIO, at: int, size: int, cluster: int) -> str:
    if not 0 < size <= 1023 or at + size > cluster:
        _refuse(f"names a backing file of {size} bytes at {at}")
    file.seek(at)
    return file.read(size).decode(errors="replace")


def _data_file(file: BinaryIO, at: int, cluster: int) -> str:
    """The name in the header extension; empty where the extension is left out."""
    while at + 8 <= cluster:
        file.seek(at)
        kind, size = struct.unpack(">II", file.read(8).ljust(8, b"\0"))
        if kind == 0:
            break
        if kind == _DATA_FILE_NAME:
            return file.read(min(size, cluster - at - 8)).decode(errors="replace")
        at += 8 + -(-size // 8) * 8
    return ""


def _refuse(what: str) -> NoReturn:
    raise Invalid(
        f"the qcow2 file {what}",
        hint="it is damaged or made to deceive: get it anew from where it came",
        code="disk-damaged",
    )
