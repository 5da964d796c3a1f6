"""What a disk file is, by its content, and whether it may come in. Nothing but the file itself is opened."""

import os
import shlex
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

from ..errors import Invalid, NotFound
from . import filesystems, qcow2, table, vmdk

#: No disk that QEMU would offer to a guest is larger in practice; a header that says so lies.
LARGEST = 64 << 40

_MAGIC = (
    (0, qcow2.MAGIC, "qcow2"),
    (0, b"QED\0", "qed"),
    (0, vmdk.SPARSE, "vmdk"),
    (0, vmdk.DESCRIPTOR, "vmdk"),
    (0, b"COWD", "vmdk"),
    (0, b"vhdxfile", "vhdx"),
    (0, b"conectix", "vhd"),
    (0x40, b"\x7f\x10\xda\xbe", "vdi"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"\xfd7zXZ\0", "xz"),
    (0, b"\x28\xb5\x2f\xfd", "zstd"),
    (0, b"BZh", "bzip2"),
    (0, b"PK\3\4", "zip"),
    (257, b"ustar", "tar"),
    (0x8001, b"CD001", "iso"),
)

#: `.img` says nothing: both raw and qcow2 are called so.
_SUFFIXES = {
    ".qcow2": "qcow2",
    ".qcow": "qcow",
    ".raw": "raw",
    ".vmdk": "vmdk",
    ".vhd": "vhd",
    ".vpc": "vhd",
    ".vhdx": "vhdx",
    ".vdi": "vdi",
    ".iso": "iso",
    ".gz": "gzip",
    ".xz": "xz",
    ".zst": "zstd",
    ".zip": "zip",
    ".tar": "tar",
    ".ova": "tar",
}

_UNPACK = {
    "gzip": "gzip -dk",
    "xz": "xz -dk",
    "zstd": "zstd -dk",
    "bzip2": "bzip2 -dk",
    "zip": "unzip",
    "tar": "tar -xf",
}

#: Our names for formats, where QEMU's differ.
_QEMU = {"vhd": "vpc"}


@dataclass(frozen=True)
class DiskFile:
    """A file and what it says of itself.

    `format` is qcow2, raw, vmdk, vhd, vhdx, vdi, qcow, qed, gzip, xz, zstd, bzip2, zip, tar, iso, text
    or unknown. `virtual_size` is in bytes, None where the format keeps it somewhere else. `content` of a
    raw disk is gpt, mbr or a file system as filesystems.identify calls it. `details` is the header of a
    qcow2 or a vmdk. `note` says that the name promises something else.
    """

    path: Path
    format: str
    virtual_size: int | None
    content: str = ""
    details: qcow2.Header | vmdk.Vmdk | None = None
    note: str = ""


def inspect_file(path: Path) -> DiskFile:
    """Look at a regular file, or at what a link leads to.

    Raises NotFound: no such file; Invalid: not a regular file, empty, or a header that contradicts
    itself or the file's length.
    """
    with opened(path) as (file, length):
        if length == 0:
            raise Invalid(
                f"{path} is empty", hint="the copy may have been cut off: get it anew", code="disk-empty"
            )
        try:
            found = _look(path, file, file.read(table.HEAD), length)
        except Invalid as error:
            raise Invalid(error.message, where=str(path), hint=error.hint, code=error.code) from None
    if found.virtual_size is not None and not 0 < found.virtual_size <= LARGEST:
        raise Invalid(
            f"{path} says that it is a disk of {found.virtual_size} bytes; 1 byte to 64 TiB are possible",
            hint="it is damaged or made to deceive: get it anew from where it came",
            code="disk-damaged",
        )
    promised = _SUFFIXES.get(path.suffix.lower())
    if promised is None or promised == found.format:
        return found
    note = f"{path.name} is called {promised}, and is {found.format} by its content: taken as {found.format}"
    return DiskFile(found.path, found.format, found.virtual_size, found.content, found.details, note)


def check_import(path: Path) -> DiskFile:
    """Look at a foreign disk before anything converts it (cases C51, C53, C55).

    Raises what inspect_file raises, and Invalid with a code for each reason: it points to other files,
    is encrypted, corrupt, packed, of another format, or no disk at all.
    """
    disk = inspect_file(path)
    match disk.format:
        case "qcow2":
            assert isinstance(disk.details, qcow2.Header)
            _check_qcow2(path, disk.details)
        case "raw":
            if disk.content in ("LVM2_member", "crypto_LUKS", "swap", "vfat", "squashfs", "iso9660"):
                _refuse(
                    f"{path} holds no partition table, only {disk.content}: no root file system is in reach",
                    "import the whole disk that it was taken from",
                    "no-root",
                )
        case "text":
            _refuse(f"{path} is a text, not a disk", "look at the path", "not-a-disk")
        case "unknown":
            _refuse(
                f"{path} is no disk: no format, partition table or file system was found in it",
                "qcow2 and raw disks are imported; encrypted or wiped ones cannot be told from noise",
                "not-a-disk",
            )
        case "iso":
            _refuse(
                f"{path} is an ISO image: a medium to install from, not an installed disk",
                "import a cloud image of that system (qcow2 or raw)",
                "format-iso",
            )
        case packed if packed in _UNPACK:
            _refuse(
                f"{path} is packed with {packed}",
                f"unpack it first: {_UNPACK[packed]} {shlex.quote(str(path))}",
                f"format-{packed}",
            )
        case other:
            if isinstance(disk.details, vmdk.Vmdk):
                _check_vmdk(path, disk.details)
            _refuse(
                f"{path} is a disk of format {other}, and qcow2 and raw are imported",
                f"convert it first: qemu-img convert -f {_QEMU.get(other, other)} -O qcow2 "
                f"{shlex.quote(str(path))} {shlex.quote(str(path.with_suffix('.qcow2')))}",
                f"format-{other}",
            )
    return disk


@contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """A regular file, open for reading, and its length. Raises NotFound, Invalid."""
    try:
        # A look before the opening, which can block or have an effect on a pipe or a device.
        kind = path.stat().st_mode
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK) if stat.S_ISREG(kind) else -1
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}", hint="look at the path") from None
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}", hint="look at its owner and mode") from None
    if descriptor < 0:
        raise Invalid(
            f"{path} is no regular file",
            hint="copy the disk into a file first, with `qemu-img convert` or `dd`",
            code="not-a-file",
        )
    with os.fdopen(descriptor, "rb") as file:
        yield file, os.fstat(file.fileno()).st_size


def _look(path: Path, file: BinaryIO, head: bytes, length: int) -> DiskFile:
    match next((name for at, magic, name in _MAGIC if head[at : at + len(magic)] == magic), "raw"):
        case "raw":
            return _raw(path, file, head, length)
        case "qcow2" if head[4:8] == b"\0\0\0\1":
            return DiskFile(path, "qcow", int.from_bytes(head[24:32], "big"))
        case "qcow2":
            header = qcow2.read(file, length)
            return DiskFile(path, "qcow2", header.virtual_size, details=header)
        case "vmdk" if head[:4] != b"COWD":
            described = vmdk.read(file, length)
            return DiskFile(path, "vmdk", described.virtual_size, details=described)
        case "vhd":
            return DiskFile(path, "vhd", int.from_bytes(head[48:56], "big"))
        case "vdi":
            return DiskFile(path, "vdi", struct.unpack_from("<Q", head.ljust(512, b"\0"), 0x170)[0])
        case other:
            return DiskFile(path, other, None)


def _raw(path: Path, file: BinaryIO, head: bytes, length: int) -> DiskFile:
    """What has no header of a format: a disk as it is, the fixed VHD (a footer behind one), or no disk."""
    file.seek(max(0, length - table.TAIL))
    tail = file.read(table.TAIL)
    if tail[-512:][:8] == b"conectix":
        return DiskFile(path, "vhd", int.from_bytes(tail[-512:][48:56], "big"))
    size = -(-length // table.SECTOR) * table.SECTOR
    bare = filesystems.identify(head)
    try:
        parsed = table.parse(head, size // table.SECTOR, tail)
    except Invalid as error:
        # A boot sector of FAT looks like a table that makes no sense.
        if bare is not None:
            return DiskFile(path, "raw", size, bare.kind)
        if error.code != "no-partition-table":
            raise
    else:
        return DiskFile(path, "raw", size, "gpt" if isinstance(parsed, table.Gpt) else "mbr")
    return DiskFile(path, "text" if _is_text(head) else "unknown", None)


def _is_text(head: bytes) -> bool:
    try:
        # A character may be cut at the end of what was read.
        text = head[:4096].decode(errors="strict" if len(head) <= 4096 else "ignore")
    except UnicodeDecodeError:
        return False
    return all(char.isprintable() or char in "\t\r\n\f" for char in text)


def _check_qcow2(path: Path, header: qcow2.Header) -> None:
    flat = f"make it flat where it came from: qemu-img convert -O qcow2 {shlex.quote(path.name)} flat.qcow2"
    if header.data_file is not None:
        _refuse(
            f"{path} keeps its data in another file ({header.data_file or 'unnamed'})",
            flat,
            "outside-reference",
        )
    if header.backing_file is not None:
        _refuse(f"{path} needs another file below it ({header.backing_file})", flat, "outside-reference")
    if header.encrypted:
        _refuse(
            f"{path} is encrypted",
            "import a copy that is not: goldsmith knows no passphrase for it",
            "disk-encrypted",
        )
    if header.corrupt:
        _refuse(
            f"{path} is marked as corrupt",
            f"try: qemu-img check -r all {shlex.quote(str(path))}",
            "disk-damaged",
        )


def _check_vmdk(path: Path, disk: vmdk.Vmdk) -> None:
    single = "export it as one file, monolithicSparse or streamOptimized"
    named = ", ".join(disk.extents)
    match disk.kind:
        case "descriptor" if disk.extents:
            _refuse(
                f"{path} is a VMDK descriptor without its extent: the disk itself is in {named}",
                single,
                "outside-reference",
            )
        case "descriptor":
            _refuse(f"{path} is a VMDK descriptor that names no extent", single, "outside-reference")
        case "part of a set":
            _refuse(f"{path} is one part of a split VMDK set", single, "outside-reference")
        case "delta":
            _refuse(
                f"{path} is a VMDK snapshot that needs another file below it ({disk.parent or 'unnamed'})",
                f"{single}, without snapshots",
                "outside-reference",
            )


def _refuse(message: str, hint: str, code: str) -> NoReturn:
    raise Invalid(message, hint=hint, code=code)
