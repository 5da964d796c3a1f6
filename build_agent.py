"""Builds the guest agent while a wheel is made.

The agent is a small static program in C that goldsmith sends into guests. No binary of it lies in
git: this build hook compiles it with the C compiler of PyPI's `ziglang` and keeps the result in the
user's cache, so that the compiler (400 MB unpacked) is downloaded once for each change of the agent
and not for each install. An install from a checkout compiles for the machine it runs on; a release
(GOLDSMITH_RELEASE=1) for all architectures.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: The release of ziglang; requirements/compiler.txt locks the same one.
COMPILER = "0.17.1"
TARGETS = {"x86_64": "x86_64-linux-musl", "aarch64": "aarch64-linux-musl"}
FLAGS = ("-std=gnu11", "-static", "-Os", "-s", "-Wall", "-Wextra", "-Werror")


class AgentHook(BuildHookInterface[Any]):
    """Puts `goldsmith/guests/agent/agent-ARCHITECTURE` into a wheel, or beside its source if editable."""

    def dependencies(self) -> list[str]:
        """The compiler, only where a binary is not in the cache yet."""
        cached = all(cached_binary(self._source, each).is_file() for each in architectures())
        return [] if cached else [f"ziglang=={COMPILER}"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """`version` is hatchling's: `editable` or `standard`."""
        for architecture in architectures():
            binary = cached_binary(self._source, architecture)
            if not binary.is_file():
                self.app.display_waiting(f"Compiling the guest agent for {architecture}")
                compile_agent(self._source, architecture, binary)
            name = f"agent-{architecture}"
            if version == "editable":
                shutil.copy(binary, self._source / name)
            else:
                build_data["force_include"][str(binary)] = f"goldsmith/guests/agent/{name}"
        if not is_release():
            # It lacks the other architecture's agent, so it is no wheel for every machine.
            build_data["tag"] = f"py3-none-linux_{platform.machine()}"

    @property
    def _source(self) -> Path:
        return Path(self.root, "src", "goldsmith", "guests", "agent")


def is_release() -> bool:
    return os.environ.get("GOLDSMITH_RELEASE") == "1"


def architectures() -> list[str]:
    """What this build makes agents for. Exits where goldsmith cannot run at all."""
    if is_release():
        return list(TARGETS)
    machine = platform.machine()
    if sys.platform != "linux" or machine not in TARGETS:
        sys.exit(f"goldsmith runs on Linux on x86_64 and aarch64, and this is {sys.platform} on {machine}")
    return [machine]


def cached_binary(source: Path, architecture: str) -> Path:
    """Where the cache keeps the agent of this source, by a digest of all that decides its bytes."""
    digest = hashlib.sha256(repr((COMPILER, TARGETS[architecture], FLAGS)).encode())
    for path in sorted([*source.glob("*.c"), *source.glob("*.h")]):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    return user_cache() / "agents" / f"{digest.hexdigest()[:32]}-{architecture}"


def user_cache() -> Path:
    """The cache of goldsmith.settings, which cannot be imported while it is being built."""
    xdg = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("GOLDSMITH_CACHE") or xdg / "goldsmith")


def compile_agent(source: Path, architecture: str, binary: Path) -> None:
    """Compile every C file of a folder into one static program. Exits with the compiler's own words."""
    try:
        found = metadata.version("ziglang")
    except metadata.PackageNotFoundError:
        found = "none"
    if found != COMPILER:
        sys.exit(
            f"compiling the guest agent takes ziglang {COMPILER}, found: {found}\n"
            f"hint: pip install ziglang=={COMPILER}, or install goldsmith without --no-build-isolation"
        )
    binary.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=binary.parent) as scratch:
        made = Path(scratch, "agent")
        command = [sys.executable, "-m", "ziglang", "cc", "-target", TARGETS[architecture], *FLAGS]
        sources = sorted(map(str, source.glob("*.c")))
        done = subprocess.run([*command, "-o", str(made), *sources], stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            sys.exit(f"the guest agent does not compile for {architecture} (exit {done.returncode})")
        made.replace(binary)
