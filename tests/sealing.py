"""A build as the store sees it, with real disks: each step is looked up, or a guest played by qemu-io writes.

As a program: `python -m tests.sealing HOME NAME POINT COUNT` kills itself where it reaches a point of sealing
for the COUNTth time.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from goldsmith.disks import layers as store_of_layers
from goldsmith.disks import overlay
from goldsmith.disks.chain import Chain
from goldsmith.disks.layer_files import USES
from goldsmith.disks.layers import Layer, Layers
from goldsmith.guests.runs import run_folder
from goldsmith.log import Log
from goldsmith.settings import Settings
from tests import stores

#: What each step writes: the whole byte of its own cluster.
STEPS = (1, 2, 3)


def key_of(below: str, step: int) -> str:
    return hashlib.sha256(f"{below} {step}".encode()).hexdigest()


def base(home: Settings) -> Chain:
    """A base of zeros, made once."""
    path = home.images / "base.qcow2"
    if not path.exists():
        overlay.create(path, stores.SIZE)
    return Chain((path,))


class Build:
    """One build in its run folder. `ran` counts the steps that were not found."""

    def __init__(self, home: Settings, folder: Path, log: Log | None = None) -> None:
        self.layers = Layers(home, folder / USES, log or Log())
        self.ran = 0
        self._folder = folder

    def run(self, steps: tuple[int, ...] = STEPS) -> Layer:
        """All steps, each on what the one before left; after the first that is not found all run. Returns
        the layer that is the disk in the end.

        A key is made of the digest of the layer that the key before names, which in a race is another
        build's: what its file stands on, the layer itself says.
        """
        below: Layer | None = None
        digest = stores.BASE
        for step in steps:
            key = key_of(digest, step)
            if not self.ran and (found := self.layers.find(key)) is not None:
                below, digest = found, found.digest
                continue
            self.ran += 1
            path = stores.written(self._folder / f"disk-{self.ran}.qcow2", step, step)
            below = self.layers.add(path, stores.new(f"Step{step}", below), {"residue": b"r"})
            digest = self.layers.name(key, below).digest
        assert below is not None
        return below


@contextmanager
def building(home: Settings, log: Log | None = None) -> Iterator[Build]:
    with run_folder(home) as folder:
        yield Build(home, folder, log)


def _kill_at(deadly: str, count: int) -> None:
    left = count

    def reached(point: str) -> None:
        nonlocal left
        if point == deadly:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    store_of_layers.reached = reached


if __name__ == "__main__":
    where, cache, point, count = sys.argv[1:]
    _kill_at(point, int(count))
    with building(Settings(Path(where), Path(cache))) as build:
        build.run()
