"""What was deleted is not in the image (case C69), not even what is smaller than a cluster."""

from __future__ import annotations

from pathlib import Path

from goldsmith.builds.home import Home
from goldsmith.catalog.images import Image
from goldsmith.disks import formats
from goldsmith.disks.chain import Chain
from goldsmith.guests.initramfs import File
from tests.machines import holds, inspected, overlay_on

MARKER = b"a key that somebody deleted"


def test_a_deleted_file_is_gone_from_the_disk_after_the_wipe(
    shared_home: Home, debian: Image, tmp_path: Path
) -> None:
    disk = overlay_on(shared_home, debian, tmp_path)
    with inspected(shared_home, disk) as inspection:
        inspection.put("/etc/ssh/deleted", File(MARKER))
        inspection.channel.ask("sync")
        inspection.remove("/etc/ssh/deleted")
    assert holds_marker(disk, tmp_path / "before.raw")

    with inspected(shared_home, disk) as inspection:
        inspection.wipe()

    assert not holds_marker(disk, tmp_path / "after.raw")


def holds_marker(disk: Chain, raw: Path) -> bool:
    formats.write(disk, raw, "raw")
    found = holds(raw, MARKER)
    raw.unlink()
    return found
