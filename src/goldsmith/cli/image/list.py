"""`goldsmith image list`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import clock
from ..options import Json
from ..text import age, size

if TYPE_CHECKING:
    from ...catalog.images import Image

HEADING = ("ID", "NAME", "FAMILY", "STATE", "SIZE", "DISK", "AGE")


def list_(json: Json = False) -> None:
    """List all images, the newest first."""
    from ..session import opened_home, session

    with session(json) as out:
        from ...catalog.images import list_images
        from ...database.engine import reading
        from .words import as_json

        with opened_home() as home:
            with reading(home.engine) as tx:
                images = list_images(tx)
        out.result({"images": [as_json(home, image) for image in images]})
        if images:
            out.table([HEADING, *map(_row, images)])
        else:
            out.say("there are no images yet: `goldsmith image bootstrap debian-12` makes a base")


def _row(image: Image) -> tuple[str, ...]:
    file = image.file
    return (
        image.id,
        f"{image.name}/{image.version}",
        image.family or "-",
        image.state,
        size(file.size) if file else "-",
        size(file.virtual_size) if file else "-",
        age((clock.now() - image.created_at).total_seconds()),
    )
