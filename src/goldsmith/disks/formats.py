"""Writing a disk as one flat file: a finished image in the format that is wanted, a foreign disk as ours."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from .. import ids
from ..documents.recipe import Format
from ..errors import Conflict, HostLack, Invalid
from . import files, overlay, qcow2, qemu_img, shelf
from .chain import Chain
from .headers import DiskFile

MIB = 1 << 20

#: qemu-img's format and options for each of ours.
#: qcow2: zstd takes a quarter of zlib's time for the same size. Written as pieces come, it takes 1.2 of
#: zstd's own time; in order 1.8 (bench/). So two runs differ in their bytes. Of larger clusters, who
#: reads 4 KiB has to unpack a whole one: of 2 MiB, a boot would spend eight seconds on it.
#: vhd: fixed, and of exactly the disk's size: QEMU's geometry rule would change it (case C45).
_OPTIONS: dict[Format, tuple[str, ...]] = {
    "qcow2": ("-O", "qcow2", "-c", "-m", "16", "-W", "-o", "compression_type=zstd,cluster_size=128k"),
    "raw": ("-O", "raw", "-m", "16"),
    "vmdk": ("-O", "vmdk", "-o", "subformat=streamOptimized"),
    "vhd": ("-O", "vpc", "-m", "16", "-o", "subformat=fixed,force_size=on"),
    "vhdx": ("-O", "vhdx", "-m", "16", "-o", "subformat=dynamic"),
}

#: Compressed, a disk takes this part of what it took before, or more.
_LEAST = {"qcow2": 0.2, "vmdk": 0.2}


@dataclass(frozen=True)
class Written:
    """A finished file; `size` is what it takes on the disk, `digest` is `sha256:…` of its bytes."""

    path: Path
    format: Format
    size: int
    digest: str


def write(disk: Chain, path: Path, kind: Format) -> Written:
    """Write the disk to `path`, aside first and renamed when it is whole.

    A vhd is made longer, to whole MiB: clouds refuse other sizes.
    Raises HostLack: the host's disk is full, or qemu-img is missing.
    """
    taken = sum(file.stat().st_blocks * 512 for file in disk.files)
    files.need(path.parent, int(taken * _LEAST.get(kind, 0.9)))
    with _in_whole_mib(disk, path) if kind == "vhd" else nullcontext(disk) as source:
        return _convert(source, path, kind, _OPTIONS[kind])


def take(path: Path, found: DiskFile, target: Path) -> Written:
    """Copy a foreign disk that headers.check_import let in to a qcow2 of ours, uncompressed.

    Raises Invalid: it is damaged inside. Conflict: something is writing to it. HostLack as write does.
    """
    source = Chain((path,), "raw" if found.format == "raw" else "qcow2")
    files.need(target.parent, int(path.stat().st_blocks * 512 * 0.9))
    try:
        return _convert(source, target, "qcow2", ("-O", "qcow2", "-m", "16", "-W"))
    except HostLack as error:
        if 'Failed to get "' in error.message or "Failed to get shared" in error.message:
            raise Conflict(
                f"{path} is in use by another program",
                hint="power off the machine that runs from it",
                code="disk-in-use",
            ) from error
        if "while reading" in error.message or "Could not open" in error.message:
            raise Invalid(
                f"{path} cannot be read as {found.format}: {error.message.splitlines()[-1]}",
                hint="it is damaged: get it anew from where it came",
                code="disk-damaged",
            ) from error
        raise


def virtual_size(disk: Chain) -> int:
    """The bytes of the disk that a guest sees. Raises Invalid: the top file's header is damaged."""
    top = disk.files[-1]
    length = top.stat().st_size
    if len(disk.files) == 1 and disk.bottom_format == "raw":
        return -(-length // 512) * 512
    with top.open("rb") as file:
        return qcow2.read(file, length).virtual_size


def check_size(parent: int, wanted: int, where: str) -> None:
    """Raise Invalid where a disk would become smaller than the one it starts from (case C65). Bytes."""
    if wanted < parent:
        raise Invalid(
            f"the disk cannot be {wanted / 2**30:g} GiB: its base has {parent / 2**30:g} GiB",
            where=where,
            hint="a disk can only grow: leave `disk.size` out, or make it larger",
            code="disk-too-small",
        )


def _convert(source: Chain, path: Path, kind: Format, options: tuple[str, ...]) -> Written:
    aside = path.with_name(f".{path.name}.{ids.new_id()}.new")
    try:
        qemu_img.run("convert", "-q", *options, source.filename(), aside.absolute())
        shelf.sync(aside)
        digest = files.digest(aside)
        aside.rename(path)
        shelf.sync(path.parent)
    finally:
        aside.unlink(missing_ok=True)
    return Written(path, kind, path.stat().st_blocks * 512, digest)


@contextmanager
def _in_whole_mib(disk: Chain, path: Path) -> Iterator[Chain]:
    size = virtual_size(disk)
    if size % MIB == 0:
        yield disk
        return
    top = path.with_name(f".{path.name}.top")
    try:
        yield overlay.over(disk, top, -(-size // MIB) * MIB)
    finally:
        top.unlink(missing_ok=True)
