"""What is known of an image before it is built on: its root, its kernel; looked up once, then kept."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ..catalog.images import Image
from ..disks import overlay, shelf
from ..errors import Invalid
from ..guests.boot_entry import BootEntry
from ..guests.inspection import BootFiles, Inspection, Root, inspect
from ..log import Log
from .home import Home


class Facts(msgspec.Struct, frozen=True):
    """`resolv_conf` is None where the image has none."""

    root: Root
    entry: BootEntry
    resolv_conf: bytes | None


class Known(msgspec.Struct, frozen=True):
    """An image's facts, with its kernel and initrd."""

    facts: Facts
    boot: BootFiles


def of_image(home: Home, image: Image, folder: Path, log: Log) -> Known:
    """Look into an image, unless that was done before. `folder` is for the guest's files.

    Raises Invalid: no root, or no kernel to boot it with.
    """
    assert image.file is not None
    size = image.file.virtual_size
    key = f"system-{image.file.digest.removeprefix('sha256:')[:32]}"

    def make(fresh: Path) -> None:
        with log.task("look into the base", image=image.name):
            disk = overlay.over(home.disk(image), folder / "look.qcow2", size)
            with inspect(home.settings, log, folder / "look", disk) as inspection:
                known = look(inspection, home, image.id)
            (fresh / "facts.json").write_bytes(msgspec.json.encode(known.facts))
            (fresh / "kernel").write_bytes(known.boot.kernel)
            (fresh / "initrd").write_bytes(known.boot.initrd)

    kept = shelf.keep(home.settings.kernels, key, make, log)
    facts = msgspec.json.decode((kept / "facts.json").read_bytes(), type=Facts)
    boot = BootFiles(facts.entry, (kept / "kernel").read_bytes(), (kept / "initrd").read_bytes())
    return Known(facts, boot)


def look(inspection: Inspection, home: Home, image_id: str) -> Known:
    root = inspection.find_root()
    beside = home.beside(image_id, "kernel")
    if beside.exists():
        boot = BootFiles(
            BootEntry("beside the disk"), beside.read_bytes(), home.beside(image_id, "initrd").read_bytes()
        )
    else:
        boot = inspection.read_boot_files()
    if not boot.kernel:
        raise Invalid("the image's kernel is empty", code="no-kernel")
    return Known(Facts(root, boot.entry, inspection.get("/etc/resolv.conf")), boot)
