"""The job by goldsmith and by its peers, in turns: `python -m bench.peers` (as root).

Every round does the job once each way, and ratios are taken within a round, so that a machine whose
speed drifts does not favour one of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from statistics import median

from . import home, ways
from .measuring import arguments, machine, quiet, ratio, say, table
from .ways import Taken

MIB = 1 << 20
WAYS: dict[str, Callable[[Path, Path], Taken]] = {
    "chroot (the floor)": ways.by_chroot,
    "goldsmith": ways.by_goldsmith,
    "virt-customize": ways.by_virt_customize,
    "Packer": ways.by_packer,
}


def main() -> None:
    chosen = arguments("the job by goldsmith, virt-customize, Packer and in a chroot", rounds=3)
    work: Path = chosen.work
    base = home.bootstrap(work)
    home.built(work)  # what goldsmith looks up once for a base is kept, as libguestfs' appliance is
    taken: dict[str, list[Taken]] = {name: [] for name in WAYS}
    for number in range(chosen.rounds):
        load = quiet()
        say(f"round {number + 1}, load before it {load:.2f}")
        for name, way in WAYS.items():
            taken[name].append(now := way(work, base))
            stages = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in now.stages.items())
            load = os.getloadavg()[0]
            say(f"  {name}: {now.seconds:.1f} s, CPU {now.cpu:.1f} s ({stages}), load {load:.2f}")
    say("")
    say(machine())
    say(_totals(taken))
    for name, each in taken.items():
        say("")
        say(_stages(name, each))


def _totals(taken: dict[str, list[Taken]]) -> str:
    ours = taken["goldsmith"]
    rows = [["way", "s", "goldsmith against it", "CPU s", "goldsmith against it", "image, MiB"]]
    for name, theirs in taken.items():
        wall = ratio([each.seconds for each in ours], [each.seconds for each in theirs])
        cpu = ratio([each.cpu for each in ours], [each.cpu for each in theirs])
        row = [name, f"{median(each.seconds for each in theirs):.1f}", f"{wall:.2f}"]
        row += [f"{median(each.cpu for each in theirs):.1f}", f"{cpu:.2f}"]
        rows.append([*row, f"{median(each.size for each in theirs) / MIB:.0f}" if theirs[0].size else "none"])
    tested = median(each.tested for each in ours)
    return table(rows) + f"\n\ngoldsmith's test of the image, in none of these: {tested:.1f} s"


def _stages(name: str, taken: list[Taken]) -> str:
    rows = [[name, "s"]]
    for stage in taken[0].stages:
        rows.append([stage, f"{median(each.stages.get(stage, 0.0) for each in taken):.1f}"])
    return table(rows)


if __name__ == "__main__":
    main()
