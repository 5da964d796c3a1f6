"""Going on from a sealed disk: what a restart took or brought is found, and nothing else is told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from goldsmith.builds import systems
from goldsmith.builds.home import Home
from goldsmith.catalog.images import Image
from goldsmith.disks import overlay
from goldsmith.disks.chain import Chain
from goldsmith.guests import residue, vm
from goldsmith.guests.accelerator import accelerator
from goldsmith.guests.machine import Hardware
from goldsmith.guests.residue import Difference, Record
from goldsmith.guests.runs import run_folder
from goldsmith.guests.vm import System, Vm
from goldsmith.log import Log
from tests.machines import shell

pytestmark = pytest.mark.slow

SLEEPER = "[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n"

#: Steps as they are in any document; none of them is to send a build back. The names are what is recorded.
ORDINARY = {
    "files": "echo a > /tmp/a; echo b > /var/tmp/b; echo c > /etc/c.conf",
    "a user": "useradd -m tester; su - tester -c true; sudo -n true",
    "a job of cron": "mkdir -p /etc/cron.d; echo '@reboot root touch /root/rebooted' > /etc/cron.d/job",
    "a service that ends": "systemd-run --wait --quiet true",
    "mount and umount": "mkdir /mnt/x; mount -t tmpfs none /mnt/x; umount /mnt/x",
    "services": f"for unit in one two three; do printf '{SLEEPER}' > /etc/systemd/system/$unit.service; done;"
    " systemctl daemon-reload",
    "enable --now": "systemctl enable --now one",
    "start": "systemctl start two",
    "enable": "systemctl enable three",
    "stop": "systemctl stop systemd-resolved",
    "restart": "systemctl restart ssh; systemctl reload ssh",
    "a host name": "hostnamectl set-hostname golden",
    "questions": "timedatectl; localectl; loginctl; networkctl",
    "a setting for later": "echo vm.swappiness=10 > /etc/sysctl.d/99-later.conf",
}

#: Steps that leave something which no boot brings back (or that a boot brings), and what is to be told.
LEFT = {
    "a program in the background": (
        "setsid sleep 4711 > /dev/null 2>&1 & sleep 1",
        "process sleep 4711 is gone",
    ),
    "a transient service": (
        "systemd-run --quiet --unit left sleep infinity",
        "unit left.service is gone",
    ),
    "a service that nobody enables": (
        "printf '[Service]\\nExecStart=/bin/sleep infinity\\n' > /etc/systemd/system/static.service;"
        " systemctl daemon-reload; systemctl start static",
        "unit static.service is gone",
    ),
    "work done once": (
        "printf '[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/bin/true\\n[Install]\\n"
        "WantedBy=multi-user.target\\n' > /etc/systemd/system/once.service;"
        " systemctl daemon-reload; systemctl start once",
        "unit once.service is gone",
    ),
    "a file in /run": ("echo x > /run/left", "file /run/left is gone"),
    "a file in /dev/shm": ("echo x > /dev/shm/left", "file /dev/shm/left is gone"),
    "a file in /dev": ("echo x > /dev/left", "file /dev/left is gone"),
    "a mount": ("mkdir /mnt/y; mount -t tmpfs none /mnt/y", "mount /mnt/y is gone"),
    "a bind": ("mkdir /mnt/z; mount --bind /etc /mnt/z", "mount /mnt/z is gone"),
    "options of a mount": (
        "mount -o remount,noexec /dev/shm",
        "mount /dev/shm is 'tmpfs tmpfs / rw,nosuid,nodev' and was 'tmpfs tmpfs / rw,nosuid,nodev,noexec'",
    ),
    "a module": ("modprobe dummy numdummies=0", "module dummy is gone"),
    "a setting": (
        "sysctl -qw vm.overcommit_memory=1",
        "setting /proc/sys/vm/overcommit_memory is '0' and was '1'",
    ),
    "huge pages": (
        "echo never > /sys/kernel/mm/transparent_hugepage/enabled",
        "setting /sys/kernel/mm/transparent_hugepage/enabled is '[always] madvise never'"
        " and was 'always madvise [never]'",
    ),
    "a name of the host": (
        "hostname runtime",
        "setting /proc/sys/kernel/hostname is 'localhost' and was 'runtime'",
    ),
    "an address": ("ip addr add 10.9.9.9/32 dev lo", "address 10.9.9.9/32 is gone"),
    "a route": (
        "ip route add 10.88.0.0/16 via 10.0.2.2",
        "route inet 10.88.0.0/16 table 254 is gone",
    ),
    "a rule": ("ip rule add from 10.77.0.1 table 100 pref 500", "rule inet 500 is gone"),
    "an interface": ("ip link add br0 type bridge", "interface br0 is gone"),
    "a mask in memory": (
        "systemctl mask --runtime --quiet getty@.service",
        "file /run/systemd/system/getty@.service is gone",
    ),
    "a property in memory": (
        "systemctl set-property --runtime ssh.service CPUWeight=50",
        "file /run/systemd/system.control/ssh.service.d/50-CPUWeight.conf is gone",
    ),
    "a loop device": ("truncate -s 1M /root/disk; losetup -f /root/disk", "loop device /root/disk is gone"),
    "swap": (
        "dd if=/dev/zero of=/root/swap bs=1M count=1 status=none; chmod 600 /root/swap; mkswap -q /root/swap;"
        " swapon /root/swap",
        "swap /root/swap is gone",
    ),
    "shared memory": ("ipcmk -M 1024 -p 600", "shared memory"),
    "semaphores": ("ipcmk -S 1", "semaphores"),
    "a queue": ("ipcmk -Q", "message queue"),
    "systemd's environment": ("systemctl set-environment LEFT=yes", "environment LEFT is gone"),
    "a binary format": (
        "echo ':left:E::left::/bin/true:' > /proc/sys/fs/binfmt_misc/register",
        "binary format left is gone",
    ),
    "a mount for later": ("echo 'tmpfs /opt tmpfs defaults 0 0' >> /etc/fstab", "mount /opt is new"),
}


@contextmanager
def machine(
    home: Home, image: Image, folder: Path, below: Chain | None = None, resume: Record | None = None
) -> Iterator[Vm]:
    """A vm on an overlay of an image, or of a layer of it; the overlay stays in `folder`."""
    assert image.file is not None
    with run_folder(home.settings) as run:
        known = systems.of_image(home, image, run, Log())
        disk = overlay.over(below or home.disk(image), folder / "disk.qcow2", image.file.virtual_size)
        hardware = Hardware(accelerator(home.settings), network=vm.network()[0])
        system = System(known.facts.root, known.boot)
        with Vm(Log(), run / "vm", disk, system, hardware, resume) as guest:
            yield guest


@dataclass(frozen=True)
class Sealed:
    """What a guest left: its disk, and what was recorded after each step."""

    disk: Chain
    records: dict[str, Record]

    @property
    def last(self) -> Record:
        return list(self.records.values())[-1]


def seal(guest: Vm, steps: dict[str, str], folder: Path) -> Sealed:
    """Run steps one after the other with a record after each, and take the disk as it is then."""
    guest.watch()
    records = {}
    for name, script in steps.items():
        shell(guest, script)
        records[name] = residue.decode(residue.encode(guest.residue()))
    chain = guest.disk
    guest.snapshot(folder / "above.qcow2")
    assert all(records.values())
    return Sealed(chain, {name: record for name, record in records.items() if record is not None})


@pytest.fixture(scope="module")
def ordinary(shared_home: Home, debian: Image, tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    folder = tmp_path_factory.mktemp("ordinary")
    with machine(shared_home, debian, folder) as guest:
        return seal(guest, ORDINARY, folder)


@pytest.fixture(scope="module")
def left(shared_home: Home, debian: Image, tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    folder = tmp_path_factory.mktemp("left")
    with machine(shared_home, debian, folder) as guest:
        return seal(guest, {name: script for name, (script, _) in LEFT.items()}, folder)


def test_a_layer_is_gone_on_from_as_it_was_left(
    shared_home: Home, debian: Image, ordinary: Sealed, tmp_path: Path
) -> None:
    assert ordinary.last.hold == ("systemd-resolved.service", "three.service")
    assert ordinary.last.want == ("two.service",)

    with machine(shared_home, debian, tmp_path, ordinary.disk, ordinary.last) as guest:
        assert [str(each) for each in guest.differences()] == []

        # Case C37: its clock is right before the first step, whatever time the layer is from.
        assert abs(float(shell(guest, "date +%s.%N")) - time.time()) < 5
        assert shell(guest, "systemctl is-active one two three || true") == "active\nactive\ninactive\n"
        assert shell(guest, "cat /tmp/a /var/tmp/b /proc/sys/vm/swappiness /proc/sys/kernel/hostname") == (
            "a\nb\n60\ngolden\n"
        )
        assert guest.stat("/root/rebooted") is None
        boot = shell(guest, "tr -d - < /proc/sys/kernel/random/boot_id").strip()
        private = shell(guest, "ls -d /tmp/systemd-private-* /var/tmp/systemd-private-* || true").split()
        assert [name for name in private if boot not in name] == []

        # From here on it is a machine as any other; what was held may start.
        shell(guest, "systemctl start three; systemctl stop two")
        record = guest.residue()
        assert (record.hold, record.want) == (("systemd-resolved.service",), ())

        # A restart by a step starts what is enabled, as it would in a cold build.
        before = guest.traffic()
        guest.reboot()
        record = guest.residue()
        assert record.before == {}
        assert (record.hold, record.want) == ((), ())
        assert shell(guest, "systemctl is-active one two three systemd-resolved || true") == (
            "active\ninactive\nactive\nactive\n"
        )
        assert guest.stat("/root/rebooted") is None

        # The boot's own traffic is nobody's; a connection that is opened is a step's.
        assert not guest.traffic().used(before)
        shell(guest, "timeout 3 bash -c 'echo > /dev/tcp/10.0.2.2/9' || true")
        assert guest.traffic().used(before)


def test_two_guests_of_one_layer_make_different_keys(
    shared_home: Home, debian: Image, ordinary: Sealed, tmp_path: Path
) -> None:
    """Case C37's other half: nothing of a guest's randomness comes from its layer."""
    keys = set()
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        with machine(shared_home, debian, folder, ordinary.disk, ordinary.last) as guest:
            keys.add(shell(guest, "ssh-keygen -q -t ed25519 -N '' -f /root/key; cut -d' ' -f2 /root/key.pub"))
    assert len(keys) == 2


def test_what_a_boot_takes_or_brings_is_found(
    shared_home: Home, debian: Image, left: Sealed, tmp_path: Path
) -> None:
    with machine(shared_home, debian, tmp_path, left.disk, left.last) as guest:
        found = guest.differences()
    told = [str(each) for each in found]

    missed = [name for name, (_, text) in LEFT.items() if not any(line.startswith(text) for line in told)]

    assert missed == []
    check_first_layers(found, left)
    explained = [text for _, text in LEFT.values()]
    assert [line for line in told if not any(line.startswith(text) for text in explained)] == [
        "module bridge is gone",
        "module llc is gone",
        "module stp is gone",
        "route inet 10.9.9.9/32 table 255 is gone",
        "setting /proc/sys/vm/min_free_kbytes is '45056' and was '3852'",  # it follows huge pages
    ]


def check_first_layers(found: tuple[Difference, ...], left: Sealed) -> None:
    """A thing is known to be left in the layers from its step on, and in none before."""
    (process,) = (each for each in found if each.part == "process")
    (swap,) = (each for each in found if each.part == "swap")
    names = list(left.records)
    assert [name for name in names if residue.same_in(process, left.records[name])] == names
    assert [name for name in names if residue.same_in(swap, left.records[name])] == names[
        names.index("swap") :
    ]


def test_a_system_without_systemd_tells_what_there_is(
    shared_home: Home, alpine: Image, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, above = tmp_path_factory.mktemp("alpine"), tmp_path_factory.mktemp("above")
    steps = {
        "ordinary": "echo a > /etc/a.conf; echo a > /tmp/a; adduser -D tester",
        "a program": "setsid sleep 4711 > /dev/null 2>&1 & sleep 1",
        "a file in /run": "echo a > /run/left",
        "a mount": "mount -t tmpfs none /mnt",
    }
    with machine(shared_home, alpine, folder) as guest:
        sealed = seal(guest, steps, folder)
    assert list(sealed.records["ordinary"].before.get("file", {})) == ["/tmp/a"]

    with machine(shared_home, alpine, above, sealed.disk, sealed.last) as guest:
        told = [str(each) for each in guest.differences()]
    assert told == [
        "file /run/left is gone",
        "mount /mnt is gone",
        "process sleep 4711 is gone",
    ]
