"""goldsmith's own peak memory during a build of the job: `python -m bench.memory`.

Its process alone: the guests' memory is theirs, and would be the same under any builder.
"""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

from . import home
from .measuring import arguments, goldsmith, machine, say


def main() -> None:
    chosen = arguments("goldsmith's own peak memory during a build", rounds=1)
    home.bootstrap(chosen.work)
    peaks = [_peak(chosen.work) for _ in range(chosen.rounds)]
    say(machine())
    say(f"goldsmith's own peak memory during a build: {max(peaks) / 1024:.0f} MiB")


def _peak(work: Path) -> int:
    """KiB. The kernel keeps the peak, so looking now and then misses nothing but the last moment."""
    command = goldsmith("build", home.RECIPE)
    peak = 0
    with subprocess.Popen(command, env=home.environment(work), stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            status = Path(f"/proc/{process.pid}/status").read_text()
            found = re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)
            peak = int(found[1]) if found else peak
            time.sleep(0.1)
    if process.returncode != 0:
        raise SystemExit(f"the build failed (exit {process.returncode})")
    return peak


if __name__ == "__main__":
    main()
