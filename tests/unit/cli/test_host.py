"""What doctor says of hosts that lack something."""

import os
from pathlib import Path

import pytest

from goldsmith.cli import host
from goldsmith.cli.host import Finding


def nothing_but(monkeypatch: pytest.MonkeyPatch, *there: str) -> None:
    monkeypatch.setattr("shutil.which", lambda program, path: f"/bin/{program}" if program in there else None)


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing_but(monkeypatch)

    assert host.program("QEMU", "qemu-system-x86_64") == Finding(
        "QEMU", "missing", "qemu-system-x86_64 is not installed", packages=("qemu-system-x86",)
    )


def test_missing_tools_are_named_together(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing_but(monkeypatch, "mmdebstrap", "tar", "mke2fs", "mkfs.vfat")

    assert host.tools("tools for bases", host.TOOLS["tools for bases"]) == Finding(
        "tools for bases", "missing", "mcopy, mmd not installed", packages=("mtools",)
    )


def test_without_debian_s_keys_no_base_can_be_made(tmp_path: Path) -> None:
    key = tmp_path / "keys.gpg"

    assert host.keyring((str(key),)).packages == ("debian-archive-keyring",)
    key.touch()
    assert host.keyring((str(key),)).state == "ok"


def test_a_host_without_a_network_room_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing_but(monkeypatch, "ip", "unshare", "nsenter")
    monkeypatch.setattr("goldsmith.guests.room.lack", lambda: "pasta is not installed")
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    assert host.network() == Finding(
        "network room",
        "limited",
        "guests can reach this host's own services: pasta is not installed",
        packages=("passt", "nftables"),
    )


def test_a_folder_that_cannot_be_made_is_missing() -> None:
    assert host.folder_of("home", Path("/dev/null/x")) == Finding(
        "home",
        "missing",
        "/dev/null/x: Not a directory",
        "make it writable for this user, or set GOLDSMITH_HOME to another folder",
    )


@pytest.mark.parametrize(
    ("free", "state"), [(1 << 30, "missing"), (2 << 30, "limited"), (8 << 30, "ok"), (9 << 40, "ok")]
)
def test_the_space_of_a_folder_is_judged(
    free: int, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": free}))

    found = host.folder_of("cache", tmp_path)

    assert found.state == state
    assert bool(found.mend) == (state != "ok")


def test_memory_is_weighed_against_a_guest(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  8000000 kB\nMemAvailable:    524288 kB\n")

    assert host.memory(meminfo) == Finding(
        "memory",
        "limited",
        "512 MiB available, a guest takes 1 GiB",
        "end other programs, or ask for less: machine.memory in a recipe",
    )


def test_a_user_without_ids_of_its_own_learns_how_to_get_some(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing_but(monkeypatch)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert host.namespaces() == Finding(
        "user namespaces", "missing", "unshare is not installed", packages=("util-linux",)
    )
