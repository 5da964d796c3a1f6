"""What a rebuild costs: `python -m bench.rebuild` (as root).

Every round builds the job cold, then again with nothing changed, then with its last step changed; and the
peers build that change, which is their whole build each time.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from . import home, ways
from .measuring import arguments, goldsmith, machine, quiet, ratio, say, table
from .ways import Taken

PEERS: dict[str, Callable[[Path, Path], Taken]] = {
    "virt-customize": ways.by_virt_customize,
    "Packer": ways.by_packer,
}

#: What sealing consists of, by the names of goldsmith's tasks.
SEALING = ("seal", "record the machine", "compare the machine")


@dataclass(frozen=True)
class Built:
    """Seconds of a whole `goldsmith build`, its test included, and of each kind of task in it.

    `sealed` is when the last layer was, from the start; it is 0 where none was.
    """

    seconds: float
    tasks: dict[str, float]
    sealed: float

    @property
    def sealing(self) -> float:
        return sum(self.tasks.get(name, 0.0) for name in SEALING)


def main() -> None:
    chosen = arguments("what a rebuild costs, by goldsmith and by its peers", rounds=3)
    work: Path = chosen.work
    base = home.bootstrap(work)
    home.built(work)
    cold: list[Built] = []
    unchanged: list[Built] = []
    changed: list[Built] = []
    peers: dict[str, list[Taken]] = {name: [] for name in PEERS}
    for number in range(chosen.rounds):
        load = quiet()
        say(f"round {number + 1}, load before it {load:.2f}")
        cold.append(build(work, home.RECIPE, "--no-cache"))
        unchanged.append(build(work, home.RECIPE))
        changed.append(build(work, _with_another_last_step(work)))
        took = f"cold {cold[-1].seconds:.1f}, unchanged {unchanged[-1].seconds:.2f}"
        say(f"  {took}, changed {changed[-1].seconds:.1f} s, load {os.getloadavg()[0]:.2f}")
        for name, way in PEERS.items():
            peers[name].append(way(work, base))
    say("")
    say(machine())
    say(_table(cold, unchanged, changed, peers))


def build(work: Path, recipe: Path, *options: str) -> Built:
    """Build once, as a user does: the process from its start to its end."""
    tasks: dict[str, float] = {}
    start = time.monotonic()
    sealed = 0.0
    command = goldsmith("build", recipe, "--json", *options)
    with subprocess.Popen(command, env=home.environment(work), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for event in home.objects(process.stdout):
            if event.get("event") == "ended":
                name = event["fields"].get("step", event["name"])
                if name == "boot" and event["depth"]:
                    name = "boot for the test"
                tasks[name] = tasks.get(name, 0.0) + event["seconds"]
                if event["name"] == "seal":
                    sealed = time.monotonic() - start
    if process.returncode != 0:
        raise SystemExit(f"goldsmith failed (exit {process.returncode})")
    return Built(time.monotonic() - start, tasks, sealed)


def _with_another_last_step(work: Path) -> Path:
    """The job, its last step changed as it never was before."""
    folder = work / "changed"
    folder.mkdir(exist_ok=True)
    for path in home.RECIPE.parent.glob("*.yml"):
        text = path.read_text().replace("- nginx -t", f"- nginx -t && true {time.time_ns()}")
        (folder / path.name).write_text(text)
    return folder / home.RECIPE.name


def _table(
    cold: list[Built], unchanged: list[Built], changed: list[Built], peers: dict[str, list[Taken]]
) -> str:
    whole = [each.seconds for each in cold]
    again = [each.seconds for each in unchanged]
    last = [each.seconds for each in changed]
    # Before the image is written: what a changed last step costs beside itself and one boot.
    beside = [each.sealed - each.tasks["check"] - each.tasks["boot"] for each in changed]
    cost = [each.sealing / each.seconds for each in cold]
    rows = [
        ["", "s", "against the cold build"],
        ["goldsmith, cold, tested", f"{median(whole):.1f}", "1"],
        [
            "nothing changed, image and test included",
            f"{median(again):.2f}",
            f"1/{1 / ratio(again, whole):.0f}",
        ],
        ["last step changed, image and test included", f"{median(last):.1f}", f"{ratio(last, whole):.2f}"],
        ["of that, before the image is written, beside the step and one boot", f"{median(beside):.1f}", ""],
        ["sealing, of the cold build", f"{median(each.sealing for each in cold):.1f}", f"{median(cost):.1%}"],
    ]
    for name, taken in peers.items():
        seconds = [each.seconds for each in taken]
        rows.append([f"{name}, the same change", f"{median(seconds):.1f}", f"{ratio(seconds, whole):.2f}"])
    return table(rows)


if __name__ == "__main__":
    main()
