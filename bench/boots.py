"""Whole boots from the clusters that goldsmith writes, beside those from small ones: `python -m bench.boots`.

A machine of the job's finished image starts by its firmware and its own boot loader; it is there when
goldsmith's agent in it answers and its system is up. Both kinds take turns in one run.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

from goldsmith import programs, settings
from goldsmith.builds import arming
from goldsmith.disks import overlay, qemu_img
from goldsmith.disks.chain import Chain
from goldsmith.guests.machine import Hardware
from goldsmith.guests.runs import run_folder
from goldsmith.guests.vm import System, Vm
from goldsmith.log import Log
from goldsmith.settings import Settings

from . import home
from .image_write import VARIANTS
from .measuring import accelerator_name, arguments, machine, quiet, say, table

#: Ours, and what it is compared with.
OURS, SMALL = "128K, -W", "64K, -W"


def main() -> None:
    chosen = arguments("whole boots from 128 KiB clusters beside 64 KiB ones", rounds=5)
    folder: Path = chosen.work / "boots"
    folder.mkdir(exist_ok=True)
    known = replace(settings.load(), home=chosen.work / "home")
    source = home.built(chosen.work)
    images = {
        name: _written(source, folder / f"{name.partition(',')[0]}.qcow2", name) for name in (SMALL, OURS)
    }
    say(f"{machine()}; boots of each: {chosen.rounds}")
    taken: dict[str, list[float]] = {name: [] for name in images}
    for number in range(chosen.rounds):
        load = quiet()
        for name, image in images.items():
            taken[name].append(_boot(known, image))
        shown = ", ".join(f"{name} {seconds[-1]:.1f} s" for name, seconds in taken.items())
        say(f"round {number + 1}, load before it {load:.2f}: {shown}")
    middle = {name: median(seconds) for name, seconds in taken.items()}
    rows = [["booted from", "MiB", "s, median", "from", "to", "against the first"]]
    for name, seconds in taken.items():
        size = images[name].stat().st_size / 2**20
        figures = (f"{size:.0f}", f"{middle[name]:.1f}", f"{min(seconds):.1f}", f"{max(seconds):.1f}")
        rows.append([name, *figures, f"{middle[name] / middle[SMALL]:.2f}"])
    say(table(rows))


def _written(source: Path, path: Path, variant: str) -> Path:
    """The image with the clusters of a variant, made anew in each run."""
    path.unlink(missing_ok=True)
    words: list[str | Path] = ["convert", "-c", "-O", "qcow2", "-o", "compression_type=zstd"]
    qemu_img.run(*words, *VARIANTS[variant], Chain((source,)).filename(), path)
    return path


def _boot(known: Settings, image: Path) -> float:
    """Seconds until it is up; the agent was put on its overlay before."""
    size = json.loads(programs.run(["qemu-img", "info", "--output=json", image]))["virtual-size"]
    with run_folder(known) as folder:
        disk = overlay.over(Chain((image,)), folder / "disk.qcow2", size)
        root = arming.arm(known, Log(), folder / "arm", disk)
        hardware = Hardware(accelerator_name(), network="plain")
        start = time.monotonic()
        with Vm(Log(), folder / "boot", disk, System(root, None, "bios"), hardware):
            return time.monotonic() - start


if __name__ == "__main__":
    main()
