"""An empty disk file to write into, above others."""

from pathlib import Path

from . import qemu_img
from .chain import Chain


def create(path: Path, size: int) -> None:
    """Make an empty qcow2 of `size` bytes (whole sectors of 512) at a path where nothing is yet.

    Its header names no backing file: what lies below it is for a Chain to say.
    Raises HostLack: no qemu-img, or the disk is full.
    """
    qemu_img.run("create", "-q", "-f", "qcow2", "-o", "compat=1.1", path.absolute(), str(size))


def over(disk: Chain, path: Path, size: int) -> Chain:
    """The disk with an empty overlay of `size` bytes on it. Raises HostLack as create does."""
    create(path, size)
    return disk.over(path)
