"""What gc takes from a home, and what it leaves; beside builds that run it is tested with real disks."""

from __future__ import annotations

import os
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path

import pytest

from goldsmith import clock
from goldsmith.disks import collect, kept, layer_files
from goldsmith.disks.garbage import Garbage, Known
from goldsmith.disks.layers import Layer
from goldsmith.log import Log
from goldsmith.settings import Settings
from tests import stores
from tests.stores import sealed

MONTH = timedelta(days=30)
DAY = 86400


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return stores.settings(tmp_path)


@pytest.fixture
def pair(home: Settings, tmp_path: Path) -> tuple[Layer, Layer]:
    """Two layers by the keys `one` and `two`, of a build that has ended."""
    layers = stores.store(home)
    first = sealed(layers, tmp_path / "1", "Install", None, "one")
    second = sealed(layers, tmp_path / "2", "Configure", first, "two")
    end_all(home, tmp_path)
    return first, second


def end_all(home: Settings, folder: Path) -> None:
    """The builds end, and what lay in their run folders goes."""
    for path in folder.iterdir():
        if path.is_file():
            path.unlink()
    for path in home.run.iterdir():
        stores.end(home, path.name)


def known(*bases: str) -> Known:
    return Known(bases or (stores.BASE,), ())


def look(home: Settings, unused: timedelta = MONTH, suspects: Collection[str] = ()) -> list[Garbage]:
    return collect.look(home, unused, known, Log(), suspects)


def told(found: list[Garbage]) -> list[tuple[str, str, str]]:
    return [(each.kind, each.name, each.reason) for each in found]


def name_of(layer: Layer) -> str:
    return f"{layer.digest[7:19]}  nginx / build / {layer.result.step}"


def age(path: Path, days: float) -> None:
    then = clock.now().timestamp() - days * DAY
    os.utime(path, (then, then))


def test_what_keys_name_stays_with_all_below(home: Settings, pair: tuple[Layer, Layer]) -> None:
    (home.keys / "one").unlink()

    assert look(home) == []


def test_keys_that_nobody_used_go_with_their_layers_the_upper_first(
    home: Settings, pair: tuple[Layer, Layer]
) -> None:
    for key in ("one", "two"):
        age(home.keys / key, 34)

    found = look(home)

    assert told(found) == [
        ("key", "one", "not used for 34 days"),
        ("key", "two", "not used for 34 days"),
        ("layer", name_of(pair[1]), "not used for 34 days"),
        ("layer", name_of(pair[0]), "not used for 34 days"),
    ]
    assert [each.size for each in found[2:]] == [
        sum(path.stat().st_blocks * 512 for path in layer_files.files_of(home, each.digest))
        for each in reversed(pair)
    ]


def test_what_was_shown_is_freed_and_nothing_is_left(home: Settings, pair: tuple[Layer, Layer]) -> None:
    for key in ("one", "two"):
        age(home.keys / key, 34)
    found = look(home)

    assert collect.free(home, MONTH, known, Log(), found) == found

    assert stores.names(home.layers) == stores.names(home.keys) == []
    assert look(home) == []


def test_a_layer_under_one_that_is_used_stays_though_its_own_key_goes(
    home: Settings, pair: tuple[Layer, Layer]
) -> None:
    age(home.keys / "one", 34)

    assert told(look(home)) == [("key", "one", "not used for 34 days")]


def test_the_layer_of_who_lost_a_race_goes_when_its_build_has_ended(
    home: Settings, pair: tuple[Layer, Layer], tmp_path: Path
) -> None:
    layers = stores.store(home)
    lost = layers.add(stores.disk(tmp_path / "3"), stores.new("Install"), {})
    layers.name("one", lost)
    assert look(home) == []

    end_all(home, tmp_path)

    assert told(look(home)) == [("layer", name_of(lost), "no key names it, and none that stands on it")]


def test_what_a_run_folder_names_stays_however_old_it_is(home: Settings, pair: tuple[Layer, Layer]) -> None:
    stores.store(home, "running").get(pair[1].digest)
    for key in ("one", "two"):
        age(home.keys / key, 400)

    assert look(home, timedelta()) == []


def test_a_layer_in_use_stays_also_when_its_record_is_damaged_under_who_uses_it(
    home: Settings, pair: tuple[Layer, Layer]
) -> None:
    stores.store(home, "running").get(pair[1].digest)
    layer_files.record_of(home, pair[0].digest).write_bytes(b"{}")

    assert look(home, timedelta()) == [], "the guest that runs on it reads its file"


def test_a_build_that_finds_a_layer_after_it_was_shown_keeps_it(
    home: Settings, pair: tuple[Layer, Layer]
) -> None:
    for key in ("one", "two"):
        age(home.keys / key, 34)
    found = look(home)

    stores.store(home, "running").find("two")
    freed = collect.free(home, MONTH, known, Log(), found)

    assert freed == []
    assert stores.store(home, "running").find("one") == pair[0]


def test_a_key_that_was_used_after_it_was_shown_stays(home: Settings, pair: tuple[Layer, Layer]) -> None:
    for key in ("one", "two"):
        age(home.keys / key, 34)
    found = look(home)

    age(home.keys / "two", 0)
    freed = collect.free(home, MONTH, known, Log(), found)

    assert told(freed) == [("key", "one", "not used for 34 days")]


def test_what_became_garbage_after_it_was_shown_stays(home: Settings, pair: tuple[Layer, Layer]) -> None:
    for key in ("one", "two"):
        age(home.keys / key, 34)

    assert collect.free(home, MONTH, known, Log(), []) == []

    assert stores.names(home.keys) == ["one", "two"]


def test_layers_on_a_base_that_is_no_image_any_more_go(home: Settings, pair: tuple[Layer, Layer]) -> None:
    found = collect.look(home, MONTH, lambda: known("sha256:other"), Log())

    reason = "no image has the base that it was made on"
    assert [(each.kind, each.reason) for each in found] == [("key", reason)] * 2 + [("layer", reason)] * 2


def test_torn_keys_and_keys_to_nowhere_go(home: Settings, pair: tuple[Layer, Layer]) -> None:
    (home.keys / "torn").write_bytes(b"")
    (home.keys / "nowhere").write_bytes(
        layer_files.key_file(pair[0]).replace(b"sha256:", b"sha256:0")[:-3] + b'"}'
    )

    assert told(look(home)) == [("key", "nowhere", "its layer is gone"), ("key", "torn", "it is torn")]


def test_what_sealing_left_half_done_goes_and_what_is_not_ours_stays(home: Settings) -> None:
    half = "ab" * 32
    for name in (
        f"{half}.qcow2",
        f"{half}.qcow2.facts",
        f"{half}.residue",
        f".{half}.json.1.new",
        "notes.txt",
    ):
        (home.layers / name).write_bytes(b"content")
    (home.keys / ".key.1.new").write_bytes(b"")

    found = look(home)

    assert told(found) == [
        ("torn file", half[:12], "it has no record: sealing it was interrupted"),
        ("torn file", f".{half}.json.1.new", "writing it was interrupted"),
        ("torn file", ".key.1.new", "writing it was interrupted"),
    ]
    collect.free(home, MONTH, known, Log(), found)
    assert stores.names(home.layers) == ["notes.txt"]
    assert stores.names(home.keys) == []


def test_damaged_layers_go_with_their_keys_and_what_stands_on_them(
    home: Settings, pair: tuple[Layer, Layer]
) -> None:
    layer_files.disk_of(home, pair[0].digest).unlink()

    assert told(look(home)) == [
        ("key", "one", "its layer is damaged"),
        ("key", "two", "its layer is damaged"),
        ("layer", name_of(pair[1]), "it stands on a damaged layer"),
        ("layer", name_of(pair[0]), "its file is gone"),
    ]


def test_a_layer_whose_record_is_damaged_is_a_torn_file(home: Settings, pair: tuple[Layer, Layer]) -> None:
    layer_files.record_of(home, pair[0].digest).write_bytes(b"{}")

    assert told(look(home)) == [
        ("key", "one", "its layer is gone"),
        ("key", "two", "its layer is damaged"),
        ("layer", name_of(pair[1]), "the layer that it stands on is gone"),
        ("torn file", pair[0].digest[7:19], "it has no record: sealing it was interrupted"),
    ]


def test_what_only_reading_all_of_it_finds_is_found_by_verify(
    home: Settings, pair: tuple[Layer, Layer]
) -> None:
    path = layer_files.disk_of(home, pair[1].digest)
    status = path.stat()
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(10_000)
        file.write(b"bad")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert look(home) == []

    altered = collect.verify(home)

    assert altered == [pair[1].digest]
    assert told(look(home, suspects=altered)) == [
        ("key", "two", "its layer is damaged"),
        ("layer", name_of(pair[1]), "its file was altered"),
    ]
    assert stores.store(home).find("two") is None, "also who reads not all of it knows now"


def test_an_altered_layer_that_was_made_anew_meanwhile_stays(
    home: Settings, pair: tuple[Layer, Layer]
) -> None:
    assert look(home, suspects=[pair[1].digest]) == []


def test_a_kept_disk_keeps_its_layers_until_it_is_old(
    home: Settings, pair: tuple[Layer, Layer], tmp_path: Path
) -> None:
    for key in ("one", "two"):
        (home.keys / key).unlink()
    kept.keep(home, Log(), "b1", stores.disk(tmp_path / "d"), pair[0].digest, stores.BASE, "")
    (tmp_path / "d").unlink()
    assert [each.kind for each in look(home)] == ["layer"]

    found = look(home, timedelta())

    assert told(found) == [
        ("kept disk", "b1", "kept 0 h ago"),
        ("layer", name_of(pair[1]), "no key names it, and none that stands on it"),
        ("layer", name_of(pair[0]), "no key names it, and none that stands on it"),
    ]
    collect.free(home, timedelta(), known, Log(), found)
    assert stores.names(home.kept) == stores.names(home.layers) == []


def test_a_kept_disk_that_somebody_looks_into_stays(home: Settings, tmp_path: Path) -> None:
    kept.keep(home, Log(), "b1", stores.disk(tmp_path / "d"), stores.BASE, stores.BASE, "k")
    (home.run / "shell").mkdir()

    found = kept.find(home, Log(), "b1", home.run / "shell" / "layers")

    assert found is not None
    assert (found.below, found.base, found.kernel) == (stores.BASE, stores.BASE, "k")
    assert look(home, timedelta()) == []
    stores.end(home, "shell")
    assert [each.kind for each in look(home, timedelta())] == ["kept disk"]


def test_a_build_that_kept_no_disk_has_none(home: Settings) -> None:
    (home.run / "shell").mkdir()

    assert kept.find(home, Log(), "b1", home.run / "shell" / "layers") is None


def test_a_kept_disk_without_its_record_goes(home: Settings) -> None:
    (home.kept / "b1.qcow2").write_bytes(b"")

    assert told(look(home)) == [("torn file", "b1.qcow2", "it has no record: keeping it was interrupted")]


def test_kernels_stay_while_a_layer_boots_them_or_a_build_runs(home: Settings, tmp_path: Path) -> None:
    for name in ("used", "other"):
        (home.home_kernels / name).mkdir()
        (home.home_kernels / name / "kernel").write_bytes(b"k" * 5000)
    layers = stores.store(home)
    layers.name("key", layers.add(stores.disk(tmp_path / "1"), stores.new(kernel="used"), {}))
    assert look(home) == []

    end_all(home, tmp_path)
    found = look(home)

    assert found == [Garbage("kernel", "other", 8192, "no layer boots it", (home.home_kernels / "other",))]
    collect.free(home, MONTH, known, Log(), found)
    assert stores.names(home.home_kernels) == ["used"]


def test_what_has_another_name_elsewhere_frees_nothing(
    home: Settings, pair: tuple[Layer, Layer], tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").hardlink_to(layer_files.disk_of(home, pair[1].digest))
    age(home.keys / "two", 34)

    (layer,) = (each for each in look(home) if each.kind == "layer")

    whole = sum(path.stat().st_blocks * 512 for path in layer_files.files_of(home, pair[1].digest))
    assert layer.size == whole - (tmp_path / "elsewhere").stat().st_blocks * 512
