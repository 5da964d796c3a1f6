"""`goldsmith image import`: a disk from elsewhere becomes an image."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from .. import ids
from ..catalog import images
from ..catalog.images import Image, NewImage
from ..database.engine import reading
from ..disks import files, formats, headers
from ..disks.chain import Chain
from ..guests.runs import run_folder
from ..log import Log
from . import boot_modes
from .home import Home
from .register import register


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

    `kernel`, and the `initrd` that it may need, are for a disk that has none in it. The same content
    under the same name is imported once.
    Raises NotFound, Invalid: it is not such a disk, points outside itself or is damaged; Conflict: it is
    in use; HostLack.
    """
    found = headers.check_import(path)
    assert found.virtual_size is not None  # both formats say it
    if found.note:
        log.warning(found.note)
    beside = {what: at for what, at in (("kernel", kernel), ("initrd", initrd)) if at is not None}
    name = name or _name(path)
    version = _version(path, beside)
    new = NewImage(name=name, version=version, origin="import", architecture="x86_64", boot_modes=())
    images.check_new(new)
    if (there := _same(home, new)) is not None:
        return there
    with log.task("import", path=str(path), format=found.format), run_folder(home.settings) as folder:
        image_id = ids.new_id()
        written = formats.take(path, found, folder / f"{image_id}.qcow2")
        files.write_digest(written.path, written.digest)
        for what, at in beside.items():
            files.copy(at, folder / f"{image_id}.{what}")
        modes = boot_modes.of_disk(Chain((written.path,)), folder, found.virtual_size)
        return register(home, replace(new, boot_modes=modes), written, found.virtual_size, image_id)


def imported(home: Home, path: Path) -> Image | None:
    """The image that importing a disk would give back, None where it is not imported yet.

    Raises NotFound, Invalid as import_image does.
    """
    headers.check_import(path)
    new = NewImage(
        name=_name(path), version=_version(path, {}), origin="import", architecture="x86_64", boot_modes=()
    )
    return _same(home, new)


def _name(path: Path) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", path.name.split(".")[0]).strip("-._") or "imported"


def _same(home: Home, new: NewImage) -> Image | None:
    """What was imported before and still has its file."""
    wanted = ("import", new.name, new.version, "available")
    with reading(home.engine) as tx:
        for there in images.list_images(tx):
            same = (there.origin, there.name, there.version, there.state) == wanted
            if same and home.file(there).is_file():
                return there
    return None


def _version(path: Path, beside: Mapping[str, Path]) -> str:
    """By what comes in: the disk alone, or the disk with the kernel and initrd beside it."""
    disk = files.digest(path).removeprefix("sha256:")
    if not beside:
        return disk[:12]
    parts = [disk, *(f"{what} {files.digest(at)}" for what, at in beside.items())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
