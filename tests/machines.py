"""Machines for tests: guests on the shared images, in folders that go away."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from goldsmith.builds import stages, systems
from goldsmith.builds.home import Home
from goldsmith.builds.job import Job
from goldsmith.catalog.images import Image
from goldsmith.disks import overlay
from goldsmith.disks.chain import Chain
from goldsmith.disks.layer_files import USES
from goldsmith.disks.layers import Layers
from goldsmith.documents.guest import Command
from goldsmith.documents.plan import Plan
from goldsmith.documents.recipe import Loaded, Recipe
from goldsmith.guests import vm
from goldsmith.guests.accelerator import accelerator
from goldsmith.guests.inspection import Inspection, inspect
from goldsmith.guests.machine import Hardware
from goldsmith.guests.runs import run_folder
from goldsmith.guests.vm import System, Vm
from goldsmith.log import Log
from goldsmith.steps.lookup import Policy
from goldsmith.steps.report import Report


def overlay_on(home: Home, image: Image, folder: Path) -> Chain:
    """A disk to write on, with an image below it that stays as it is. One in each folder."""
    assert image.file is not None
    return overlay.over(home.disk(image), folder / "disk.qcow2", image.file.virtual_size)


@contextmanager
def inspected(home: Home, disk: Image | Chain) -> Iterator[Inspection]:
    """The files of a disk, to look at and to change; of an image, on an overlay that is thrown away."""
    with run_folder(home.settings) as run:
        chain = overlay_on(home, disk, run) if isinstance(disk, Image) else disk
        with inspect(home.settings, Log(), run / "inspect", chain) as inspection:
            inspection.find_root()
            yield inspection


@contextmanager
def running(
    home: Home,
    image: Image,
    *,
    init: str = "",
    network: str = "",
    device: str = "",
    folder: Path | None = None,
) -> Iterator[tuple[Vm, Chain]]:
    """A vm on a throw-away overlay of an image, with its disk (which lies in `folder`).

    `init="none"` leaves the image's init out: the agent is the first process, and the boot quick.
    """
    log = Log()
    with run_folder(home.settings) as run:
        known = systems.of_image(home, image, run, log)
        disk = overlay_on(home, image, folder or run)
        root = known.facts.root
        root = replace(root, init=init or root.init, device=device or root.device)
        hardware = Hardware(accelerator(home.settings), network=network or vm.network()[0])
        with Vm(log, run / "vm", disk, System(root, known.boot), hardware) as machine:
            yield machine, disk


def shell(guest: Vm, script: str, timeout: float | None = 300) -> str:
    """What a script prints in a guest that is expected to succeed."""
    done = guest.run(Command(["sh", "-c", script], timeout=timeout))
    if done.status:
        raise RuntimeError(f"exit {done.status}: {done.stderr.decode()}{done.stdout.decode()}")
    return done.stdout.decode()


def boot_test(home: Home, image: Image, disk: Chain) -> Report:
    """The test stage of an image without tests, on another disk than its own. Raises TestFailed."""
    assert image.file is not None
    recipe = Recipe(name="tested", version="1.0.0", base=image.id)
    with run_folder(home.settings) as folder:
        hardware = Hardware(accelerator(home.settings), network=vm.network()[0])
        loaded = Loaded(recipe, (), ())
        job = Job(
            id="",
            home=home,
            log=Log(),
            loaded=loaded,
            base=image,
            hardware=lambda: hardware,
            folder=folder,
            layers=Layers(home.settings, folder / USES, Log()),
            build=Plan(()),
            tests=Plan(()),
            variables={},
            policy=Policy(),
        )
        known = systems.of_image(home, image, folder, Log())
        return stages.test(job, disk, known)


def holds(path: Path, marker: bytes) -> bool:
    """Whether a file has these bytes anywhere."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(marker) >= 0
