"""What is known of an image is kept under a name that says all it follows from."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from goldsmith.builds import systems
from goldsmith.builds.home import Home
from goldsmith.builds.systems import Facts
from goldsmith.catalog import images
from goldsmith.catalog.images import Image
from goldsmith.database.engine import transaction
from goldsmith.errors import GuestFailed
from goldsmith.guests import inspection
from goldsmith.guests.boot_entry import BootEntry
from goldsmith.guests.inspection import Root
from goldsmith.log import Log

from . import made

FACTS = Facts(Root("/dev/vda1", 1, "ext4", "", "systemd"), BootEntry("/vmlinuz"), None)


def kept(home: Home, facts: bytes) -> tuple[Image, Path]:
    """An image, and the cache's folder of it with this as its facts."""
    with transaction(home.engine) as tx:
        image = images.mark_available(tx, images.create_image(tx, made.NEW).id, made.FILE)
    folder = home.settings.kernels / systems.key_of(made.FILE.digest, [])
    folder.mkdir(parents=True)
    (folder / "facts.json").write_bytes(facts)
    (folder / "kernel").write_bytes(b"kernel")
    (folder / "initrd").write_bytes(b"")
    return image, folder


@pytest.fixture
def cached(opened: Home, tmp_path: Path) -> Home:
    """A home with a cache of its own."""
    return Home(type(opened.settings)(opened.settings.home, tmp_path / "cache"), opened.engine)


def test_what_was_looked_up_before_is_taken(cached: Home, tmp_path: Path) -> None:
    image, _ = kept(cached, msgspec.json.encode(FACTS))

    known = systems.of_image(cached, image, tmp_path, Log())

    assert known.facts == FACTS
    assert known.boot.kernel == b"kernel"


def test_facts_that_cannot_be_read_are_looked_up_anew(
    cached: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, folder = kept(cached, b'{"root"')
    (cached.settings.images / "disk.qcow2").touch()

    def fail(*_: object) -> None:
        raise GuestFailed("looked anew")

    monkeypatch.setattr(systems, "inspect", fail)
    with pytest.raises(GuestFailed, match="looked anew"):
        systems.of_image(cached, image, tmp_path, Log())

    assert not folder.exists()


def test_another_disk_kernel_or_initrd_has_other_facts() -> None:
    keys = [
        systems.key_of("sha256:1", []),
        systems.key_of("sha256:2", []),
        systems.key_of("sha256:1", ["sha256:3"]),
        systems.key_of("sha256:1", ["sha256:3", "sha256:4"]),
    ]

    assert len(set(keys)) == 4


def test_another_goldsmith_looks_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = systems.key_of("sha256:1", [])
    changed = tmp_path / "inspection.py"
    changed.write_text("changed")

    monkeypatch.setattr(inspection, "__file__", str(changed))

    assert systems.key_of("sha256:1", []) != before
