"""A root file system as a disk: GPT, boot loaders for both firmwares, ext4 last so that it can grow."""

import os
import struct
import subprocess
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .. import programs
from . import contained, qemu_img, table
from .table import SECTOR, Partition

MIB = 1 << 20
SIZE = 4096 * MIB

BIOS_BOOT = Partition(1, 2048, 2048, "21686148-6449-6E6F-744E-656564454649", "bios")
ESP = Partition(2, 4096, 64 * 2048, "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "esp")
ROOT = Partition(3, ESP.end, SIZE // SECTOR - ESP.end - 2048, "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709", "root")

#: Run where uid 0 owns what the tar says is root's, in an empty folder, with the tar as input.
#: Features that the grub and e2fsck of older releases do not know are left out by name; the inode
#: tables and the journal are marked as zeroed (they are holes), or every copy would do that at its
#: first boot. Arguments: root's UUID, its offset in bytes and its 4 KiB blocks; the ESP's serial and its
#: KiB.
_LAY_OUT = r"""
set -eu
mkdir root
tar --extract --numeric-owner --xattrs --xattrs-include='*' --exclude='./dev/*' --directory=root --file=-
mv root/.release release
: > root/etc/machine-id
mke2fs -q -F -t ext4 -b 4096 -m 1 -L root -U "$1" -O '^orphan_file,^metadata_csum_seed' \
  -E "offset=$2,lazy_itable_init=0,lazy_journal_init=0" -d root disk.raw "$3"
mkfs.vfat -F 32 -s 1 -n ESP -i "$4" -C esp.img "$5" > mkfs.vfat.log
printf '%s\n' "search.fs_uuid $1 root" 'set prefix=($root)/boot/grub' 'configfile $prefix/grub.cfg' > grub.cfg
mmd -i esp.img ::EFI ::EFI/BOOT ::EFI/debian
for folder in BOOT debian; do
  mcopy -i esp.img root/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed "::EFI/$folder/grubx64.efi"
  mcopy -i esp.img root/usr/lib/shim/mmx64.efi.signed "::EFI/$folder/mmx64.efi"
  mcopy -i esp.img grub.cfg "::EFI/$folder/grub.cfg"
done
mcopy -i esp.img root/usr/lib/shim/shimx64.efi.signed ::EFI/debian/shimx64.efi
mcopy -i esp.img root/usr/lib/shim/shimx64.efi.signed ::EFI/BOOT/BOOTX64.EFI
cp root/boot/grub/i386-pc/boot.img root/boot/grub/i386-pc/core.img .
cp root/boot/vmlinuz-* vmlinuz
cp root/boot/initrd.img-* initrd
rm -rf root
"""


@dataclass(frozen=True)
class Names:
    """What the file systems of one disk are called: root's UUID, the ESP's serial as `ABCD-0123`."""

    root: str
    esp: str


def new_names() -> Names:
    serial = uuid.uuid4().hex[:8].upper()
    return Names(str(uuid.uuid4()), f"{serial[:4]}-{serial[4:]}")


def make(tar: IO[bytes], folder: Path, names: Names) -> None:
    """Lay the tar of debian.py's making out as `disk.qcow2` with `vmlinuz` and `initrd` beside it.

    Nothing is mounted, no device is used; without root a user namespace holds the owners.
    Raises HostLack: a tool is missing or fails, or the disk is full.
    """
    disk = folder / "disk.raw"
    with disk.open("wb") as file:
        file.truncate(SIZE)
    numbers = map(str, (ROOT.start * SECTOR, ROOT.sectors // 8))
    arguments = [names.root, *numbers, names.esp.replace("-", ""), str(ESP.sectors // 2)]
    _run_as_root(["sh", "-c", _LAY_OUT, "sh", *arguments], tar, folder)
    boot, core, esp = ((folder / name).read_bytes() for name in ("boot.img", "core.img", "esp.img"))
    with disk.open("r+b") as file:
        sectors = SIZE // SECTOR
        for position, content in table.new_gpt((BIOS_BOOT, ESP, ROOT), sectors, uuid.uuid4()):
            file.seek(position)
            file.write(content)
        file.seek(0)
        file.write(boot_code(boot, BIOS_BOOT))
        file.seek(BIOS_BOOT.start * SECTOR)
        file.write(core_image(core, BIOS_BOOT))
        for start in range(0, len(esp), MIB):
            if any(esp[start : start + MIB]):
                file.seek(ESP.start * SECTOR + start)
                file.write(esp[start : start + MIB])
    qemu_img.run("convert", "-f", "raw", "-O", "qcow2", "-W", disk, folder / "disk.qcow2")
    for name in ("disk.raw", "boot.img", "core.img", "esp.img", "grub.cfg", "mkfs.vfat.log"):
        (folder / name).unlink()


def check_tools() -> None:
    """Raise HostLack for the first program that is not there, before anything long begins."""
    contained.command(["mmdebstrap"])
    for tool in ("tar", "mke2fs", "mkfs.vfat", "mmd", "mcopy", "qemu-img"):
        programs.find(tool)


def boot_code(boot: bytes, home: Partition) -> bytes:
    """GRUB's boot.img as the first 440 bytes of a disk whose core image lies in `home`.

    Offset 0x5c holds the sector to load; at 0x66 stands a jump for BIOSes that report a wrong drive
    number, which grub-setup blanks for everything but floppies (grub: i386/pc/boot.h).
    """
    code = bytearray(boot[:440])
    struct.pack_into("<Q", code, 0x5C, home.start)
    code[0x66:0x68] = b"\x90\x90"
    return bytes(code)


def core_image(core: bytes, home: Partition) -> bytes:
    """core.img with the list of sectors that its first one loads: all that follows, to segment 0x820."""
    assert len(core) <= home.sectors * SECTOR
    image = bytearray(core)
    rest = -(-len(core) // SECTOR) - 1
    struct.pack_into("<QHH", image, SECTOR - 12, home.start + 1, rest, 0x820)
    return bytes(image)


def _run_as_root(argv: Sequence[str], tar: IO[bytes], folder: Path) -> None:
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "PATH": path}
    done = subprocess.run(
        contained.command(argv), stdin=tar, capture_output=True, cwd=folder, env=environment, check=False
    )
    if done.returncode != 0:
        raise programs.failed(["laying out the base"], done.returncode, done.stderr)
