"""Programs that need root's rights over files, run where nothing of them can be left behind."""

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from .. import programs


def command(argv: Sequence[str]) -> list[str]:
    """The command line that runs `argv` as root, in process and mount namespaces of its own.

    Its mounts are seen nowhere else, and all that it starts dies with goldsmith or when the command
    line's own process is killed. Without root, a user namespace with the user's subordinate ids makes
    files belong to whom they should. Raises HostLack: a program is missing.
    """
    owners = [] if os.geteuid() == 0 else ["--user", "--map-root-user", "--map-auto"]
    if owners:
        programs.find("newuidmap")
    outer = [programs.find("setpriv"), "--pdeathsig=KILL", programs.find("unshare"), *owners]
    return [
        *outer,
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        programs.find(argv[0]),
        *argv[1:],
    ]


def remove(folder: Path) -> None:
    """Remove a folder with all in it, also what belongs to subordinate ids, if it is there."""
    deadline = time.monotonic() + 5
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
        if os.geteuid() != 0 and folder.exists():
            subprocess.run(command(["rm", "-rf", str(folder)]), capture_output=True, check=False)
        # What was killed a moment ago may still be writing its last.
        if time.monotonic() > deadline:
            return
