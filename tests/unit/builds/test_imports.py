"""Disks from elsewhere become images: real files, converted by qemu-img."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path

import pytest

from goldsmith.builds.home import Home
from goldsmith.builds.imports import import_image
from goldsmith.catalog import images
from goldsmith.catalog.images import Image
from goldsmith.database.engine import reading
from goldsmith.disks import table
from goldsmith.disks.table import Partition
from goldsmith.errors import Invalid
from goldsmith.log import Log

from . import made

ESP, BIOS_BOOT = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "21686148-6449-6E6F-744E-656564454649"
LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
SECTORS = (8 << 20) // table.SECTOR


def gpt(path: Path, types: Sequence[str]) -> Path:
    """A raw disk of 8 MiB with a partition of 1 MiB for each type."""
    parts = [Partition(number, 2048 * number, 2048, kind) for number, kind in enumerate(types, 1)]
    with path.open("wb") as file:
        file.truncate(SECTORS * table.SECTOR)
        for offset, content in table.new_gpt(parts, SECTORS, uuid.UUID(int=1)):
            file.seek(offset)
            file.write(content)
    return path


def mbr(path: Path, kind: int, code: bytes) -> Path:
    """A raw disk with one partition in an MBR."""
    slot = bytes([0x80, 0, 0, 0, kind, 0, 0, 0]) + (2048).to_bytes(4, "little") + (2048).to_bytes(4, "little")
    path.write_bytes((code.ljust(446, b"\0") + slot).ljust(510, b"\0") + b"\x55\xaa")
    with path.open("r+b") as file:
        file.truncate(SECTORS * table.SECTOR)
    return path


def all_images(home: Home) -> list[Image]:
    with reading(home.engine) as tx:
        return images.list_images(tx)


def test_an_import_is_there_whole_with_its_digest_beside_it(opened: Home, tmp_path: Path) -> None:
    image = import_image(opened, gpt(tmp_path / "My disk.img", [ESP, LINUX]), Log())

    assert (image.name, image.state, image.origin) == ("My-disk", "available", "import")
    assert all_images(opened) == [image]
    assert made.names(opened) == [f"{image.id}.qcow2", f"{image.id}.qcow2.sha256"]
    checked = subprocess.run(
        ["sha256sum", "--check", f"{image.id}.qcow2.sha256"],
        cwd=opened.settings.images,
        capture_output=True,
        text=True,
        check=True,
    )
    assert checked.stdout == f"{image.id}.qcow2: OK\n"
    assert list(opened.settings.run.iterdir()) == []


def test_the_table_says_which_firmware_boots_it(opened: Home, tmp_path: Path) -> None:
    disks = {
        gpt(tmp_path / "both", [BIOS_BOOT, ESP, LINUX]): ("bios", "uefi"),
        gpt(tmp_path / "efi", [ESP, LINUX]): ("uefi",),
        gpt(tmp_path / "neither", [LINUX]): (),
        mbr(tmp_path / "code", 0x83, b"\xeb\x63\x90"): ("bios",),
        mbr(tmp_path / "esp", 0xEF, b""): ("uefi",),
        mbr(tmp_path / "data", 0x83, b""): (),
    }

    for path, modes in disks.items():
        assert import_image(opened, path, Log()).boot_modes == modes, path.name


def test_a_disk_without_a_table_is_of_unknown_firmware(opened: Home, tmp_path: Path) -> None:
    disk = tmp_path / "bare.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "8M"], check=True)

    assert import_image(opened, disk, Log()).boot_modes == ()


def test_the_same_is_imported_once_and_another_kernel_makes_it_another(opened: Home, tmp_path: Path) -> None:
    disk = gpt(tmp_path / "disk", [LINUX])
    kernel, initrd = tmp_path / "kernel", tmp_path / "initrd"
    kernel.write_bytes(b"kernel")
    initrd.write_bytes(b"initrd")

    bare = import_image(opened, disk, Log())
    alone = import_image(opened, disk, Log(), kernel=kernel)
    both = import_image(opened, disk, Log(), kernel=kernel, initrd=initrd)

    assert len({bare.version, alone.version, both.version}) == 3
    assert import_image(opened, disk, Log(), kernel=kernel, initrd=initrd) == both
    assert [path.suffix for path in opened.files(alone.id)] == [".kernel", ".qcow2"]
    kernel.write_bytes(b"newer")
    assert import_image(opened, disk, Log(), kernel=kernel) != alone
    assert len(all_images(opened)) == 4


def test_an_import_that_fails_leaves_nothing(opened: Home, tmp_path: Path) -> None:
    disk = tmp_path / "damaged.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "8M"], check=True)
    with disk.open("r+b") as file:
        file.seek(40)
        file.seek(int.from_bytes(file.read(8), "big"))  # its first table, which now names no whole cluster
        file.write((0x8000000000050200).to_bytes(8, "big"))

    with pytest.raises(Invalid) as caught:
        import_image(opened, disk, Log())

    assert caught.value.message.startswith(f"{disk} cannot be read as qcow2: ")
    assert all_images(opened) == []
    assert made.names(opened) == []
    assert list(opened.settings.run.iterdir()) == []


def test_a_name_that_no_reference_could_spell_is_refused_before_anything_is_copied(
    opened: Home, tmp_path: Path
) -> None:
    with pytest.raises(Invalid, match=r'^name: image name "a/b" is not usable$'):
        import_image(opened, gpt(tmp_path / "disk", [LINUX]), Log(), name="a/b")
