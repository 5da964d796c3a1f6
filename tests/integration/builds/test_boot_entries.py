"""What a clean-up leaves of the machine id in boot entries (case C41)."""

from __future__ import annotations

from pathlib import Path

from goldsmith.builds import cleanup
from goldsmith.builds.home import Home
from goldsmith.catalog.images import Image
from goldsmith.guests.initramfs import File
from goldsmith.log import Log
from tests.machines import inspected, overlay_on

MADE_BY = "5ff1e6a6c0a84b1f9a35d3d2d0f1a7b2"
ENTRY = f"/boot/efi/loader/entries/{MADE_BY}-6.1.0-10.conf"
#: What vfat gives every file.
MODE = 0o755


def test_boot_entries_named_by_the_machine_id_keep_it_as_a_name_alone(
    shared_home: Home, debian: Image, tmp_path: Path
) -> None:
    disk = overlay_on(shared_home, debian, tmp_path)
    linux = f"linux /{MADE_BY}/6.1.0-10/linux\n"
    with inspected(shared_home, disk) as inspection:
        inspection.put("/etc/machine-id", File(f"{MADE_BY}\n".encode()))
        text = f"machine-id {MADE_BY}\noptions root=UUID=1 systemd.machine_id={MADE_BY}\n{linux}"
        inspection.put(ENTRY, File(text.encode(), MODE))

        cleanup.clean(inspection, frozenset(), None, Log())

    with inspected(shared_home, disk) as inspection:
        assert inspection.get(ENTRY) == f"options root=UUID=1\n{linux}".encode()
        assert inspection.get("/etc/kernel/entry-token") == f"{MADE_BY}\n".encode()
        assert inspection.get("/etc/machine-id") == b""
