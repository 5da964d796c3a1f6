"""Images that do not come up as they should, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from goldsmith.builds import systems
from goldsmith.builds.home import Home
from goldsmith.catalog.images import Image
from goldsmith.errors import GuestFailed
from goldsmith.guests import vm
from goldsmith.guests.accelerator import accelerator
from goldsmith.guests.initramfs import File
from goldsmith.guests.inspection import ROOT, Inspection
from goldsmith.guests.machine import Hardware
from goldsmith.guests.runs import run_folder
from goldsmith.guests.vm import System, Vm
from goldsmith.log import Event, Log, Message
from tests.machines import inspected, overlay_on


@contextmanager
def changed(
    home: Home, image: Image, change: Callable[[Inspection], None], log: Log, *, init: str = ""
) -> Iterator[Vm]:
    """A vm on an overlay of an image that was changed before it boots."""
    with run_folder(home.settings) as run:
        known = systems.of_image(home, image, run, Log())
        disk = overlay_on(home, image, run)
        with inspected(home, disk) as inspection:
            change(inspection)
        root = known.facts.root
        system = System(replace(root, init=init or root.init), known.boot)
        hardware = Hardware(accelerator(home.settings), network=vm.network()[0])
        with Vm(log, run / "vm", disk, system, hardware) as machine:
            yield machine


@pytest.mark.slow
def test_a_system_in_emergency_mode_is_not_up(shared_home: Home, debian: Image) -> None:
    def change(inspection: Inspection) -> None:
        fstab = inspection.get("/etc/fstab") or b""
        line = b"/dev/missing /data ext4 x-systemd.device-timeout=5s 0 2\n"
        inspection.put("/etc/fstab", File(fstab + line))

    with pytest.raises(GuestFailed) as failed:
        with changed(shared_home, debian, change, Log()):
            pass

    assert (failed.value.code, failed.value.message) == (
        "boot-failed",
        "the guest's system is maintenance and not up",
    )
    assert failed.value.hint == (
        "the lines of its serial port say what failed, such as a mount of /etc/fstab"
    )
    assert any("[DEPEND] Dependency failed for" in line for line in failed.value.last_lines)


@pytest.mark.slow
def test_a_guest_that_writes_for_ever_and_never_comes_up_is_given_up(
    shared_home: Home, debian: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(inspection: Inspection) -> None:
        inspection.remove("/usr/sbin/init")
        forever = b"#!/bin/sh\nwhile sleep 0.2; do echo still starting > /dev/ttyS0; done\n"
        inspection.put("/usr/sbin/init", File(forever, 0o755))

    monkeypatch.setattr(vm, "BOOT_LIMIT", dict.fromkeys(vm.BOOT_LIMIT, 40.0))

    with pytest.raises(GuestFailed) as failed:
        with changed(shared_home, debian, change, Log()):
            pass

    assert (failed.value.code, failed.value.message) == (
        "boot-failed",
        "the guest did not boot: the guest's agent did not answer",
    )
    assert failed.value.hint == "the last lines of its serial port say where it stopped"
    assert failed.value.last_lines[-1] == "still starting"


def test_a_resolv_conf_that_leads_nowhere_is_said_and_the_guest_goes_on(
    shared_home: Home, debian: Image
) -> None:
    def change(inspection: Inspection) -> None:
        inspection.remove("/etc/resolv.conf")
        inspection.channel.ask("link", "/nowhere/resolv.conf", "/etc/resolv.conf", root=ROOT)

    said: list[Event] = []
    with changed(shared_home, debian, change, Log(said.append), init="none") as machine:
        assert machine.stat("/run/goldsmith/resolv.conf") is not None

    assert [each.text for each in said if isinstance(each, Message) and each.level == "warning"] == [
        "names are not resolved in the guest: /etc/resolv.conf:"
        " /run/goldsmith/resolv.conf: No such file or directory"
    ]


def test_what_cannot_be_done_in_an_image_names_the_path(shared_home: Home, debian: Image) -> None:
    with pytest.raises(GuestFailed) as failed:
        with changed(shared_home, debian, lambda it: it.put("/etc/fstab/x", File(b"")), Log()):
            pass
    assert failed.value.message == "cannot write /etc/fstab/x: Not a directory (in the image)"
