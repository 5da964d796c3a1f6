"""Which folder of the cache is a base, with an archive that says what the test wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from goldsmith import ids
from goldsmith.disks import basedisk, bases, integrity, rootfs
from goldsmith.log import Event, Log, Message
from goldsmith.settings import Settings
from tests import stores


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return stores.settings(tmp_path)


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the state of the archive; each disk made from it has names of its own, as real ones have."""
    state = "A"

    @contextmanager
    def tar(*_: object) -> Iterator[None]:
        yield None

    def make(_: None, folder: Path, __: object) -> None:
        (folder / "disk.qcow2").write_text(f"{state} {ids.new_id()}")
        (folder / "release").write_text(state)

    def become(new: str) -> None:
        nonlocal state
        state = new

    monkeypatch.setattr(rootfs, "base_tar", tar)
    monkeypatch.setattr(basedisk, "make", make)
    monkeypatch.setattr(basedisk, "check_tools", lambda: None)
    monkeypatch.setattr(bases, "ROOM", 0)
    return become


def test_a_disk_stays_while_the_archive_does(home: Settings, archive: Callable[[str], None]) -> None:
    first = bases.make_base("debian-12", home, Log())

    assert bases.make_base("debian-12", home, Log(), refresh=True) == first


def test_an_archive_that_goes_back_gives_the_disk_of_before(
    home: Settings, archive: Callable[[str], None]
) -> None:
    made = []
    for state in "ABA":
        archive(state)
        made.append(bases.make_base("debian-12", home, Log(), refresh=True))

    assert made[0] == made[2] != made[1]
    assert made[0].disk.read_text().startswith("A ")
    assert integrity.unchanged(made[0].disk, f"sha256:{made[0].digest}")


def test_an_archive_that_goes_back_to_a_disk_that_was_altered_gives_a_new_one(
    home: Settings, archive: Callable[[str], None]
) -> None:
    first = bases.make_base("debian-12", home, Log())
    archive("B")
    bases.make_base("debian-12", home, Log(), refresh=True)
    first.disk.write_text("altered")
    archive("A")

    again = bases.make_base("debian-12", home, Log(), refresh=True)

    assert again.disk == first.disk
    assert again.digest != first.digest
    assert integrity.unchanged(again.disk, f"sha256:{again.digest}")


def test_an_altered_disk_is_made_anew_and_told(home: Settings, archive: Callable[[str], None]) -> None:
    told: list[Event] = []
    first = bases.make_base("debian-12", home, Log())
    first.disk.write_text("altered")

    again = bases.make_base("debian-12", home, Log(told.append))

    assert again.disk.read_text().startswith("A ")
    assert again.digest != first.digest
    assert [event.text for event in told if isinstance(event, Message)] == [
        "the cached disk of debian-12 was altered: it is made anew"
    ]
    assert bases.make_base("debian-12", home, Log()) == again
