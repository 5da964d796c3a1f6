"""A snapshot of a running guest's disk: one moment of it, however busy the guest is."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from goldsmith.builds.home import Home
from goldsmith.catalog.images import Image
from goldsmith.disks import overlay
from goldsmith.disks.chain import Chain
from goldsmith.errors import GuestFailed
from goldsmith.guests.machine import Machine
from goldsmith.guests.vm import Vm
from tests.machines import inspected, running, shell

WRITER = """
cd /root
( i=0; while true; do i=$((i+1)); echo $i >> numbers; echo $i > last; done ) > /dev/null 2>&1 &
"""


@contextmanager
def quick(home: Home, debian: Image, folder: Path) -> Iterator[Vm]:
    """A guest whose disk stays in `folder`, and whose first process is the agent."""
    with running(home, debian, init="none", network="none", folder=folder) as (vm, _):
        yield vm


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def test_a_snapshot_is_whole_and_the_guest_goes_on_above_it(
    shared_home: Home, debian: Image, tmp_path: Path
) -> None:
    with quick(shared_home, debian, tmp_path) as vm:
        # A file system in a file of another: both have to stand still, in the right order.
        shell(
            vm,
            "modprobe loop && truncate -s 8M /root/inner.img && mkfs.ext4 -q /root/inner.img"
            " && mount -o loop /root/inner.img /mnt && echo inside > /mnt/file",
        )
        shell(vm, WRITER)

        first = vm.snapshot(tmp_path / "second.qcow2")
        before = digest(first)
        second = vm.snapshot(tmp_path / "third.qcow2")
        shell(vm, "sleep 1; echo later > /root/later; sync")
        vm.reboot()

        assert shell(vm, "cat /root/later") == "later\n"
        files = vm.disk.files
    assert files[-3:] == (first, second, tmp_path / "third.qcow2")
    assert digest(first) == before

    assert debian.file is not None
    for name, layer in (("first", Chain(files[:-2])), ("second", Chain(files[:-1]))):
        above = overlay.over(layer, tmp_path / name, debian.file.virtual_size)
        with inspected(shared_home, above) as inspection:
            assert inspection.get("/root/later") is None
            numbers = (inspection.get("/root/numbers") or b"").decode().splitlines()
            # Without its journal: what stands still has nothing left in it.
            check = "e2fsck -fn /root/inner.img >&2 && debugfs -R 'cat file' /root/inner.img"
            words = ["/", "3", "sh", "-c", check]
            assert inspection.channel.request("run", words, root="/sysroot").stdout == b"inside\n"
        assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
        assert numbers


@pytest.mark.slow
def test_a_guest_goes_on_after_a_snapshot_that_qemu_refused(
    shared_home: Home, debian: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute = Machine.execute

    def refusing(machine: Machine, command: str, **arguments: Any) -> Any:
        if command == "blockdev-snapshot":
            arguments["overlay"] = "nothing"
        return execute(machine, command, **arguments)

    with quick(shared_home, debian, tmp_path) as vm:
        monkeypatch.setattr(Machine, "execute", refusing)
        with pytest.raises(
            GuestFailed, match=r"^QEMU refused blockdev-snapshot: Cannot find device='nothing'"
        ):
            vm.snapshot(tmp_path / "second.qcow2")

        assert shell(vm, "echo thawed > /root/file; sync; cat /root/file", timeout=60) == "thawed\n"
        assert vm.disk.files[-1] == tmp_path / "disk.qcow2"


@pytest.mark.slow
def test_a_guest_that_dies_while_it_is_frozen_is_noticed(
    shared_home: Home, debian: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute = Machine.execute

    def dying(machine: Machine, command: str, **arguments: Any) -> Any:
        if command == "blockdev-snapshot":
            os.kill(machine.pid, signal.SIGKILL)
        return execute(machine, command, **arguments)

    with quick(shared_home, debian, tmp_path) as vm:
        monkeypatch.setattr(Machine, "execute", dying)
        with pytest.raises(GuestFailed) as failed:
            vm.snapshot(tmp_path / "second.qcow2")
    assert failed.value.code == "qemu-ended"


@pytest.mark.slow
def test_frozen_file_systems_keep_writers_waiting_and_the_agent_answers(
    shared_home: Home, debian: Image, tmp_path: Path
) -> None:
    with quick(shared_home, debian, tmp_path) as vm:
        vm.channel.ask("freeze")
        number = vm.channel.send_request("run", ["/", "3", "sh", "-c", "echo x > /root/file; sync"])
        assert vm.stat("/root/file") is None
        vm.channel.ask("freeze")  # what is frozen stays so
        vm.channel.ask("thaw")
        while vm.channel.next_frame()[:2] != (b"x", number):
            pass
        vm.channel.ask("thaw")  # where nothing is frozen nothing is done
        assert vm.get("/root/file") == b"x\n"
