"""What a base holds, looked at from outside; that it boots is for tests with guests to say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from goldsmith import programs, settings
from goldsmith.disks import basedisk, bases, qemu_img
from goldsmith.disks.table import SECTOR
from goldsmith.errors import NotFound
from goldsmith.log import Event, Log
from goldsmith.settings import Settings

pytestmark = pytest.mark.slow


class Root:
    """The root file system of a base, read by debugfs."""

    def __init__(self, base: bases.BaseDisk, folder: Path) -> None:
        self.disk = folder / "disk.raw"
        qemu_img.run("convert", "-O", "raw", base.disk, self.disk)
        self.device = f"{self.disk}?offset={basedisk.ROOT.start * SECTOR}"

    def ask(self, request: str) -> str:
        return programs.run(["debugfs", "-R", request, self.device]).decode()

    def read(self, path: str) -> str:
        return self.ask(f"cat {path}")

    def names(self, folder: str) -> set[str]:
        lines = (line.split("/") for line in self.ask(f"ls -p {folder}").splitlines())
        return {fields[5] for fields in lines if len(fields) > 5} - {".", ".."}


@pytest.fixture(scope="module")
def base() -> bases.BaseDisk:
    return bases.make_base("debian-12", settings.load(), Log())


@pytest.fixture(scope="module")
def root(base: bases.BaseDisk, tmp_path_factory: pytest.TempPathFactory) -> Root:
    return Root(base, tmp_path_factory.mktemp("base"))


def test_its_table_and_file_system_are_sound(root: Root) -> None:
    assert b"No problems found" in programs.run(["sgdisk", "-v", root.disk])
    programs.run(["e2fsck", "-fn", root.device])


def test_it_holds_no_password_and_no_key(root: Root) -> None:
    hashes = {line.split(":")[1] for line in root.read("/etc/shadow").splitlines()}

    assert hashes <= {"*", "!", "!*"}
    assert not {name for name in root.names("/etc/ssh") if name.startswith("ssh_host")}
    assert root.names("/root") <= {".bashrc", ".profile", ".ssh"}


def test_it_keeps_nothing_of_the_machine_it_was_made_on(root: Root) -> None:
    assert root.read("/etc/machine-id") == ""
    assert root.read("/etc/hostname") == "localhost\n"
    assert root.names("/etc/apt/apt.conf.d") == {"01autoremove", "70debconf"}
    assert root.names("/etc/dpkg/dpkg.cfg.d") == set()
    assert not {name for name in root.names("/etc") if "resolv.conf" in name} - {"resolv.conf"}
    assert root.names("/var/lib/apt/lists") <= {"auxfiles", "lock", "partial"}
    assert root.names("/dev") == set()
    assert root.names("/") >= {"vmlinuz", "initrd.img"}
    assert not {name for name in root.names("/") if "grub-probe" in name or name == ".release"}


def test_its_package_sources_are_the_suites_own(root: Root) -> None:
    lines = [line.split() for line in root.read("/etc/apt/sources.list").splitlines()]

    assert [(line[0], *line[2:]) for line in lines] == [
        ("deb", "bookworm", "main"),
        ("deb", "bookworm-updates", "main"),
        ("deb", "bookworm-security", "main"),
    ]


def test_its_files_belong_to_whom_the_packages_say(root: Root) -> None:
    sudo = root.ask("stat /usr/bin/sudo")

    assert re.search(r"Mode: +04755", sudo)
    assert re.search(r"User: +0 +Group: +0", sudo)
    assert re.search(r"User: +0 +Group: +42", root.ask("stat /etc/shadow"))


def test_its_boot_menu_names_the_root_by_its_uuid_and_has_a_way_back(root: Root) -> None:
    menu = root.read("/boot/grub/grub.cfg")
    uuid = re.findall(r"^UUID=(\S+) / ext4", root.read("/etc/fstab"))[0]

    assert set(re.findall(r"root=(\S+)", menu)) == {f"UUID={uuid}"}
    entries = re.findall(r"^(?:menuentry|submenu) '([^']+)'", menu, re.MULTILINE)
    assert entries[2] == "Debian, the kernel that /vmlinuz names"
    assert "set fallback=2" in menu


def test_kernel_and_initrd_lie_beside_it(base: bases.BaseDisk) -> None:
    for path in (base.vmlinuz, base.initrd):
        assert path.stat().st_size > 4 << 20


def test_a_second_one_within_a_day_is_the_first_one(base: bases.BaseDisk) -> None:
    told: list[Event] = []

    assert bases.make_base("debian-12", settings.load(), Log(told.append)) == base
    assert told == []


def test_a_base_that_nobody_knows_is_told_with_those_that_are_known(home: Settings) -> None:
    with pytest.raises(NotFound) as caught:
        bases.make_base("debian-12-large", home, Log())

    assert caught.value.message == "no base is called debian-12-large"
    assert caught.value.hint == (
        "there are debian-11, debian-11-minimal, debian-12, debian-12-minimal, debian-13, debian-13-minimal"
    )
