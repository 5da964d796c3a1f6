"""What is known of an image before it is built on: its root, its kernel; looked up once, then kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ..catalog.images import Image
from ..disks import contained, files, overlay, shelf
from ..errors import Invalid
from ..guests import boot_entry, inspection
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
    key = key_of_image(home, image)

    def make(fresh: Path) -> None:
        with log.task("look into the base", image=image.name):
            disk = overlay.over(home.disk(image), folder / "look.qcow2", size)
            with inspect(home.settings, log, folder / "look", disk) as guest:
                known = look(guest, home, image.id)
            (fresh / "facts.json").write_bytes(msgspec.json.encode(known.facts))
            (fresh / "kernel").write_bytes(known.boot.kernel)
            (fresh / "initrd").write_bytes(known.boot.initrd)

    kept = shelf.keep(home.settings.kernels, key, make, log)
    known = _read(kept)
    if known is None:
        log.info(f"what was known of {image.name} cannot be read any more: it is looked up anew")
        with shelf.locked(home.settings.kernels, key, log):
            if _read(kept) is None:
                contained.remove(kept)
        known = _read(shelf.keep(home.settings.kernels, key, make, log))
        assert known is not None
    return known


def key_of_image(home: Home, image: Image) -> str:
    """The folder of settings.kernels with what is known of an image that has a file."""
    assert image.file is not None
    beside = [path for what in ("kernel", "initrd") if (path := home.beside(image.id, what)).exists()]
    return key_of(image.file.digest, [files.digest(path) for path in beside])


def key_of(disk: str, beside: Sequence[str]) -> str:
    """Of what an image's facts follow from: its digest, those of the files beside it, and who looks."""
    total = hashlib.sha256("\n".join([disk, *beside]).encode())
    for source in (__file__, inspection.__file__, boot_entry.__file__):
        total.update(Path(source).read_bytes())
    return f"system-{total.hexdigest()[:32]}"


def _read(kept: Path) -> Known | None:
    """None where the cache is damaged."""
    try:
        facts = msgspec.json.decode((kept / "facts.json").read_bytes(), type=Facts)
        boot = BootFiles(facts.entry, (kept / "kernel").read_bytes(), (kept / "initrd").read_bytes())
    except (OSError, ValueError):  # no JSON of ours, or no UTF-8
        return None
    return Known(facts, boot) if boot.kernel else None


def look(guest: Inspection, home: Home, image_id: str) -> Known:
    root = guest.find_root()
    kernel, initrd = home.beside(image_id, "kernel"), home.beside(image_id, "initrd")
    if kernel.exists():
        content = initrd.read_bytes() if initrd.exists() else b""
        boot = BootFiles(BootEntry("beside the disk"), kernel.read_bytes(), content)
    else:
        boot = guest.read_boot_files()
    if not boot.kernel:
        raise Invalid("the image's kernel is empty", code="no-kernel")
    return Known(Facts(root, boot.entry, guest.get("/etc/resolv.conf")), boot)
