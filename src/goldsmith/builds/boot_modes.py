"""By which firmware a foreign disk can boot, as far as its partition table tells."""

from __future__ import annotations

from pathlib import Path

from ..catalog.images import BootMode
from ..disks import qemu_img, table
from ..disks.chain import Chain
from ..errors import Invalid

#: Partition types: UEFI 2.10 §5.3.3, table 5.7, and GRUB's place to lie on a GPT disk.
_ESP = ("C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "0xef")
_BIOS_BOOT = "21686148-6449-6E6F-744E-656564454649"
#: What a BIOS runs is in these first bytes of a disk; behind them lie a signature and the old table.
_BOOT_CODE = 440


def of_disk(disk: Chain, folder: Path, size: int) -> tuple[BootMode, ...]:
    """What the table of a disk of `size` bytes promises; `folder` is for a file of 1 MiB.

    Empty where nothing is seen: it may still boot by its kernel. Raises HostLack as qemu-img does.
    """
    start = folder / "start"
    block = f"bs={table.HEAD}"
    qemu_img.run("dd", "-O", "raw", block, "count=1", f"if={disk.filename()}", f"of={start.absolute()}")
    head = start.read_bytes()
    try:
        found = table.parse(head, size // table.SECTOR)
    except Invalid:
        return ()
    types = {partition.type for partition in found.partitions}
    bios = _BIOS_BOOT in types or any(head[:_BOOT_CODE])
    uefi = not types.isdisjoint(_ESP)
    modes: tuple[tuple[BootMode, bool], ...] = (("bios", bios), ("uefi", uefi))
    return tuple(mode for mode, seen in modes if seen)
