"""The home that everything is kept in, opened once by each process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from ..catalog.builds import mark_dead_builds
from ..catalog.images import Image
from ..database.engine import transaction
from ..database.opening import open_database
from ..disks import files, integrity
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

    def share_beside(self, image_id: str, other_id: str) -> None:
        """Give another image the kernel and initrd that go with an image, where it has some."""
        for what in ("kernel", "initrd"):
            if (path := self.beside(image_id, what)).exists():
                files.share(path, self.beside(other_id, what))

    def files(self, image_id: str) -> list[Path]:
        """An image's files: the disk in each format, a kernel and initrd; not what is noted of them."""
        found = self.settings.images.glob(f"{image_id}.*")
        noted = (files.DIGEST_SUFFIX, integrity.FACTS_SUFFIX)
        return sorted(path for path in found if path.suffix not in noted)

    def remove_files(self, image_id: str) -> int:
        """Remove all files of an image, also half-written ones, and say how many bytes that frees.

        A file that has another name elsewhere (a base's, in the cache) frees nothing.
        """
        freed = 0
        for pattern in (f"{image_id}.*", f".{image_id}.*"):
            for path in self.settings.images.glob(pattern):
                status = path.stat()
                freed += status.st_blocks * 512 if status.st_nlink == 1 else 0
                path.unlink()
        return freed


def open_home(settings: Settings) -> Home:
    """Open the database, and clear up after processes that died.

    Raises HostLack, Conflict (a newer goldsmith wrote it).
    """
    runs.sweep(settings)
    home = Home(settings, open_database(settings.database))
    with transaction(home.engine) as tx:
        # A build's worker is its run folder, and the sweep took those that nobody holds any more.
        dead = mark_dead_builds(tx, lambda worker: (settings.run / worker).is_dir())
        # Before the records are final: whoever opens the home next does it again if this ends here.
        for image_id in dead.image_ids:
            home.remove_files(image_id)
    return home
