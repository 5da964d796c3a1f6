"""`goldsmith image import`: a disk from elsewhere becomes an image."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from ..catalog import images
from ..catalog.images import Image, ImageFile, NewImage
from ..database.engine import transaction
from ..disks import files, formats, headers
from ..disks.chain import Chain
from ..log import Log
from .home import Home


def import_image(
    home: Home,
    path: Path,
    log: Log,
    *,
    name: str = "",
    kernel: Path | None = None,
    initrd: Path | None = None,
) -> Image:
    """Take a copy of a qcow2 or raw disk, by its content, and register it.

    `kernel` and `initrd` are for a disk that has no kernel in it. The same content under the same
    name is imported once. Raises Invalid: it is not such a disk, or points outside itself.
    """
    found = headers.check_import(path)
    kind: Literal["qcow2", "raw"] = "qcow2" if found.format == "qcow2" else "raw"
    assert found.virtual_size is not None  # both formats say it
    if found.note:
        log.warning(found.note)
    name = name or re.sub(r"[^A-Za-z0-9._-]+", "-", path.name.split(".")[0]).strip("-._") or "imported"
    source = files.digest(path)
    version = source.removeprefix("sha256:")[:12]
    with transaction(home.engine) as tx:
        for there in images.list_images(tx):
            same = (there.name, there.version, there.state) == (name, version, "available")
            if same and there.file and home.file(there).is_file():
                return there
        new = NewImage(
            name=name, version=version, origin="import", architecture="x86_64", boot_modes=("bios", "uefi")
        )
        image = images.create_image(tx, new)
    target = home.settings.images / f"{image.id}.qcow2"
    try:
        with log.task("import", path=str(path), format=found.format):
            written = formats.write(Chain((path,), kind), target, "qcow2")
            for what, beside in (("kernel", kernel), ("initrd", initrd)):
                if beside is not None:
                    files.copy(beside, home.beside(image.id, what))
    except BaseException as error:
        with transaction(home.engine) as tx:
            images.mark_failed(tx, image.id, str(error) or "the import was stopped")
        for left in home.settings.images.glob(f"{image.id}.*"):
            left.unlink()
        raise
    file = ImageFile(f"images/{target.name}", "qcow2", written.size, found.virtual_size, written.digest)
    with transaction(home.engine) as tx:
        return images.mark_available(tx, image.id, file)
