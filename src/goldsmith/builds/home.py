"""The home that everything is kept in, opened once by each process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from ..catalog.builds import mark_dead_builds
from ..catalog.images import Image
from ..database.engine import transaction
from ..database.opening import open_database
from ..disks.chain import Chain
from ..errors import Conflict
from ..guests import runs
from ..settings import Settings


@dataclass(frozen=True)
class Home:
    settings: Settings
    engine: Engine

    def disk(self, image: Image) -> Chain:
        """The image's file, for reading. Raises Conflict: somebody removed it."""
        path = self.file(image)
        if not path.is_file():
            raise Conflict(
                f"the file of image {image.name} is gone: {path}",
                hint=f"`goldsmith image delete {image.id}` forgets it",
                code="image-file-missing",
            )
        return Chain((path,))

    def file(self, image: Image) -> Path:
        """Where the image's file is. Raises Conflict: it never had one."""
        if image.file is None:
            raise Conflict(f"image {image.name} has no file: it is {image.state}", code="image-file-missing")
        return self.settings.home / image.file.path

    def beside(self, image_id: str, what: str) -> Path:
        """A file that goes with an image: its `kernel` or `initrd` where it boots no other way."""
        return self.settings.images / f"{image_id}.{what}"


def open_home(settings: Settings) -> Home:
    """Open the database, and clear up after processes that died.

    Raises HostLack, Conflict (a newer goldsmith wrote it).
    """
    runs.sweep(settings)
    engine = open_database(settings.database)
    with transaction(engine) as tx:
        dead = mark_dead_builds(tx)
    for build in dead:
        for left in settings.images.glob(f"{build.image_id}.*") if build.image_id else ():
            left.unlink()
    return Home(settings, engine)
