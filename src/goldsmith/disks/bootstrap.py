"""A Debian file system as a stream: mmdebstrap, which knows the mirrors, run without a trace."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO

from .. import programs
from ..errors import HostLack


@contextmanager
def root_tar(
    suite: str, packages: Sequence[str], options: Sequence[str], environment: Mapping[str, str] | None = None
) -> Iterator[IO[bytes]]:
    """Yield the uncompressed tar of a suite's root file system while mmdebstrap writes it.

    `environment` reaches maintainer scripts and hooks.
    As root it runs in root mode, else in a user namespace, so that owners are right either way.
    Raises HostLack: a tool is missing, the mirror is out of reach, a package is unknown, disk full.
    """
    mode = "root" if os.geteuid() == 0 else "unshare"
    argv = [
        programs.find("setpriv"),
        # TERM, not KILL: mmdebstrap then removes its own scratch folder.
        "--pdeathsig=TERM",
        programs.find("mmdebstrap"),
        f"--mode={mode}",
        "--format=tar",
        f"--include={','.join(packages)}",
        *options,
        suite,
        "-",
    ]
    # /tmp is often in memory, and a root file system does not belong there.
    around = {"TMPDIR": "/var/tmp", **os.environ, "LC_ALL": "C.UTF-8", **(environment or {})}  # noqa: S108
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=around
        )
        assert process.stdout is not None
        try:
            yield process.stdout
            process.stdout.read()  # tar readers stop at the end mark, before the padding
            status = process.wait()
        except BaseException:
            process.terminate()
            process.stdout.close()
            process.wait()
            raise
        finally:
            process.stdout.close()
        if status != 0:
            errors.seek(0)
            raise _failed(argv, status, errors.read())


def _failed(argv: Sequence[str], status: int, stderr: bytes) -> HostLack:
    """mmdebstrap's own error lines begin with E:, and the cause stands before the last of them."""
    lines = [line for line in stderr.splitlines() if line.startswith((b"E:", b"Err:"))]
    if b"No space left on device" in stderr:
        lines.append(b"No space left on device")
    error = programs.failed(argv[2:], status, b"\n".join(lines) or stderr)
    if not error.hint:
        error.hint = "look at the network and at what `mmdebstrap` says when it is run by hand"
    return error
