"""What gc takes from the cache."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from goldsmith import clock
from goldsmith.disks import collect, kernels, shelf
from goldsmith.disks.bases import Record
from goldsmith.disks.garbage import Garbage, Known
from goldsmith.log import Log
from goldsmith.settings import Settings
from tests import stores

MONTH = timedelta(days=30)
OLD, NEW = "a" * 32, "b" * 32


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return stores.settings(tmp_path)


def look(home: Settings, *systems: str) -> list[Garbage]:
    return collect.look(home, MONTH, lambda: Known((), systems), Log())


def told(found: list[Garbage]) -> list[tuple[str, str, str]]:
    return [(each.kind, each.name, each.reason) for each in found]


def folder(path: Path, days: float = 0) -> Path:
    path.mkdir()
    (path / "disk.qcow2").write_bytes(b"d" * 5000)
    aged(path, days)
    return path


def aged(path: Path, days: float) -> None:
    then = clock.now().timestamp() - days * 86400
    os.utime(path, (then, then))


def pointer(home: Settings, key: str, base: str, days: float) -> None:
    """A recipe whose last bootstrap, so many days ago, left this folder."""
    made = clock.now() - timedelta(days=days)
    path = home.bases / f"{key}.json"
    path.write_bytes(msgspec.json.encode(Record(base, made, "0" * 64)))
    aged(path, days)


def test_a_base_goes_when_a_newer_one_took_its_place(home: Settings) -> None:
    folder(home.bases / OLD)
    folder(home.bases / NEW)
    pointer(home, "key", NEW, days=1)

    found = look(home)

    assert found == [Garbage("base", OLD, 8192, "a newer one took its place", (home.bases / OLD,))]
    collect.free(home, MONTH, lambda: Known((), ()), Log(), found)
    assert stores.names(home.bases) == [".key.lock", NEW, "key.json"]


def test_a_base_that_was_just_replaced_stays_for_who_was_given_it(home: Settings) -> None:
    folder(home.bases / OLD)
    folder(home.bases / NEW)
    pointer(home, "key", NEW, days=0)

    assert look(home) == []


def test_no_base_is_taken_while_one_is_made(home: Settings) -> None:
    folder(home.bases / OLD)
    folder(home.bases / NEW)
    pointer(home, "key", NEW, days=40)

    with shelf.locked(home.bases, "key", Log()), shelf.aside(home.bases, "key"):
        assert look(home) == []


def test_a_base_that_nobody_asked_for_goes_with_what_points_to_it(home: Settings) -> None:
    folder(home.bases / OLD)
    pointer(home, "key", OLD, days=31)
    folder(home.bases / NEW)
    pointer(home, "other", NEW, days=29)

    found = look(home)

    assert told(found) == [
        ("base", OLD, "made 31 days ago"),
        ("lock", ".key.lock", "it leads to nothing"),
    ]
    collect.free(home, MONTH, lambda: Known((), ()), Log(), found)
    assert stores.names(home.bases) == [".other.lock", NEW, "other.json"]


def test_what_a_killed_bootstrap_left_goes(home: Settings) -> None:
    folder(home.bases / ".key.new")
    (home.bases / ".key.lock").touch()

    found = look(home)

    assert told(found) == [
        ("torn file", ".key.new", "making it was interrupted"),
        ("lock", ".key.lock", "it leads to nothing"),
    ]
    collect.free(home, MONTH, lambda: Known((), ()), Log(), found)
    assert stores.names(home.bases) == []


def test_old_kernels_of_other_versions_and_of_images_that_are_gone_go(home: Settings) -> None:
    systems = [f"system-{letter * 32}" for letter in "cd"]
    for name in (OLD, kernels.key(), *systems):
        folder(home.kernels / name, days=31)
    folder(home.kernels / NEW, days=29)
    folder(home.kernels / "somebody's", days=31)

    found = look(home, systems[0])

    assert told(found) == [
        ("kernel", OLD, "another version of goldsmith fetched it, 31 days ago"),
        ("kernel", systems[1], "no image here has the system that it was read from, 31 days ago"),
    ]


def test_a_lock_stays_while_there_is_something_behind_it(home: Settings) -> None:
    folder(home.kernels / kernels.key())
    (home.kernels / f".{kernels.key()}.lock").touch()
    (home.kernels / f".{OLD}.lock").touch()

    assert told(look(home)) == [("lock", f".{OLD}.lock", "it leads to nothing")]


def test_nothing_in_a_fresh_home_and_cache_is_garbage(home: Settings) -> None:
    assert look(home) == []
