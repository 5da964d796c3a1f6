"""kill -9 of a process at each named point of sealing: nothing half done is ever found."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from goldsmith.disks import collect
from goldsmith.disks.garbage import Garbage, Known
from goldsmith.guests import runs
from goldsmith.log import Log
from goldsmith.settings import Settings
from tests import sealing, stores

MONTH = timedelta(days=30)

#: For each point, how many of the steps 1 and 2 have a layer, and how many a key, when step 2 gets there.
POINTS = {
    "synced": (1, 1),
    "digested": (1, 1),
    "placed": (1, 1),
    "beside": (1, 1),
    "described": (2, 1),
    "named": (2, 2),
}

#: What lies in the store then that is no layer.
TORN = {"placed", "beside"}


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return stores.settings(tmp_path)


def kill(home: Settings, point: str, count: int) -> None:
    """Run a build that dies where it reaches a point for so manieth time."""
    program = [sys.executable, "-m", "tests.sealing", str(home.home), str(home.cache), point, str(count)]
    died = subprocess.run(program, capture_output=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()


def look(home: Settings) -> list[Garbage]:
    return collect.look(home, MONTH, lambda: Known([stores.BASE], ()), Log())


def free(home: Settings, found: list[Garbage]) -> None:
    collect.free(home, MONTH, lambda: Known([stores.BASE], ()), Log(), found)


@pytest.mark.parametrize("point", POINTS)
def test_after_a_kill_the_next_build_goes_on_from_what_was_sealed(
    home: Settings, tmp_path: Path, point: str
) -> None:
    base = sealing.base(home)
    kill(home, point, 2)

    layers, keys = POINTS[point]
    assert len(list(home.layers.glob("*.json"))) == layers
    assert len(stores.names(home.keys)) == keys

    assert runs.sweep(home) == 1
    with sealing.building(home) as build:
        top = build.run()
        assert build.ran == len(sealing.STEPS) - keys
        assert stores.content(build.layers.chain(top, base), tmp_path)[:5] == bytes([0, 1, 2, 3, 0])


@pytest.mark.parametrize("point", POINTS)
def test_gc_takes_what_a_kill_left_and_nothing_else(home: Settings, point: str) -> None:
    sealing.base(home)
    kill(home, point, 2)
    layers, keys = POINTS[point]
    runs.sweep(home)

    found = look(home)
    free(home, found)

    unnamed, torn = layers - keys, int(point in TORN)
    assert [each.kind for each in found] == ["layer"] * unnamed + ["torn file"] * torn
    assert look(home) == []
    assert len(list(home.layers.glob("*.json"))) == keys
    with sealing.building(home) as build:
        build.run()
        assert build.ran == len(sealing.STEPS) - keys


def test_one_kill_after_the_other_comes_to_the_end(home: Settings, tmp_path: Path) -> None:
    """Whatever point each process dies at in its first step, and with gc in between."""
    base = sealing.base(home)
    for point in POINTS:
        kill(home, point, 1)
        runs.sweep(home)
        free(home, look(home))

    with sealing.building(home) as build:
        top = build.run()
        assert build.ran == len(sealing.STEPS) - 1
        assert stores.content(build.layers.chain(top, base), tmp_path)[:5] == bytes([0, 1, 2, 3, 0])
