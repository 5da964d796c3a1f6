"""Case C67: what we write is what other tools call a sound table."""

import uuid
from pathlib import Path

from goldsmith import programs
from goldsmith.disks.table import HEAD, SECTOR, TAIL, Gpt, Write, grow, parse

GIB = 1 << 30


def make(path: Path, size: int, *arguments: str) -> None:
    with path.open("wb") as file:
        file.truncate(size)
    programs.run(["sgdisk", *arguments, path])


def enlarge(path: Path, size: int, number: int) -> None:
    sectors = size // SECTOR
    with path.open("r+b") as file:
        file.truncate(size)
        head = file.read(HEAD)
        file.seek(size - TAIL)
        apply(path, grow(parse(head, sectors, file.read(TAIL)), sectors, number))


def apply(path: Path, writes: list[Write]) -> None:
    with path.open("r+b") as file:
        for offset, content in writes:
            file.seek(offset)
            file.write(content)


def test_a_grown_gpt_is_clean_and_reaches_the_end(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    make(disk, 8 * GIB, "-n", "1::+64M", "-t", "1:ef00", "-n", "2::0", "-c", "2:root", "-t", "2:8304")

    enlarge(disk, 32 * GIB, 2)

    assert b"No problems found" in programs.run(["sgdisk", "-v", disk])
    assert b"No errors detected" in programs.run(["sfdisk", "--verify", disk])
    info = programs.run(["sgdisk", "-i", "2", disk]).decode()
    assert f"Last sector: {32 * GIB // SECTOR - 2049} " in info
    assert "Partition name: 'root'" in info
    with disk.open("rb") as file:
        file.seek(32 * GIB - SECTOR)
        assert file.read(8) == b"EFI PART"


def test_what_sgdisk_writes_is_read_as_it_shows_it(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    make(disk, GIB, "-n", "5:4096:8191", "-t", "5:8300", "-c", "5:späte Größe", "-U", str(uuid.UUID(int=5)))

    with disk.open("rb") as file:
        table = parse(file.read(HEAD), GIB // SECTOR)

    assert isinstance(table, Gpt)
    (only,) = table.partitions
    assert (only.number, only.start, only.sectors, only.name) == (5, 4096, 4096, "späte Größe")
    assert only.type == "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
    assert table.disk == uuid.UUID(int=5)


def test_a_grown_mbr_is_clean(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with disk.open("wb") as file:
        file.truncate(GIB)
    programs.run(["sfdisk", "-q", disk], input=b"label: dos\nsize=100MiB, type=c\ntype=83, bootable\n")

    enlarge(disk, 4 * GIB, 2)

    assert b"No errors detected" in programs.run(["sfdisk", "--verify", disk])
    shown = programs.run(["sfdisk", "--json", disk]).decode()
    assert f'"size": {4 * GIB // SECTOR - 2048 - 100 * 2048}' in shown
    assert '"bootable": true' in shown
