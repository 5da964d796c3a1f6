"""Twenty builds at once from one home, with gc beside them: nothing is lost, and no layer is there twice."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from goldsmith.disks import collect, files, layer_files, overlay
from goldsmith.disks.chain import Chain
from goldsmith.disks.garbage import Known
from goldsmith.disks.layers import Layers
from goldsmith.guests import runs
from goldsmith.log import Log
from goldsmith.settings import Settings
from goldsmith.steps.lookup import Ground
from tests import stores
from tests.played import COMMON, SIZE, PlayedSite, build, content, plan

processes = multiprocessing.get_context("fork")

#: Four plans that share beginnings.
PLANS = (
    ("write 0 1", "write 1 2", "write 2 3"),
    ("write 0 1", "write 1 2", "write 2 4"),
    ("write 0 1", "write 1 9", "write 2 3"),
    ("write 0 8", "write 1 2", "write 2 3"),
)


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """With a cache of its own: gc takes what is old there too."""
    return stores.settings(tmp_path)


@pytest.fixture
def base(tmp_path: Path) -> Chain:
    path = tmp_path / "base.qcow2"
    overlay.create(path, SIZE)
    return Chain((path,))


def one_build(home: Settings, base: Chain, steps: Sequence[str], start: object) -> None:
    """A build in a process of its own, which ends badly where its disk is not what its steps write."""
    start.wait()  # type: ignore[attr-defined]
    with runs.run_folder(home) as folder:
        layers = Layers(home, folder / layer_files.USES, Log())
        site = PlayedSite(layers, Ground(files.digest(base.files[0]), None, COMMON), base, folder)
        made = build(site, plan(*steps))
        assert made.disk is not None
        shown = content(made.disk, folder)
        assert [shown[cluster << 16] for cluster in range(3)] == [int(each.split()[2]) for each in steps]


def collect_garbage(home: Settings, base: Chain) -> None:
    month = timedelta(days=30)
    known = Known([files.digest(base.files[0])], ())
    collect.free(home, month, lambda: known, Log(), collect.look(home, month, lambda: known, Log()))


def collecting(home: Settings, base: Chain, until: object) -> None:
    """gc, again and again, taking whatever nothing names."""
    while not until.is_set():  # type: ignore[attr-defined]
        collect_garbage(home, base)


def test_twenty_builds_beside_gc_share_their_layers(home: Settings, base: Chain) -> None:
    start, ended = processes.Event(), processes.Event()
    builds = [
        processes.Process(target=one_build, args=(home, base, PLANS[number % len(PLANS)], start))
        for number in range(20)
    ]
    gc = processes.Process(target=collecting, args=(home, base, ended))
    for each in (gc, *builds):
        each.start()
    start.set()
    for each in builds:
        each.join()
    ended.set()
    gc.join()

    assert [each.exitcode for each in (gc, *builds)] == [0] * 21
    runs.sweep(home)
    collect_garbage(home, base)
    named = [layer_files.read_key(path) for path in home.keys.iterdir() if not path.name.startswith(".")]
    left = layer_files.read_all(home)
    # 2 first steps, 3 second, 4 third, and 4 machines that were shut down: each once.
    assert len(named) == len(set(named)) == 13
    assert set(named) <= set(left)
    kinds = Counter(layer.result.step for digest, layer in left.items() if digest in named)
    assert kinds == {"Step1": 2, "Step2": 3, "Step3": 4, "power off": 4}


@pytest.mark.parametrize("steps", PLANS)
def test_after_them_each_plan_is_found_whole(
    home: Settings, base: Chain, tmp_path: Path, steps: Sequence[str]
) -> None:
    start = processes.Event()
    start.set()
    racing = [processes.Process(target=one_build, args=(home, base, steps, start)) for _ in range(2)]
    for each in racing:
        each.start()
    for each in racing:
        each.join()

    folder = tmp_path / "run"
    folder.mkdir()
    layers = Layers(home, folder / layer_files.USES, Log())
    site = PlayedSite(layers, Ground(files.digest(base.files[0]), None, COMMON), base, folder)
    made = build(site, plan(*steps))

    assert [each.exitcode for each in racing] == [0, 0]
    assert [step.reused for step in made.report.steps] == [True] * 3
    assert site.boots == []
