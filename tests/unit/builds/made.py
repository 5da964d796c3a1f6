"""Records and files of images for tests."""

from __future__ import annotations

from goldsmith.builds.home import Home
from goldsmith.catalog import builds, images
from goldsmith.catalog.builds import Build
from goldsmith.catalog.images import Image, ImageFile, NewImage
from goldsmith.database.engine import reading, transaction

NEW = NewImage(name="web", version="1.0.0", origin="build", architecture="x86_64", boot_modes=("bios",))
FILE = ImageFile("images/disk.qcow2", "qcow2", 4096, 4 << 30, "sha256:" + "0" * 64)


def building(home: Home, worker: str = "here") -> tuple[Build, Image]:
    """A build that writes its image: its first file is whole, the second is not."""
    with transaction(home.engine) as tx:
        build = builds.create_build(tx, "web", "1.0.0", None, worker)
        image = images.create_image(tx, NEW)
        build = builds.set_image(tx, build.id, image.id)
    for name in (f"{image.id}.qcow2", f"{image.id}.qcow2.sha256", f".{image.id}.vmdk.new"):
        (home.settings.images / name).write_bytes(b"disk")
    return build, image


def fail_tests(home: Home, image: Image) -> None:
    """As a build does whose tests say no: the image stays, with its file."""
    with transaction(home.engine) as tx:
        images.mark_failed(tx, image.id, "the tests say no", FILE)


def now(home: Home, build: Build, image: Image) -> tuple[str, str]:
    """The build's status and the image's state."""
    with reading(home.engine) as tx:
        return builds.get_build(tx, build.id).status, images.get_image(tx, image.id).state


def names(home: Home) -> list[str]:
    return sorted(path.name for path in home.settings.images.iterdir())
