"""How a guest fails: each way is found in seconds and told apart."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from goldsmith.builds.home import Home
from goldsmith.catalog.images import Image
from goldsmith.documents.guest import Command
from goldsmith.errors import GuestFailed, HostLack
from goldsmith.guests import channel
from tests.machines import running, shell


@pytest.mark.parametrize(
    ("key", "code", "message"),
    [
        ("c", "kernel-panic", "the guest's kernel panicked"),
        ("b", "unexpected-reboot", "the guest restarted though no step asked for it"),
        ("o", "unexpected-power-off", "the guest powered itself off"),
    ],
)
def test_a_guest_that_stops_by_itself_says_how(
    shared_home: Home, debian: Image, key: str, code: str, message: str
) -> None:
    with running(shared_home, debian, init="none", network="none") as (vm, _):
        with pytest.raises(GuestFailed) as failed:
            vm.run(Command(["sh", "-c", f"echo {key} > /proc/sysrq-trigger; sleep 600"]))
    assert (failed.value.code, failed.value.message) == (code, message)


def test_a_killed_qemu_is_noticed(shared_home: Home, debian: Image) -> None:
    """Case C72."""
    with running(shared_home, debian, init="none", network="none") as (vm, _):
        channel_number = vm.channel.send_request("run", ["/", "2", "sleep", "600"])
        os.kill(vm.machine.pid, signal.SIGKILL)
        with pytest.raises(GuestFailed) as failed:
            vm.channel.next_frame()
    assert channel_number > 0
    assert failed.value.code == "qemu-ended"
    assert failed.value.message == "QEMU ended (exit -9)"


def test_a_silent_agent_is_given_up(
    shared_home: Home, debian: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(shared_home, debian, init="none", network="none") as (vm, _):
        vm.machine.execute("stop")
        monkeypatch.setattr(channel, "SILENT_AFTER", 2.0)
        with pytest.raises(GuestFailed) as failed:
            vm.run(Command(["true"]))
    assert failed.value.code == "agent-silent"
    assert failed.value.message == "the guest's agent has said nothing for 2 seconds"


def test_a_guest_that_has_no_root_does_not_boot(shared_home: Home, debian: Image, tmp_path: Path) -> None:
    with pytest.raises(GuestFailed) as failed:
        with running(shared_home, debian, init="none", network="none", device="/dev/vda2"):
            pass
    assert failed.value.code == "boot-failed"
    assert failed.value.message == "the guest did not boot: its root could not be mounted"
    assert any("cannot go on: /dev/vda2: Invalid argument" in line for line in failed.value.last_lines)


def test_a_full_host_disk_ends_the_guest_with_the_way_out(
    shared_home: Home, debian: Image, small_disk: Path
) -> None:
    with pytest.raises(HostLack) as failed:
        with running(shared_home, debian, init="none", network="none", folder=small_disk) as (vm, _):
            vm.run(Command(["sh", "-c", "dd if=/dev/urandom of=/big bs=1M count=64; sync; sleep 600"]))
    assert failed.value.code == "disk-full"
    assert failed.value.message == "the host's disk is full: the guest's disk could not grow"


@pytest.mark.slow
def test_a_host_disk_that_fills_while_the_guest_stops_ends_it_at_once(
    shared_home: Home, debian: Image, small_disk: Path
) -> None:
    stop = "/bin/dd if=/dev/urandom of=/big bs=1M count=64 conv=fsync"
    with running(shared_home, debian, network="none", folder=small_disk) as (vm, _):
        shell(vm, f"systemd-run --property=RemainAfterExit=yes --property='ExecStop={stop}' /bin/true")
        with pytest.raises(HostLack) as failed:
            vm.power_off()
    assert failed.value.code == "disk-full"
    assert failed.value.message == "the host's disk is full: the guest's disk could not grow"
    assert failed.value.hint == "free disk space, or set GOLDSMITH_HOME to a larger disk"
