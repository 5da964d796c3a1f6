"""What `goldsmith --help` costs beside an empty typer app: `python -m bench.help`."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from statistics import median

from .measuring import arguments, goldsmith, machine, quiet, say

EMPTY = """
import typer
app = typer.Typer()
@app.callback()
def app_itself() -> None: ...
@app.command()
def command() -> None: ...
app()
"""


def main() -> None:
    chosen = arguments("`goldsmith --help` beside an empty typer app", rounds=10)
    commands = {"goldsmith": goldsmith("--help"), "empty app": [sys.executable, "-c", EMPTY, "--help"]}
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for command in commands.values():  # once for the page cache and the compiled modules
        _time(command)
    load = quiet()
    for _ in range(chosen.rounds):
        for name, command in commands.items():
            taken[name].append(_time(command))
    ours, empty = median(taken["goldsmith"]), median(taken["empty app"])
    say(f"{machine()}; load {load:.2f}")
    say(f"goldsmith --help {ours:.3f} s, an empty typer app {empty:.3f} s: {ours - empty:.3f} s more")


def _time(command: Sequence[str]) -> float:
    start = time.monotonic()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - start


if __name__ == "__main__":
    main()
