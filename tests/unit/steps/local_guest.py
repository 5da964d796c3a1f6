"""A guest that runs its commands on this host, for scripts that stay below a test's own folder."""

import os
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

from goldsmith.documents.guest import Command, OnOutput, Result, Stat
from goldsmith.errors import StepFailed

PIECE = 7  # smaller than most lines, as a guest's pieces may be


class LocalGuest:
    """`bin` comes first on the PATH; `before` may raise what a guest can raise, before each command."""

    def __init__(self, folder: Path, before: Callable[[Command], None] = lambda command: None) -> None:
        self.bin = folder / "bin"
        self.before = before
        self.commands: list[Command] = []
        self.reboots = 0
        self.path = f"{self.bin}:/usr/sbin:/usr/bin:/sbin:/bin"

    def program(self, name: str, script: str) -> None:
        """Put a program of the test's own on the PATH."""
        self.bin.mkdir(exist_ok=True)
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def run(self, command: Command, output: OnOutput | None = None) -> Result:
        self.commands.append(command)
        self.before(command)
        environment = {"PATH": self.path, "HOME": "/root", "LANG": "C.UTF-8", **command.environment}
        process = subprocess.Popen(
            list(command.argv),
            env=environment,
            cwd=command.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        timed_out = False
        try:
            stdout, stderr = process.communicate(timeout=command.timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
            os.killpg(process.pid, signal.SIGKILL)
            stdout, stderr = process.communicate()
        if output is not None:
            for start in range(0, len(stdout), PIECE):
                output("stdout", stdout[start : start + PIECE])
            for start in range(0, len(stderr), PIECE):
                output("stderr", stderr[start : start + PIECE])
        status = process.returncode if process.returncode >= 0 else 128 - process.returncode
        return Result(status, stdout, stderr, timed_out)

    def put(self, path: str, content: bytes, mode: int = 0o644) -> None:
        try:
            Path(path).write_bytes(content)
        except OSError as error:
            raise StepFailed(f"cannot write {path}: {error.strerror}") from error
        Path(path).chmod(mode)

    def get(self, path: str) -> bytes:
        try:
            return Path(path).read_bytes()
        except OSError as error:
            raise StepFailed(f"cannot read {path}: {error.strerror}") from error

    def stat(self, path: str) -> Stat | None:
        try:
            found = os.lstat(path)
        except OSError:
            return None
        kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}
        kind = kinds.get(stat.S_IFMT(found.st_mode), "other")
        return Stat(kind, stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, found.st_size)

    def reboot(self) -> None:
        self.reboots += 1
