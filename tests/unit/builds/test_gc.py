"""What gc knows of images, and what it finds of them; the home's own garbage is told by tests of disks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace as changed

from goldsmith import clock, ids
from goldsmith.builds import gc, systems
from goldsmith.builds.bases import bootstrap
from goldsmith.builds.home import Home, open_home
from goldsmith.catalog import images
from goldsmith.catalog.images import Image, ImageFile
from goldsmith.database.engine import reading, transaction
from goldsmith.disks import bases, files
from goldsmith.log import Event, Log
from tests import stores

from . import made

MONTH = timedelta(days=30)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Home]:
    opened = open_home(stores.settings(tmp_path))
    yield opened
    opened.engine.dispose()


def image(home: Home, name: str = "web") -> Image:
    """An available image with a file of its own."""
    path = home.settings.images / f"{ids.new_id()}.qcow2"
    path.write_bytes(name.encode() * 1000)
    digest = files.digest(path)
    with transaction(home.engine) as tx:
        new = images.create_image(tx, changed(made.NEW, name=name), path.stem)
        return images.mark_available(
            tx, new.id, ImageFile(f"images/{path.name}", "qcow2", 4096, 4 << 30, digest)
        )


def layer_on(home: Home, base: Image, folder: Path) -> None:
    """A layer on an image, by a key, of a build that has ended."""
    assert base.file is not None
    layers = stores.store(home.settings)
    digest = base.file.digest
    layer = layers.add(stores.disk(folder / "1"), stores.new(parent=digest, base=digest), {})
    layers.name("key", layer)
    (folder / "1").unlink()
    stores.end(home.settings)


def test_layers_stay_while_their_base_is_an_image(opened: Home, tmp_path: Path) -> None:
    base = image(opened)
    layer_on(opened, base, tmp_path)
    assert gc.look(opened, MONTH, Log()).garbage == []

    with transaction(opened.engine) as tx:
        images.delete_image(tx, base.id)
    opened.remove_files(base.id)
    found = gc.look(opened, MONTH, Log())

    assert [each.kind for each in found.garbage] == ["key", "layer"]
    assert gc.free(opened, found, MONTH, Log()) == found.garbage
    assert stores.names(opened.settings.layers) == []


def test_an_image_that_is_imported_again_before_gc_frees_keeps_its_layers(
    opened: Home, tmp_path: Path
) -> None:
    base = image(opened)
    layer_on(opened, base, tmp_path)
    with transaction(opened.engine) as tx:
        images.delete_image(tx, base.id)
    found = gc.look(opened, MONTH, Log())

    image(opened)

    assert gc.free(opened, found, MONTH, Log()) == []


def test_what_was_looked_up_for_an_image_stays_with_it(opened: Home) -> None:
    there = image(opened)
    for name in (systems.key_of_image(opened, there), "system-" + "0" * 32):
        folder = opened.settings.kernels / name
        folder.mkdir()
        then = clock.now().timestamp() - 31 * 86400
        os.utime(folder, (then, then))

    assert [each.name for each in gc.look(opened, MONTH, Log()).garbage] == ["system-" + "0" * 32]


def test_verify_finds_altered_files_of_images(opened: Home) -> None:
    there = image(opened)
    assert there.file is not None
    image(opened, "other")
    path = opened.file(there)
    vmdk = path.with_suffix(".vmdk")
    vmdk.write_bytes(b"vmdk")
    files.write_digest(vmdk, files.digest(vmdk))
    path.with_suffix(".kernel").write_bytes(b"nobody noted its digest")
    assert gc.look(opened, MONTH, Log(), verify=True).images == ()

    for each in (path, vmdk):
        each.write_bytes(b"altered")

    assert gc.look(opened, MONTH, Log(), verify=True).images == (
        gc.Altered(there, path),
        gc.Altered(there, vmdk),
    )
    assert gc.look(opened, MONTH, Log()).images == ()


def test_verify_says_how_many_layers_were_altered(opened: Home, tmp_path: Path) -> None:
    layer_on(opened, image(opened), tmp_path)
    (disk,) = opened.settings.layers.glob("*.qcow2")
    disk.chmod(0o600)
    disk.write_bytes(b"altered")
    told: list[Event] = []

    found = gc.look(opened, MONTH, Log(told.append), verify=True)

    assert [(each.kind, each.reason) for each in found.garbage] == [
        ("key", "its layer is damaged"),
        ("layer", "its file was altered"),
    ]
    assert stores.messages(told) == [
        "1 of the layers were altered, by a failing disk or another program; those that a build uses stay "
        "until it has ended"
    ]


def test_an_altered_image_of_a_base_does_not_stand_for_it(
    opened: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = opened.settings.cache / "disk.qcow2"
    disk.parent.mkdir(exist_ok=True)
    disk.write_bytes(b"disk")
    base = bases.BaseDisk("debian-12", disk, disk, disk, 4 << 30, files.digest(disk)[7:])
    monkeypatch.setattr(bases, "make_base", lambda *_, **__: base)
    monkeypatch.setattr(files, "share", files.copy)  # another file system
    first = bootstrap(opened, "debian-12", Log())
    assert bootstrap(opened, "debian-12", Log()) == first

    opened.file(first).write_bytes(b"altered")
    again = bootstrap(opened, "debian-12", Log())

    assert again.id != first.id
    with reading(opened.engine) as tx:
        assert images.get_image(tx, first.id).state == "available"
    assert opened.file(again).read_bytes() == b"disk"
