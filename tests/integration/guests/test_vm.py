"""What steps find in a vm: the image's own system, with nothing of ours in it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from goldsmith.builds.home import Home
from goldsmith.catalog.images import Image
from goldsmith.documents.guest import Command
from goldsmith.errors import StepFailed
from goldsmith.guests.channel import Refused
from goldsmith.guests.vm import Vm
from goldsmith.log import Stream
from tests.machines import inspected, running, shell


@pytest.fixture(scope="module")
def vm(shared_home: Home, debian: Image) -> Iterator[Vm]:
    with running(shared_home, debian) as (machine, _):
        yield machine


def test_its_own_init_runs_and_all_units_started(vm: Vm) -> None:
    assert shell(vm, "cat /proc/1/comm; systemctl is-system-running") == "systemd\nrunning\n"


def test_stdout_and_stderr_come_apart_and_as_they_are_written(vm: Vm) -> None:
    heard: list[tuple[Stream, bytes]] = []
    script = "echo one; sleep 1; echo two >&2; sleep 1; echo three"

    done = vm.run(Command(["sh", "-c", script]), lambda stream, piece: heard.append((stream, piece)))

    assert heard == [("stdout", b"one\n"), ("stderr", b"two\n"), ("stdout", b"three\n")]
    assert (done.status, done.stdout, done.stderr) == (0, b"one\nthree\n", b"two\n")


@pytest.mark.parametrize(
    ("argv", "status"),
    [(["sh", "-c", "exit 194"], 194), (["sh", "-c", "kill -9 $$"], 137), (["no-such-program"], 127)],
)
def test_a_command_ends_with_its_status(vm: Vm, argv: list[str], status: int) -> None:
    assert vm.run(Command(argv)).status == status


def test_a_step_has_no_terminal_and_its_stdin_is_at_its_end(vm: Vm) -> None:
    """Case C35: whoever asks a question gets no answer at once, instead of waiting for ever."""
    script = "test -t 0 && echo terminal; read x || echo end; sudo -n sh -c 'read y || echo end'"
    assert shell(vm, script) == "end\nend\n"


def test_at_a_time_out_the_whole_process_group_is_killed(vm: Vm) -> None:
    script = "sleep 4711 & echo begun; sleep 4711"

    done = vm.run(Command(["sh", "-c", script], timeout=3))

    assert (done.timed_out, done.stdout) == (True, b"begun\n")
    assert vm.run(Command(["pgrep", "-f", "sleep 4711"])).stdout == b""


def test_a_daemon_that_keeps_the_output_open_does_not_hold_the_step(vm: Vm) -> None:
    assert shell(vm, "setsid sleep 4712 & echo started", timeout=60) == "started\n"
    shell(vm, "pkill -x sleep")


def test_somebody_in_the_background_who_keeps_writing_does_not_hold_the_step(vm: Vm) -> None:
    try:
        done = vm.run(Command(["sh", "-c", "setsid yes & echo started >&2; sleep 2; exit 7"], timeout=60))
    finally:
        vm.run(Command(["pkill", "-x", "yes"]))
    assert (done.status, done.timed_out, done.stderr) == (7, False, b"started\n")
    assert done.stdout.startswith(b"y\ny\n")


def test_a_kill_that_follows_at_once_is_not_lost(vm: Vm) -> None:
    for _ in range(5):
        done = vm.run(Command(["sleep", "4713"], timeout=0))
        assert (done.status, done.timed_out) == (137, True)
    assert vm.run(Command(["pgrep", "-f", "sleep 4713"])).stdout == b""


def test_a_command_with_a_nul_byte_names_the_word(vm: Vm) -> None:
    with pytest.raises(StepFailed, match=r"^a command cannot have a NUL byte in a word: 'a\\x00b'$"):
        vm.run(Command(["echo", "a\0b"]))


def test_a_large_output_comes_whole(vm: Vm) -> None:
    done = vm.run(Command(["sh", "-c", "seq 1 300000"]))
    assert done.stdout.decode().splitlines() == [str(number) for number in range(1, 300001)]


def test_files_go_in_and_out(vm: Vm) -> None:
    content = bytes(range(256)) * 5000

    vm.put("/root/file", content, 0o640)

    assert vm.get("/root/file") == content
    stat = vm.stat("/root/file")
    assert stat is not None
    assert (stat.kind, stat.mode, stat.uid, stat.size) == ("file", 0o640, 0, len(content))
    assert vm.stat("/root/nothing") is None


def test_a_file_that_cannot_be_written_or_read_names_path_and_reason(vm: Vm) -> None:
    with pytest.raises(StepFailed, match=r"^cannot write /no/folder: No such file or directory$"):
        vm.put("/no/folder", b"")
    with pytest.raises(StepFailed, match=r"^cannot read /nothing: No such file or directory$"):
        vm.get("/nothing")
    with pytest.raises(StepFailed, match=r"^cannot read /dev/ttyS0: it is no regular file$"):
        vm.get("/dev/ttyS0")
    with pytest.raises(StepFailed, match=r"^cannot read /etc: it is no regular file$"):
        vm.get("/etc")


def test_a_file_that_is_larger_than_wanted_is_not_read(vm: Vm) -> None:
    shell(vm, "truncate -s 300M /root/large")
    with pytest.raises(StepFailed, match=r"^cannot read /root/large: it has more than 268435456 bytes$"):
        vm.get("/root/large")
    with pytest.raises(Refused, match=r"^/proc/cpuinfo: it has more than 5 bytes$"):
        vm.channel.get("/proc/cpuinfo", most=5)
    assert vm.channel.get("/proc/sys/kernel/ostype", most=6) == b"Linux\n"
    shell(vm, "rm /root/large")


def test_background_updaters_rest_and_are_as_enabled_as_before(vm: Vm) -> None:
    """Case C33: none of them holds the lock of dpkg when the first step wants it."""
    timers = "apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer"
    assert shell(vm, f"systemctl is-enabled {timers}") == "enabled\n" * 3
    assert vm.run(Command(["systemctl", "is-active", *timers.split()])).stdout == b"inactive\n" * 3


def test_its_clock_is_the_hosts(vm: Vm) -> None:
    """Case C37."""
    assert abs(float(shell(vm, "date +%s.%N")) - time.time()) < 5


def test_it_does_not_reach_the_hosts_loopback_or_private_addresses(vm: Vm) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for address in ("10.0.2.2", "127.0.0.1", "192.168.0.1", "169.254.169.254"):
            script = f"timeout 5 bash -c 'echo > /dev/tcp/{address}/{port}'"
            assert vm.run(Command(["sh", "-c", script])).status != 0, address


def test_a_full_disk_in_the_guest_is_said_with_the_way_out(vm: Vm) -> None:
    shell(
        vm,
        "fallocate -l $(($(df --output=avail -B1 / | tail -1) - 4096)) /full; cat /dev/zero > /more || true",
    )
    try:
        with pytest.raises(StepFailed) as failed:
            vm.put("/root/too-much", bytes(1 << 20))
    finally:
        shell(vm, "rm -f /full /more")
    assert failed.value.message == "cannot write /root/too-much: No space left on device"
    assert failed.value.hint == "give the recipe a larger disk: `disk: {size: 10GiB}`"


def test_a_reboot_takes_the_newest_kernel_and_a_power_off_leaves_nothing_of_ours(
    shared_home: Home, debian: Image
) -> None:
    with running(shared_home, debian) as (machine, disk):
        shell(
            machine,
            """
            echo kept > /tmp/kept
            version=$(uname -r)
            cp /boot/vmlinuz-$version /boot/vmlinuz-9.9.9
            cp /boot/initrd.img-$version /boot/initrd.img-9.9.9
            sed -i "s/$version/9.9.9/g" /boot/grub/grub.cfg
            """,
        )

        machine.reboot()

        assert shell(machine, "cat /tmp/kept") == "kept\n"
        boot = machine.system.boot
        assert boot is not None
        assert boot.entry.kernel == "/boot/vmlinuz-9.9.9"

        machine.power_off()

        with inspected(shared_home, disk) as inspection:
            words = ["/", "4", "find", "/", "-iname", "*goldsmith*"]
            assert inspection.channel.request("run", words, root="/sysroot").stdout == b""
