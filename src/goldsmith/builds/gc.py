"""`goldsmith gc`: what of the home and the cache nothing needs any more, shown first and then freed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from ..catalog import images
from ..catalog.images import Image
from ..database.engine import reading
from ..disks import collect, files, integrity
from ..disks.garbage import Garbage, Known
from ..log import Log
from . import systems
from .home import Home

#: How long a key stays without being used.
UNUSED = timedelta(days=30)


@dataclass(frozen=True)
class Altered:
    """An image's file that is not what it was when the image was made."""

    image: Image
    path: Path


@dataclass(frozen=True)
class Found:
    """What could be freed, and layers and files of images whose bytes are not those they were sealed with."""

    garbage: list[Garbage]
    layers: Collection[str] = ()
    images: tuple[Altered, ...] = ()


def look(home: Home, unused: timedelta, log: Log, *, verify: bool = False) -> Found:
    """What could be freed. `verify` reads all layers and images, and so also finds what was altered."""
    layers: Collection[str] = ()
    altered: tuple[Altered, ...] = ()
    if verify:
        with log.task("read the layers"):
            layers = collect.verify(home.settings)
        if layers:
            log.warning(
                f"{len(layers)} of the layers were altered, by a failing disk or another program; those "
                "that a build uses stay until it has ended"
            )
        with log.task("read the images"):
            altered = tuple(_altered(home))
    found = collect.look(home.settings, unused, lambda: _known(home), log, layers)
    return Found(found, layers, altered)


def free(home: Home, found: Found, unused: timedelta, log: Log) -> list[Garbage]:
    """Free what was found and is garbage still; returns that."""
    return collect.free(home.settings, unused, lambda: _known(home), log, found.garbage, found.layers)


def _known(home: Home) -> Known:
    there = [image for image in _with_files(home) if home.file(image).is_file()]
    return Known(
        bases={image.file.digest for image in there if image.file is not None},
        systems={systems.key_of_image(home, image) for image in there},
    )


def _altered(home: Home) -> list[Altered]:
    """Only what lies beside it with a digest of its own: of a kernel nobody noted one."""
    altered = []
    for image in _with_files(home):
        assert image.file is not None
        own = home.file(image)
        for path in home.files(image.id):
            noted = image.file.digest if path == own else files.noted_digest(path)
            if noted is not None and not integrity.verify(path, noted):
                altered.append(Altered(image, path))
    return altered


def _with_files(home: Home) -> list[Image]:
    with reading(home.engine) as tx:
        return [image for image in images.list_images(tx) if image.file is not None]
