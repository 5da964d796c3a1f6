"""Running the host's programs: found or named as missing, with the package that brings them."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .errors import HostLack

#: Debian and Ubuntu packages by program.
PACKAGES = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "qemu-io": "qemu-utils",
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "sfdisk": "fdisk",
    "mkfs.vfat": "dosfstools",
    "mcopy": "mtools",
    "mmd": "mtools",
    "setpriv": "util-linux",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "nft": "nftables",
    "ip": "iproute2",
    "pasta": "passt",
    "newuidmap": "uidmap",
}


def find(program: str) -> str:
    """The path of a program. Raises HostLack, naming its package."""
    # sbin is not on an ordinary user's PATH in Debian, and mke2fs lives there.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    found = shutil.which(program, path=path)
    if found is None:
        package = PACKAGES.get(program, program)
        raise HostLack(
            f"{program} is not installed",
            hint=f"sudo apt-get install {package} (`goldsmith doctor` shows all that is missing)",
            code="program-missing",
        )
    return found


def run(argv: Sequence[str | Path], *, input: bytes | None = None, cwd: Path | None = None) -> bytes:
    """Run a host program to its end and return its stdout.

    Raises HostLack: it is missing, or it failed (the message carries the end of its stderr).
    """
    command = [find(str(argv[0])), *map(str, argv[1:])]
    done = subprocess.run(
        command,
        input=input,
        stdin=subprocess.DEVNULL if input is None else None,
        capture_output=True,
        cwd=cwd,
        check=False,
    )
    if done.returncode != 0:
        raise failed(argv, done.returncode, done.stderr)
    return done.stdout


def failed(argv: Sequence[str | Path], status: int, stderr: bytes) -> HostLack:
    """The error of a host program that ended wrongly; a full disk has a hint of its own."""
    text = stderr.decode(errors="replace").strip()
    lines = text.splitlines()[-8:]
    full = "No space left on device" in text
    return HostLack(
        f"{Path(str(argv[0])).name} failed (exit {status}): " + ("\n".join(lines) or "it printed nothing"),
        hint="free disk space, or set GOLDSMITH_HOME and GOLDSMITH_CACHE to a larger disk" if full else "",
        code="disk-full" if full else "program-failed",
    )
