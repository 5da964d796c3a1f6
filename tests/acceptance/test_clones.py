"""Machines made from built images: each is one of its own, and its kernels go on where the build ended.

They boot as they would anywhere, by their firmware and their own boot loader.
"""

from __future__ import annotations

import re
import socket
import subprocess
from pathlib import Path

import pytest

from goldsmith.builds import build, imports
from goldsmith.builds.booting import boot_image
from goldsmith.builds.build import Outcome
from goldsmith.builds.home import Home
from goldsmith.catalog.images import Image
from goldsmith.documents.guest import Command
from goldsmith.guests.vm import Vm
from goldsmith.log import Log
from tests.machines import running, shell
from tests.recipes import bash, document, loaded

#: A kernel under another version, `$1`: what a package lays down, without its boot loader's part. When
#: it runs, it finds its modules under the version that it knows.
KERNEL = """\
set -e
copied=$(uname -r)
mkdir /lib/modules/$1
cp /boot/vmlinuz-$copied /boot/vmlinuz-$1
cp /boot/initrd.img-$copied /boot/initrd.img-$1
"""
#: systemd-boot instead of GRUB, its partition mounted at /efi.
SYSTEMD_BOOT = """\
set -e
umount /boot/efi
mkdir /efi
sed -i 's: /boot/efi : /efi :' /etc/fstab
mount /efi
apt-get -o Acquire::Languages=none update
apt-get install -y systemd-boot
rm -r /boot/grub /efi/EFI/debian
"""
ADD = "kernel-install add $1 /boot/vmlinuz-$1"


@pytest.fixture(scope="module")
def built(shared_home: Home, debian: Image, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """A base with a second kernel, by GRUB."""
    folder = tmp_path_factory.mktemp("built")
    work = document(
        folder,
        "work",
        {
            "build": [bash("Second", f"set -- 9.9.9\n{KERNEL}", "update-grub")],
            "test": [bash("Second", "grep -F BOOT_IMAGE=/boot/vmlinuz-9.9.9 /proc/cmdline")],
        },
    )
    return build.build(shared_home, loaded(folder, debian.id, [work], name="grub"), Log()).image


@pytest.fixture(scope="module")
def systemd_boot(shared_home: Home, debian: Image, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A base with a second kernel, by systemd-boot."""
    folder = tmp_path_factory.mktemp("systemd-boot")
    # The EFI partition has room for two. What goes with the first is what both find their modules by.
    second = f"set -- 9.9.9\n{KERNEL}kernel-install remove $copied\ndepmod $copied\n{ADD}"
    work = document(
        folder,
        "work",
        {
            "build": [bash("Loader", SYSTEMD_BOOT, timeoutSeconds=900), bash("Second", second)],
            "test": [bash("Second", r"grep -F '\9.9.9\initrd.img-9.9.9' /proc/cmdline")],
        },
    )
    keys = {"name": "systemd-boot", "boot": "uefi", "output": {"formats": ["raw"]}}
    return build.build(shared_home, loaded(folder, debian.id, [work], **keys), Log())


@pytest.mark.slow
def test_two_machines_from_one_image_are_two(shared_home: Home, built: Image, tmp_path: Path) -> None:
    """Cases C39 and C43: with a seed and without, both have a network, and nothing in common.

    Each guest has a network of its own, which gives its only machine always the same address. What a
    DHCP server of a common network would tell the machines apart by is what they sent to theirs.
    """
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    port = free_port()
    with boot_image(shared_home, built.id, Log(), ssh_port=port, ssh_key=key.with_suffix(".pub")) as vm:
        first = identity(vm)
        login = ["ssh", "-i", str(key), "-p", str(port), "-o", "StrictHostKeyChecking=no"]
        login += ["-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", "root@127.0.0.1", "id -u"]
        said = subprocess.run(login, capture_output=True, text=True, check=False)
        assert said.stdout == "0\n", said.stderr
    with boot_image(shared_home, built.id, Log()) as vm:
        second = identity(vm)

    assert all(first[what] != second[what] for what in first), (first, second)


@pytest.mark.slow
def test_a_kernel_that_a_machine_installs_by_grub_is_the_next_it_boots(
    shared_home: Home, built: Image
) -> None:
    """Case C41."""
    with boot_image(shared_home, built.id, Log()) as vm:
        assert "BOOT_IMAGE=/boot/vmlinuz-9.9.9 " in shell(vm, "cat /proc/cmdline")
        shell(vm, f"set -- 9.9.10\n{KERNEL}update-grub")

        vm.reboot()

        assert "BOOT_IMAGE=/boot/vmlinuz-9.9.10 " in shell(vm, "cat /proc/cmdline")


@pytest.mark.slow
@pytest.mark.timeout(1800)  # a build with packages, its test and two boots, emulated on a busy machine
def test_a_kernel_that_a_machine_installs_by_systemd_boot_is_the_next_it_boots(
    shared_home: Home, systemd_boot: Outcome
) -> None:
    """Cases C39 and C41: the build's machine id named the boot entries, and is no copy's own."""
    with boot_image(shared_home, systemd_boot.image.id, Log()) as vm:
        token = shell(vm, "cat /etc/kernel/entry-token").strip()
        assert booted_by_systemd_boot(token, "9.9.9") in shell(vm, "cat /proc/cmdline")
        assert shell(vm, "cat /etc/machine-id").strip() != token
        shell(vm, f"set -- 9.9.10\n{KERNEL}{ADD}")

        vm.reboot()

        assert booted_by_systemd_boot(token, "9.9.10") in shell(vm, "cat /proc/cmdline")
        shell(vm, "kernel-install remove 9.9.9")
        assert shell(vm, "ls /efi/loader/entries") == f"{token}-9.9.10.conf\n"


@pytest.mark.slow
def test_a_raw_disk_boots_the_kernel_that_lies_on_its_partition_at_efi(
    shared_home: Home, systemd_boot: Outcome
) -> None:
    raw = imports.import_image(shared_home, systemd_boot.paths["raw"], Log())
    with running(shared_home, raw, init="none", network="none") as (vm, _):
        boot = vm.system.boot
        assert boot is not None
        assert re.fullmatch(r"/[0-9a-f]{32}/9\.9\.9/linux", boot.entry.kernel)


def booted_by_systemd_boot(token: str, version: str) -> str:
    """What its entry's initrd adds to the kernel's command line."""
    return rf"initrd=\{token}\{version}\initrd.img-{version}"


def identity(vm: Vm) -> dict[str, str]:
    """What has to differ between two machines; and that both have an address, and an SSH server."""
    address = shell(vm, "ip -4 -o addr show scope global")
    assert re.search(r"inet 10\.0\.2\.\d+/24", address), address
    key = shell(vm, "cut -d' ' -f2 /etc/ssh/ssh_host_ed25519_key.pub").strip()
    assert key in shell(vm, "ssh-keyscan -t ed25519 127.0.0.1")
    return {
        "machine id": shell(vm, "cat /etc/machine-id"),
        "host key": key,
        "DHCP client": shell(vm, "grep -h ^CLIENTID= /run/systemd/netif/leases/*"),
        "random": vm.run(Command(["head", "-c", "16", "/dev/urandom"])).stdout.hex(),
    }


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
