"""Images that do not come up as they should, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from goldsmith.builds import systems
from goldsmith.builds.home import Home
from goldsmith.catalog.images import Image
from goldsmith.disks import overlay
from goldsmith.errors import GuestFailed
from goldsmith.guests import vm
from goldsmith.guests.accelerator import accelerator
from goldsmith.guests.initramfs import File
from goldsmith.guests.inspection import ROOT, Inspection, inspect
from goldsmith.guests.machine import Hardware
from goldsmith.guests.runs import run_folder
from goldsmith.guests.vm import System, Vm
from goldsmith.log import Event, Log, Message


@contextmanager
def changed(
    home: Home, image: Image, change: Callable[[Inspection], None], log: Log, *, init: str = ""
) -> Iterator[Vm]:
    """A vm on an overlay of an image that was changed before it boots."""
    assert image.file is not None
    with run_folder(home.settings) as run:
        known = systems.of_image(home, image, run, Log())
        disk = overlay.over(home.disk(image), run / "disk.qcow2", image.file.virtual_size)
        with inspect(home.settings, Log(), run / "change", disk) as inspection:
            inspection.find_root()
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
