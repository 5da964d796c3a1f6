"""The store of layers on small files; tests with real disks and several processes are integration's."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from goldsmith import clock
from goldsmith.disks import layer_files
from goldsmith.disks.chain import Chain
from goldsmith.disks.layers import Layer, Layers
from goldsmith.errors import Conflict, Invalid
from goldsmith.log import Event, Log
from goldsmith.settings import Settings
from tests import stores
from tests.stores import sealed


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return stores.settings(tmp_path)


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
def layers(home: Settings, told: list[Event]) -> Layers:
    return stores.store(home, log=Log(told.append))


@pytest.fixture
def three(layers: Layers, tmp_path: Path) -> tuple[Layer, Layer, Layer]:
    """Three layers, one on the other, by the keys `one`, `two`, `three`."""
    first = sealed(layers, tmp_path / "1", "Install", None, "one")
    second = sealed(layers, tmp_path / "2", "Configure", first, "two")
    return first, second, sealed(layers, tmp_path / "3", "Enable", second, "three")


def damage(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def test_a_key_finds_its_layer_and_the_chain_down_to_the_base(
    home: Settings, layers: Layers, three: tuple[Layer, Layer, Layer]
) -> None:
    found = stores.store(home, "later").find("three")

    assert found == three[2]
    assert layers.chain(three[2], Chain((Path("base"),), "raw")) == Chain(
        (Path("base"), *(home.layers / f"{each.digest[7:]}.qcow2" for each in three)), "raw"
    )


def test_a_record_says_what_the_layer_is(layers: Layers, tmp_path: Path) -> None:
    layer = layers.add(
        stores.disk(tmp_path / "new", b"content"), stores.new(network_bytes=7), {"residue": b"r"}
    )

    assert (layer.parent, layer.base, layer.network_bytes) == (stores.BASE, stores.BASE, 7)
    assert layer.virtual_size == 32 << 10
    assert layer.size == (tmp_path / "new").stat().st_blocks * 512
    assert layer.result.step == "Install"
    assert clock.now() - layer.made_at < timedelta(minutes=1)


def test_the_file_keeps_its_name_and_may_not_be_written_any_more(
    home: Settings, layers: Layers, tmp_path: Path
) -> None:
    layer = sealed(layers, tmp_path / "new")

    path = home.layers / f"{layer.digest[7:]}.qcow2"
    assert path.samefile(tmp_path / "new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o400


def test_what_lies_beside_a_layer_comes_back(layers: Layers, tmp_path: Path) -> None:
    layer = sealed(layers, tmp_path / "new", beside={"residue": b"left", "variables": b""})

    assert layers.beside(layer, "residue") == b"left"
    assert layers.beside(layer, "variables") == b""
    assert layers.beside(layer, "lost") is None


def test_what_is_altered_beside_a_layer_is_not_given_out(
    home: Settings, layers: Layers, tmp_path: Path
) -> None:
    layer = sealed(layers, tmp_path / "new", beside={"residue": b"left"})
    (home.layers / f"{layer.digest[7:]}.residue").write_bytes(b"lie")

    assert layers.beside(layer, "residue") is None


def test_what_is_laid_beside_a_layer_later_is_laid_once(layers: Layers, tmp_path: Path) -> None:
    layer = sealed(layers, tmp_path / "new")

    layers.put_beside(layer, "lost", b"first")
    layers.put_beside(layer, "lost", b"second")

    assert layers.beside(layer, "lost") == b"first"


def test_steps_that_leave_the_same_bytes_leave_two_layers(layers: Layers, tmp_path: Path) -> None:
    first = layers.add(stores.disk(tmp_path / "1"), stores.new("One"), {})
    other = layers.add(stores.disk(tmp_path / "2"), stores.new("Two"), {})

    assert first.content == other.content
    assert (layers.get(first.digest), layers.get(other.digest)) == (first, other)


def test_nothing_is_found_by_a_key_or_digest_that_nobody_made(layers: Layers, told: list[Event]) -> None:
    assert layers.find("none") is None
    assert layers.get("sha256:" + "0" * 64) is None
    assert told == []


def test_of_two_that_make_a_key_the_first_wins(layers: Layers, tmp_path: Path) -> None:
    first = sealed(layers, tmp_path / "1", key="key")

    second = layers.add(stores.disk(tmp_path / "2"), stores.new(), {})

    assert layers.name("key", second) == first
    assert layers.find("key") == first
    assert layers.get(second.digest) == second, "who lost goes on with its own"


def test_a_stale_layer_is_replaced_once(layers: Layers, tmp_path: Path) -> None:
    stale = sealed(layers, tmp_path / "1", key="key")
    fresh, late = (layers.add(stores.disk(tmp_path / name), stores.new(), {}) for name in ("2", "3"))

    assert layers.name("key", fresh, stale.digest) == fresh
    assert layers.name("key", late, stale.digest) == fresh, "another one was quicker"


@pytest.mark.parametrize(
    "torn", [b"", b"{", b'{"layer": "../../etc/passwd"}', b'{"layer": 1}', b'{"layer": "\xff"}']
)
def test_a_torn_key_finds_nothing_and_is_made_anew(
    home: Settings, layers: Layers, tmp_path: Path, torn: bytes
) -> None:
    (home.keys / "key").write_bytes(torn)

    assert layers.find("key") is None
    layer = sealed(layers, tmp_path / "1", key="key")

    assert layers.find("key") == layer


def test_a_key_whose_layer_was_removed_is_made_anew(home: Settings, layers: Layers, tmp_path: Path) -> None:
    gone = sealed(layers, tmp_path / "1", key="key")
    (home.layers / f"{gone.digest[7:]}.json").unlink()
    layer = layers.add(stores.disk(tmp_path / "2"), stores.new(), {})

    assert layers.name("key", layer) == layer


ALTERED = "its file was altered"


@pytest.mark.parametrize(
    ("suffix", "name", "what"),
    [
        ("qcow2", "nginx / build / Install", ALTERED),
        ("json", "{digest}", "its record is gone or damaged"),
    ],
)
def test_an_altered_layer_goes_with_what_stands_on_it(
    home: Settings,
    layers: Layers,
    three: tuple[Layer, Layer, Layer],
    told: list[Event],
    suffix: str,
    name: str,
    what: str,
) -> None:
    damage(home.layers / f"{three[0].digest[7:]}.{suffix}")

    assert layers.find("one") is None

    assert stores.messages(told) == [
        f"the layer of {name.format(digest=three[0].digest[7:19])} is damaged ({what}): it is made anew, "
        "with the 2 that stand on it"
    ]
    assert stores.names(home.layers) == stores.names(home.keys) == []
    assert layers.find("two") is None
    assert len(told) == 1


def test_what_is_altered_below_is_found_from_above(
    home: Settings, layers: Layers, three: tuple[Layer, Layer, Layer], told: list[Event]
) -> None:
    damage(home.layers / f"{three[1].digest[7:]}.qcow2")

    assert stores.store(home, "later", Log(told.append)).get(three[2].digest) is None

    assert stores.messages(told) == [
        "the layer of nginx / build / Configure is damaged (its file was altered): it is made anew, "
        "with the 1 that stands on it"
    ]
    assert stores.names(home.keys) == ["one"]
    assert layers.find("one") == three[0]


def test_a_layer_whose_file_is_gone_is_told(
    home: Settings, layers: Layers, tmp_path: Path, told: list[Event]
) -> None:
    layer = sealed(layers, tmp_path / "1", key="key")
    (home.layers / f"{layer.digest[7:]}.qcow2").unlink()

    assert layers.find("key") is None

    assert stores.messages(told) == [
        "the layer of nginx / build / Install is damaged (its file is gone): it is made anew"
    ]


def test_a_chain_that_lost_a_layer_meanwhile_is_told(
    home: Settings, layers: Layers, three: tuple[Layer, Layer, Layer]
) -> None:
    (home.layers / f"{three[0].digest[7:]}.json").unlink()

    with pytest.raises(Conflict) as caught:
        layers.chain(three[2], Chain((Path("base"),)))

    assert caught.value.message == (f"the layer {three[0].digest} is gone: another process found it damaged")
    assert caught.value.hint == "start the build again: what was damaged is made anew"


def test_what_is_found_and_added_is_noted_in_the_run_folder(
    home: Settings, layers: Layers, tmp_path: Path
) -> None:
    layer = sealed(layers, tmp_path / "1", key="key")
    assert layer.digest in (home.run / "build" / "layers").read_text().split()

    later = stores.store(home, "later")
    later.find("key")
    later.find("key")
    assert (home.run / "later" / "layers").read_text() == f"{layer.digest}\n"

    lost = stores.store(home, "lost")
    lost.name("key", lost.add(stores.disk(tmp_path / "2"), stores.new(), {}))
    assert layer.digest in (home.run / "lost" / "layers").read_text().split()


def test_a_key_that_is_used_is_young_again(home: Settings, layers: Layers, tmp_path: Path) -> None:
    sealed(layers, tmp_path / "1", key="key")
    os.utime(home.keys / "key", (1, 1))

    layers.find("key")

    assert clock.now().timestamp() - (home.keys / "key").stat().st_mtime < 60


def test_the_layers_that_a_step_left_are_told_newest_first(
    layers: Layers, three: tuple[Layer, Layer, Layer], tmp_path: Path
) -> None:
    newer = sealed(layers, tmp_path / "newer", "Configure")
    layers.add(stores.disk(tmp_path / "repeated"), stores.new("Configure", parts={}), {})

    assert layers.like("nginx", "build", "Configure") == [newer, three[1]]
    assert layers.like("nginx", "test", "Configure") == []


def test_a_file_that_is_no_disk_is_refused_and_leaves_nothing(
    home: Settings, layers: Layers, tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("no disk")

    with pytest.raises(Invalid):
        layers.add(tmp_path / "text", stores.new(), {})

    assert stores.names(home.layers) == []


def test_a_store_that_cannot_be_written_keeps_no_half_layer(
    home: Settings, layers: Layers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(layer_files, "write", full)

    with pytest.raises(OSError, match="No space left"):
        layers.add(stores.disk(tmp_path / "1"), stores.new(), {"residue": b"r"})

    assert stores.names(home.layers) == []


def test_a_file_that_is_still_written_to_is_refused(
    layers: Layers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = stores.disk(tmp_path / "1")
    digest = hashlib.file_digest

    def slow(read: Any, name: str) -> Any:
        found = digest(read, name)
        file.write_bytes(b"more")
        return found

    monkeypatch.setattr(hashlib, "file_digest", slow)

    with pytest.raises(Conflict) as caught:
        layers.add(file, stores.new(), {})

    assert caught.value.message == f"{file} changed while it was read"


def test_who_waits_for_gc_says_so(home: Settings, layers: Layers, told: list[Event]) -> None:
    finder = threading.Thread(target=layers.find, args=("key",))
    with layer_files.locked(home, Log(), alone=True):
        finder.start()
        while not told:
            finder.join(0.01)
    finder.join()

    assert stores.messages(told) == ["another goldsmith is clearing up the layers: waiting for it"]
