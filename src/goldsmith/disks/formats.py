"""Writing a finished disk: one flat file, in the format that somebody wants it in."""

import os
from dataclasses import dataclass
from pathlib import Path

from ..documents.recipe import Format
from ..errors import Invalid
from . import files, qemu_img
from .chain import Chain

MIB = 1 << 20

#: qemu-img's format and options for each of ours.
#: qcow2: zstd, because zlib takes four times as long for the same size.
#: vhd: fixed, and of exactly the disk's size: the geometry rule would change it, and clouds refuse
#: sizes that are no whole MiB (case C45).
_OPTIONS: dict[Format, tuple[str, ...]] = {
    "qcow2": ("-O", "qcow2", "-c", "-o", "compression_type=zstd"),
    "raw": ("-O", "raw"),
    "vmdk": ("-O", "vmdk", "-o", "subformat=streamOptimized"),
    "vhd": ("-O", "vpc", "-o", "subformat=fixed,force_size=on"),
    "vhdx": ("-O", "vhdx", "-o", "subformat=dynamic"),
}


@dataclass(frozen=True)
class Written:
    """A finished file; `size` is what it takes on the disk, `digest` is `sha256:…` of its bytes."""

    path: Path
    format: Format
    size: int
    digest: str


def write(disk: Chain, path: Path, kind: Format) -> Written:
    """Write the disk to `path`, aside first and renamed when it is whole.

    Raises HostLack: the host's disk is full, or qemu-img is missing.
    """
    aside = path.with_name(f".{path.name}.new")
    try:
        qemu_img.run("convert", "-q", "-m", "16", *_OPTIONS[kind], disk.filename(), aside)
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        digest = files.digest(aside)
        aside.rename(path)
    finally:
        aside.unlink(missing_ok=True)
    return Written(path, kind, path.stat().st_blocks * 512, digest)


def check_size(parent: int, wanted: int, where: str) -> None:
    """Raise Invalid where a disk would become smaller than the one it starts from (case C65). Bytes."""
    if wanted < parent:
        raise Invalid(
            f"the disk cannot be {wanted / 2**30:g} GiB: its base has {parent / 2**30:g} GiB",
            where=where,
            hint="a disk can only grow: leave `disk.size` out, or make it larger",
            code="disk-too-small",
        )
