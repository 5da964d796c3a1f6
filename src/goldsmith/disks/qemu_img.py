"""Running qemu-img so that it never outlives goldsmith."""

import os
import subprocess
from pathlib import Path

from .. import programs


def run(*arguments: str | Path) -> bytes:
    """Run qemu-img to its end and return its stdout.

    It dies with goldsmith, even when that is killed. Raises HostLack: missing, failed, or disk full.
    """
    command = [programs.find("setpriv"), "--pdeathsig=KILL", programs.find("qemu-img"), *map(str, arguments)]
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, env=environment, check=False
    )
    if done.returncode != 0:
        raise programs.failed(["qemu-img"], done.returncode, done.stderr)
    return done.stdout
