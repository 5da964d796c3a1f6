"""goldsmith for somebody who is not root, in a home and a cache of their own."""

from __future__ import annotations

import os
import shutil
import site
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import goldsmith
from goldsmith import programs
from tests.recipes import bash, document


@dataclass(frozen=True)
class User:
    """Somebody of this host, with subordinate ids; `folder` is their home, which is theirs alone."""

    name: str
    folder: Path

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a program with what a login gives, and with goldsmith where Python finds it."""
        become = ["setpriv", "--reuid", self.name, "--regid", self.name, "--init-groups"]
        code = [*site.getsitepackages(), str(Path(goldsmith.__file__).parents[1])]
        kept = {name: os.environ[name] for name in os.environ if name.startswith("GOLDSMITH_TEST")}
        environment = {**kept, "HOME": str(self.folder), "USER": self.name, "PATH": "/usr/bin:/bin"}
        environment["PYTHONPATH"] = os.pathsep.join(code)
        command = [*become, *map(str, words)]
        return subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd=self.folder, check=False
        )

    def goldsmith(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return self.run(self._python(), "-m", "goldsmith", *words)

    def _python(self) -> str:
        """This interpreter, or the host's of the same version where this one is closed to others."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        for python in (sys.executable, f"/usr/bin/python{version}"):
            if self.run(python, "-c", "import goldsmith, msgspec").returncode == 0:
                return python
        pytest.fail(f"no Python {version} with goldsmith's packages can be read by others than root")


@pytest.fixture
def user() -> Iterator[User]:
    # pytest's own folders are closed to others.
    folder = Path(tempfile.mkdtemp(prefix="goldsmith-user-"))
    name = f"goldsmith-{os.getpid()}"
    programs.run(["useradd", "--home-dir", folder, "--user-group", name])
    try:
        shutil.chown(folder, name, name)
        yield User(name, folder)
    finally:
        programs.run(["userdel", name])
        shutil.rmtree(folder)


@pytest.mark.slow
def test_without_root_a_base_is_made_and_a_document_runs_in_a_guest_that_reaches_this_host(
    user: User,
) -> None:
    made = user.goldsmith("image", "bootstrap", "debian-12")
    assert made.returncode == 0, made.stderr

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        reach = f"timeout 60 bash -c 'echo > /dev/tcp/10.0.2.2/{port}' && echo reached"
        work = document(user.folder, "work", {"build": [bash("Who", "id -un"), bash("Reach", reach)]})
        ran = user.goldsmith("run", work, "--base", "debian-12")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "  | root\n" in ran.stdout
    assert "  | reached\n" in ran.stdout
    assert (
        "warning: the guest's network is not shielded from this host's own services:"
        " a network room needs root so far\n"
    ) in ran.stdout
    owners = {path.owner() for path in user.folder.rglob("*.qcow2")}
    assert owners == {user.name}
