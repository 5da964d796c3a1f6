"""What every bench needs: the machine's description, a quiet moment, medians, tables."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from goldsmith import settings
from goldsmith.guests import accelerator

#: Seconds that quiet() waits for other work on the machine to end.
PATIENCE = 120.0


def arguments(description: str, rounds: int) -> argparse.Namespace:
    """`work`, a folder for everything that is made and kept between runs, and `rounds`."""
    parser = argparse.ArgumentParser(description=description)
    work = Path(tempfile.gettempdir(), "goldsmith-bench")
    parser.add_argument("--work", type=Path, default=work, help=f"folder for files (default: {work})")
    parser.add_argument("--rounds", type=int, default=rounds, help=f"default: {rounds}")
    chosen = parser.parse_args()
    chosen.work = chosen.work.absolute()
    chosen.work.mkdir(parents=True, exist_ok=True)
    return chosen


def machine() -> str:
    """One line: what the figures were taken on."""
    qemu = _first_line("qemu-system-x86_64", "--version").removeprefix("QEMU emulator version ")
    found = accelerator.probe(settings.load())
    how = "KVM" if found.works else "emulation (TCG); KVM: not measured"
    return f"{os.cpu_count()} cores, kernel {platform.release()}, QEMU {qemu}, {how}"


def accelerator_name() -> accelerator.Accelerator:
    """The one that goldsmith takes, which the peers are then given too: kvm or tcg."""
    return accelerator.accelerator(settings.load())


def quiet(below: float = 1.0) -> float:
    """Wait until the load of the last minute is below a value, not for ever, and return it."""
    limit = time.monotonic() + PATIENCE
    while (load := os.getloadavg()[0]) >= below and time.monotonic() < limit:
        time.sleep(5)
    return load


@dataclass(frozen=True)
class Span:
    """Seconds by the clock, and of the processor in all child processes."""

    wall: float
    cpu: float


def measure(work: Callable[[], object]) -> Span:
    """Do the work, by child processes that have ended with it."""
    start, used = time.monotonic(), cpu_of_children()
    work()
    return Span(time.monotonic() - start, cpu_of_children() - used)


def cpu_of_children() -> float:
    """Seconds that all ended children of this process have used."""
    times = os.times()
    return times.children_user + times.children_system


def ratio(mine: Sequence[float], other: Sequence[float]) -> float:
    """The median of the ratios within each round."""
    return median(a / b for a, b in zip(mine, other, strict=True))


def goldsmith(*words: str | Path) -> list[str]:
    """The command line of goldsmith as this interpreter has it."""
    return [sys.executable, "-m", "goldsmith", *map(str, words)]


def table(rows: Sequence[Sequence[str]]) -> str:
    """Markdown, the first row as its heading, for README.md to take over."""
    heading, *rest = rows
    lines = [heading, ["---"] * len(heading), *rest]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def say(text: str) -> None:
    print(text, flush=True)


def _first_line(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]
