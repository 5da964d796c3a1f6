"""A Debian file system as a stream: mmdebstrap, which knows the mirrors, run without a trace."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from .. import programs
from ..errors import HostLack
from . import contained


@contextmanager
def root_tar(
    suite: str,
    packages: Sequence[str],
    options: Sequence[str],
    scratch: Path,
    environment: Mapping[str, str] | None = None,
) -> Iterator[IO[bytes]]:
    """Yield the uncompressed tar of a suite's root file system while mmdebstrap writes it.

    `scratch` is where it is unpacked; `environment` reaches maintainer scripts and hooks.
    Raises HostLack: a tool is missing, the mirror is out of reach, a package is unknown, disk full.
    """
    argv = [
        "mmdebstrap",
        "--mode=root",
        "--format=tar",
        f"--include={','.join(packages)}",
        *options,
        suite,
        "-",
    ]
    around = {**os.environ, **(environment or {}), "TMPDIR": str(scratch.absolute()), "LC_ALL": "C.UTF-8"}
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            contained.command(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=around,
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
            process.kill()
            process.wait()


def _drain(stream: IO[bytes]) -> None:
    while stream.read(1 << 20):
        pass


def _failed(status: int, errors: IO[bytes]) -> HostLack:
    """The lines that say what went wrong: apt's and mmdebstrap's begin with Err: and E:."""
    errors.seek(0)
    stderr = errors.read()
    lines = [line for line in stderr.splitlines() if line.startswith((b"E:", b"Err:"))]
    # What follows from the line before, at length.
    lines = [line for line in lines if b"mmdebstrap failed to run" not in line and b" apt-get " not in line]
    if b"No space left on device" in stderr:
        lines.append(b"No space left on device")
    error = programs.failed(["mmdebstrap"], status, b"\n".join(lines) or stderr)
    if not error.hint:
        fetching = any(
            word in stderr for word in (b"Failed to fetch", b"Could not resolve", b"Unable to connect")
        )
        error.hint = (
            "look at the network: Debian's mirror has to be in reach, and to have what its index names"
            if fetching
            else "`mmdebstrap --include=PACKAGES SUITE /dev/null` shows all that it prints"
        )
    return error
