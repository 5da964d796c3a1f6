"""How a finished disk from outside (an import, a base) becomes an image: its files and its record at once."""

from __future__ import annotations

from ..catalog import images
from ..catalog.images import Image, ImageFile, NewImage
from ..database.engine import transaction
from ..disks import shelf
from ..disks.formats import Written
from .home import Home


def register(home: Home, new: NewImage, written: Written, virtual_size: int, image_id: str) -> Image:
    """Move the files `ID.*` from the run folder where they were made to their place, and record the image.

    Of one that is killed before, the run folder is swept, and there never was a record.
    """
    name = f"images/{written.path.name}"
    file = ImageFile(name, written.format, written.size, virtual_size, written.digest)
    try:
        with transaction(home.engine) as tx:
            images.create_image(tx, new, image_id)
            image = images.mark_available(tx, image_id, file)
            for path in list(written.path.parent.glob(f"{image_id}.*")):
                path.rename(home.settings.images / path.name)
            shelf.sync(home.settings.images)
    except BaseException:
        home.remove_files(image_id)
        raise
    return image
