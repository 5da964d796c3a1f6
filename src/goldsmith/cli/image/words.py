"""What is told of an image, for people and for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ..text import size

if TYPE_CHECKING:
    from ...builds.home import Home
    from ...catalog.images import Image
    from ..session import Session


def as_json(home: Home, image: Image) -> dict[str, Any]:
    """The image's fields, as `path` where its file lies (None: it has none), and as `files` all it has.

    The `format` of a file is that of the disk, or `kernel` or `initrd` for what lies beside one.
    """
    path = str(home.settings.home / image.file.path) if image.file else None
    files = [{"format": each.suffix[1:], "path": str(each)} for each in home.files(image.id)]
    return {**msgspec.to_builtins(image), "path": path, "files": files}


def tell_new(home: Home, image: Image, out: Session) -> None:
    """A finished image: what it is, how to boot it, and last, on a line of its own, its path."""
    out.facts(summary(image))
    out.result({"image": as_json(home, image)})
    out.say(str(home.file(image)))


def summary(image: Image) -> list[tuple[str, str]]:
    rows = [("image", f"{image.name}/{image.version}"), ("id", image.id)]
    if image.file is not None:
        rows += [
            ("size", f"{size(image.file.size)}, a disk of {size(image.file.virtual_size)}"),
            ("digest", image.file.digest),
        ]
    return [*rows, ("boot it", f"goldsmith image boot {image.id}")]
