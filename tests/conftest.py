"""What all tests share: a home of their own, and a watch that nothing they started outlives them."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from goldsmith import settings
from goldsmith.settings import Settings

pytest_plugins = ["tests.shared"]

#: Every process that this run starts inherits this variable.
VARIABLE = "GOLDSMITH_TEST_RUN"
os.environ[VARIABLE] = str(os.getpid())

#: Seconds that a program which is being killed may take to be gone.
PATIENCE = 3.0


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A fresh GOLDSMITH_HOME, for this process and those it starts. The cache stays the user's."""
    monkeypatch.setenv("GOLDSMITH_HOME", str(tmp_path / "home"))
    return settings.load()


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fail a test that leaves a process, mount, loop device or network namespace behind.

    Guests of wider fixtures are older than the test and so no concern of its.
    """
    folder = str(tmp_path_factory.getbasetemp())
    processes, things = _process_ids(), _things(folder)
    yield
    deadline = time.monotonic() + PATIENCE
    while left := _ours(_process_ids() - processes, folder) | (_things(folder) - things):
        if time.monotonic() > deadline:
            pytest.fail("the test left behind:\n" + "\n".join(sorted(left)))
        time.sleep(0.05)


def _process_ids() -> set[int]:
    return {int(each) for each in os.listdir("/proc") if each.isdecimal()}  # noqa: PTH208 (far quicker)


def _ours(processes: set[int], folder: str) -> set[str]:
    """Those that this run started, by their environment, and those that name a file of its."""
    mark = f"{VARIABLE}={os.getpid()}"
    return {
        f"process {pid}: {command}"
        for pid in processes
        if (command := _text(pid, "cmdline"))
        and (folder in command or mark in _text(pid, "environ").split(" "))
    }


def _text(pid: int, file: str) -> str:
    """A NUL-separated file of a process, with spaces; empty for one that is gone or waits to be reaped."""
    try:
        return Path("/proc", str(pid), file).read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _things(folder: str) -> set[str]:
    """Mounts below the folder, and all loop devices in use and named network namespaces."""
    # proc_pid_mountinfo(5): the fifth field is the mount point.
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    loops = Path("/sys/block").glob("loop*/loop")
    namespaces = Path("/run/netns").glob("*")
    return {
        *(f"mount {point}" for point in points if point.startswith(folder)),
        *(f"loop device {each.parent.name}" for each in loops),
        *(f"network namespace {each.name}" for each in namespaces),
    }
