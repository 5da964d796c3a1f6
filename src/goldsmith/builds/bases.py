"""`goldsmith image bootstrap`: a base made here becomes an image of its own family."""

from __future__ import annotations

from .. import clock, ids
from ..catalog import images
from ..catalog.images import Image, NewImage
from ..database.engine import transaction
from ..disks import bases, files, integrity
from ..disks.formats import Written
from ..guests.runs import run_folder
from ..log import Log
from .home import Home
from .register import register


def bootstrap(home: Home, name: str, log: Log, *, refresh: bool = False) -> Image:
    """Make a base (`debian-12`, …) or take the one made today, and register it.

    Raises NotFound: no such base. HostLack: a tool, the network or disk space is missing.
    """
    made = bases.make_base(name, home.settings, log, refresh=refresh)
    digest = f"sha256:{made.digest}"
    if (there := _same(home, name, digest)) is not None:
        return there
    new = NewImage(
        name=name,
        version=clock.now().strftime("%Y.%-m.%-d"),
        origin="base",
        architecture="x86_64",
        boot_modes=("bios", "uefi"),
        family=name,
    )
    with run_folder(home.settings) as folder:
        image_id = ids.new_id()
        path = folder / f"{image_id}.qcow2"
        files.share(made.disk, path)
        files.write_digest(path, digest)
        written = Written(path, "qcow2", path.stat().st_blocks * 512, digest)
        return register(home, new, written, made.size, image_id)


def _same(home: Home, name: str, digest: str) -> Image | None:
    """The image of this base's disk; one whose file was removed is forgotten, an altered one left out."""
    with transaction(home.engine) as tx:
        for there in images.list_images(tx):
            same = (there.origin, there.name, there.state) == ("base", name, "available")
            if same and there.file is not None and there.file.digest == digest:
                if not home.file(there).is_file():
                    images.delete_image(tx, there.id)
                elif integrity.unchanged(home.file(there), digest):
                    return there
    return None
