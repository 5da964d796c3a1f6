"""`goldsmith image bootstrap`: a base made here becomes an image of its own family."""

from __future__ import annotations

from .. import clock
from ..catalog import images
from ..catalog.images import Image, ImageFile, NewImage
from ..database.engine import transaction
from ..disks import bases, files
from ..log import Log
from .home import Home


def bootstrap(home: Home, name: str, log: Log, *, refresh: bool = False) -> Image:
    """Make a base (`debian-12`, …) or take the one made today, and register it.

    Raises NotFound: no such base. HostLack: a tool, the network or disk space is missing.
    """
    made = bases.make_base(name, home.settings, log, refresh=refresh)
    digest = f"sha256:{made.digest}"
    with transaction(home.engine) as tx:
        for there in images.list_images(tx):
            if (
                there.origin == "base"
                and there.file
                and there.file.digest == digest
                and there.state == "available"
            ):
                if home.file(there).is_file():
                    return there
                images.delete_image(tx, there.id)
        new = NewImage(
            name=name,
            version=clock.now().strftime("%Y.%-m.%-d"),
            origin="base",
            architecture="x86_64",
            boot_modes=("bios", "uefi"),
            family=name,
        )
        image = images.create_image(tx, new)
    path = home.settings.images / f"{image.id}.qcow2"
    files.share(made.disk, path)
    file = ImageFile(f"images/{path.name}", "qcow2", path.stat().st_size, made.size, digest)
    with transaction(home.engine) as tx:
        return images.mark_available(tx, image.id, file)
