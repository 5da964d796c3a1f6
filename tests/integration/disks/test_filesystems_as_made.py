from pathlib import Path

import pytest

from goldsmith import programs
from goldsmith.disks.filesystems import HEAD, FileSystem, identify

UUID = "5f913b0c-f681-4ad4-b284-05ecd6944617"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["mke2fs", "-t", "ext2", "-L", "some name", "-U", UUID], FileSystem("ext2", "some name", UUID)),
        (["mke2fs", "-t", "ext3", "-L", "data", "-U", UUID], FileSystem("ext3", "data", UUID)),
        (["mke2fs", "-t", "ext4", "-L", "root", "-U", UUID], FileSystem("ext4", "root", UUID)),
        (["mkfs.vfat", "-F", "32", "-n", "ESP", "-i", "ABCD0123"], FileSystem("vfat", "ESP", "ABCD-0123")),
        (["mkfs.vfat", "-F", "16", "-i", "ABCD0123"], FileSystem("vfat", "", "ABCD-0123")),
        (["mkswap", "-L", "swap", "-U", UUID], FileSystem("swap", "swap", UUID)),
    ],
)
def test_a_file_system_is_told_with_its_label_and_uuid(
    tmp_path: Path, command: list[str], expected: FileSystem
) -> None:
    disk = tmp_path / "disk"
    with disk.open("wb") as file:
        file.truncate(64 << 20)
    programs.run([*command, disk])

    with disk.open("rb") as file:
        assert identify(file.read(HEAD)) == expected


def test_emptiness_is_no_file_system() -> None:
    assert identify(b"") is None
    assert identify(bytes(HEAD)) is None
