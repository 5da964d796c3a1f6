"""The store with real disks and several processes: nothing is lost, and nothing wrong is found."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from goldsmith.disks import collect, layer_files, overlay
from goldsmith.disks.chain import Chain
from goldsmith.disks.garbage import Known
from goldsmith.disks.layers import Layer
from goldsmith.errors import HostLack
from goldsmith.log import Event, Log
from goldsmith.settings import Settings
from tests import sealing, stores
from tests.sealing import STEPS, building

processes = multiprocessing.get_context("fork")


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return stores.settings(tmp_path)


@pytest.fixture
def base(home: Settings) -> Chain:
    return sealing.base(home)


@pytest.fixture
def built(home: Settings, base: Chain) -> Layer:
    """The top of three layers, of a build that has ended."""
    with building(home) as build:
        return build.run()


def build_again(home: Settings, told: list[Event] | None = None) -> tuple[int, Layer]:
    """How many steps ran, and the top."""
    with building(home, Log(told.append) if told is not None else None) as build:
        top = build.run()
        return build.ran, top


def chain(home: Settings, base: Chain, top: Layer) -> Chain:
    return stores.store(home, "reader").chain(top, base)


def alter(path: Path, at: int) -> None:
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xee" * 512)


def join(*started: multiprocessing.process.BaseProcess) -> None:
    for each in started:
        each.join()
    assert [each.exitcode for each in started] == [0] * len(started)


def test_an_unchanged_build_runs_nothing_and_shows_the_same_disk(
    home: Settings, base: Chain, built: Layer, tmp_path: Path
) -> None:
    ran, top = build_again(home)

    assert (ran, top) == (0, built)
    assert stores.content(chain(home, base, top), tmp_path)[:5] == bytes([0, 1, 2, 3, 0])


def test_a_running_chain_goes_on_by_the_name_that_its_file_had(
    home: Settings, base: Chain, tmp_path: Path
) -> None:
    file = stores.written(tmp_path / "step.qcow2", 1, 7)
    layers = stores.store(home)

    layer = layers.add(file, stores.new(), {})
    overlay.create(tmp_path / "next.qcow2", stores.SIZE)

    running = base.over(file).over(tmp_path / "next.qcow2")
    assert stores.content(running, tmp_path) == stores.content(layers.chain(layer, base), tmp_path)


@pytest.mark.parametrize(
    ("harm", "what"),
    [
        (lambda path: os.truncate(path, path.stat().st_size - 65536), "its file was altered"),
        (lambda path: os.truncate(path, 0), "its file was altered"),
        (lambda path: alter(path, 5 << 16), "its file was altered"),
        (lambda path: alter(path, 0), "its file was altered"),
        (lambda path: path.unlink(), "its file is gone"),
    ],
    ids=["torn", "empty", "data altered", "header altered", "gone"],
)
@pytest.mark.parametrize("step", STEPS)
def test_a_damaged_layer_is_found_and_made_anew_with_what_stands_on_it(
    home: Settings,
    base: Chain,
    built: Layer,
    tmp_path: Path,
    harm: Callable[[Path], None],
    what: str,
    step: int,
) -> None:
    reader = stores.store(home, "reader")
    below = {layer.result.step: layer for layer in layer_files.read_all(home).values()}
    layer = below[f"Step{step}"]
    path = layer_files.disk_of(home, layer.digest)
    path.chmod(0o600)
    harm(path)
    told: list[Event] = []

    ran, top = build_again(home, told)

    above = len(STEPS) - step
    more = f", with the {above} that {'stands' if above == 1 else 'stand'} on it" if above else ""
    name = f"nginx / build / Step{step}"
    assert stores.messages(told) == [f"the layer of {name} is damaged ({what}): it is made anew{more}"]
    assert ran == above + 1
    assert stores.content(reader.chain(top, base), tmp_path)[:5] == bytes([0, 1, 2, 3, 0])
    assert build_again(home)[0] == 0


def test_a_base_that_is_gone_takes_its_layers_along_at_the_next_gc(home: Settings, built: Layer) -> None:
    for path in home.run.iterdir():
        stores.end(home, path.name)

    found = collect.look(home, timedelta(days=30), lambda: Known((), ()), Log())
    collect.free(home, timedelta(days=30), lambda: Known((), ()), Log(), found)

    assert stores.names(home.layers) == stores.names(home.keys) == []


def race(home: Settings, start: Path, result: Path) -> None:
    """Seal the same step as others do, at the same moment, and go on from what the key names."""
    with building(home) as build:
        while not start.exists():
            time.sleep(0.001)
        top = build.run()
        layers = build.layers
        result.write_bytes(stores.content(layers.chain(top, sealing.base(home)), result.parent)[:5])
        named = layers.find(sealing.key_of(stores.BASE, STEPS[0]))
        assert named is not None
        result.with_suffix(".named").write_text(named.digest)


def test_of_two_processes_in_a_race_for_a_key_each_goes_on_rightly(
    home: Settings, base: Chain, tmp_path: Path
) -> None:
    results = [tmp_path / f"{number}" / "result" for number in range(2)]
    for result in results:
        result.parent.mkdir()
    racing = [processes.Process(target=race, args=(home, tmp_path / "start", each)) for each in results]
    for each in racing:
        each.start()
    (tmp_path / "start").touch()
    join(*racing)

    assert [each.read_bytes() for each in results] == [bytes([0, 1, 2, 3, 0])] * 2
    assert len({each.with_suffix(".named").read_text() for each in results}) == 1
    assert build_again(home)[0] == 0


def test_of_many_that_replace_a_stale_layer_one_wins(home: Settings, base: Chain, tmp_path: Path) -> None:
    layers = stores.store(home)
    stale = stores.sealed(layers, tmp_path / "stale", key="key")
    together = processes.Barrier(5)

    def replace(number: int) -> None:
        mine = stores.store(home, f"build-{number}")
        layer = mine.add(stores.disk(tmp_path / f"{number}"), stores.new(f"Step{number}"), {})
        together.wait()
        (tmp_path / f"{number}.won").write_text(mine.name("key", layer, stale.digest).digest)

    racing = [processes.Process(target=replace, args=(number,)) for number in range(5)]
    for each in racing:
        each.start()
    join(*racing)

    won = {(tmp_path / f"{number}.won").read_text() for number in range(5)}
    found = layers.find("key")
    assert found is not None
    assert won == {found.digest}
    assert found != stale


def build_on_and_on(home: Settings, number: int, rounds: int) -> None:
    """Builds that share their first two steps with others and have a third of their own."""
    for turn in range(rounds):
        with building(home) as build:
            top = build.run((1, 2, 3 + (number + turn) % 3))
            for path in build.layers.chain(top, sealing.base(home)).files:
                assert path.exists(), f"{path} was taken from a build that runs"
            assert build.layers.get(top.digest) == top


def clear_up_on_and_on(home: Settings, stop: Path) -> None:
    """The hardest gc: nothing may be old."""
    while not stop.exists():
        nothing = timedelta()
        found = collect.look(home, nothing, lambda: Known([stores.BASE], ()), Log())
        collect.free(home, nothing, lambda: Known([stores.BASE], ()), Log(), found)


def test_gc_beside_builds_that_seal_takes_nothing_that_they_use(
    home: Settings, base: Chain, tmp_path: Path
) -> None:
    collector = processes.Process(target=clear_up_on_and_on, args=(home, tmp_path / "stop"))
    builders = [processes.Process(target=build_on_and_on, args=(home, number, 4)) for number in range(3)]
    for each in (collector, *builders):
        each.start()
    for each in builders:
        each.join()
    (tmp_path / "stop").touch()
    collector.join()

    assert [each.exitcode for each in (collector, *builders)] == [0] * 4
    found = collect.look(home, timedelta(), lambda: Known([stores.BASE], ()), Log())
    collect.free(home, timedelta(), lambda: Known([stores.BASE], ()), Log(), found)
    assert stores.names(home.layers) == stores.names(home.keys) == []


def test_many_builds_at_once_leave_each_key_one_layer_and_lose_none(
    home: Settings, base: Chain, tmp_path: Path
) -> None:
    builders = [processes.Process(target=build_on_and_on, args=(home, number, 1)) for number in range(6)]
    for each in builders:
        each.start()
    join(*builders)

    month = timedelta(days=30)
    found = collect.look(home, month, lambda: Known([stores.BASE], ()), Log())
    collect.free(home, month, lambda: Known([stores.BASE], ()), Log(), found)

    layers = layer_files.read_all(home)
    named = [layer_files.read_key(path) for path in layer_files.keys(home)]
    assert len(named) == len(set(named)) == 5, "two shared steps and three third ones"
    assert layer_files.below(layers, set(named)) == layers.keys()
    for number in range(3):
        with building(home) as build:
            build.run((1, 2, 3 + number))
            assert build.ran == 0


def test_a_full_disk_leaves_no_half_layer(small_disk: Path, tmp_path: Path) -> None:
    home = Settings(small_disk / "home", tmp_path / "cache")
    layers = stores.store(home)
    file = stores.written(tmp_path / "step.qcow2", 1, 7)
    fill(small_disk / "filler", but=1 << 16)

    with pytest.raises((HostLack, OSError), match="No space left"):
        layers.add(file, stores.new(), {})

    assert stores.names(home.layers) == []


def fill(path: Path, but: int) -> None:
    """Take all room of a disk but so many bytes."""
    free = shutil.disk_usage(path.parent).free
    path.write_bytes(bytes(free - but))
