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
            with process.stdout as stream:
                try:
                    yield stream
                except Exception:
                    # A reader that got half a tar complains about that: what broke it comes first.
                    _drain(stream)
                    if status := process.wait():
                        raise _failed(status, errors) from None
                    raise
                # Tar readers stop at the end mark, before the padding.
                _drain(stream)
            if status := process.wait():
                raise _failed(status, errors)
        finally:
            process.terminate()
            process.wait()


def _drain(stream: IO[bytes]) -> None:
    while stream.read(1 << 20):
        pass


def _failed(status: int, errors: IO[bytes]) -> HostLack:
    """mmdebstrap's own error lines begin with E:, and the cause stands before the last of them."""
    errors.seek(0)
    stderr = errors.read()
    lines = [line for line in stderr.splitlines() if line.startswith((b"E:", b"Err:"))]
    if b"No space left on device" in stderr:
        lines.append(b"No space left on device")
    error = programs.failed(["mmdebstrap"], status, b"\n".join(lines) or stderr)
    if not error.hint:
        error.hint = "look at the network and at what `mmdebstrap` says when it is run by hand"
    return error
