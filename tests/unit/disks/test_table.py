import struct
import uuid
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldsmith.disks.table import HEAD, SECTOR, TAIL, Gpt, Mbr, Partition, Table, Write, grow, new_gpt, parse
from goldsmith.errors import Invalid

LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
GIB = (1 << 30) // SECTOR
DISK = uuid.UUID("0f2b1d0e-9d3c-4d5a-8a55-0c8c2f2f7e11")

BOOT = Partition(1, 2048, 2048, ESP, "boot")
ROOT = Partition(3, 4096, 8 * GIB - 4096 - 2048, LINUX, "root")


class Disk:
    """The two ends of a disk, as far as a table lies there."""

    def __init__(self, writes: list[Write], sectors: int) -> None:
        self.sectors = sectors
        self.pieces = dict(writes)

    def grown_to(self, sectors: int) -> "Disk":
        larger = Disk([], sectors)
        larger.pieces = dict(self.pieces)
        return larger

    def apply(self, writes: list[Write]) -> None:
        self.pieces |= dict(writes)

    def read(self, start: int, length: int) -> bytes:
        content = bytearray(length)
        for offset, piece in self.pieces.items():
            if start <= offset < start + length:
                content[offset - start : offset - start + len(piece)] = piece
        return bytes(content[:length])

    def parse(self) -> Table:
        size = self.sectors * SECTOR
        return parse(self.read(0, HEAD), self.sectors, self.read(size - TAIL, TAIL))


def gpt_disk(*partitions: Partition, sectors: int = 8 * GIB) -> Disk:
    return Disk(new_gpt(partitions or (BOOT, ROOT), sectors, DISK), sectors)


def mbr_disk(*slots: tuple[int, int, int], sectors: int = 8 * GIB) -> Disk:
    boot = bytearray(SECTOR)
    for index, (kind, start, count) in enumerate(slots):
        struct.pack_into("<B3xB3xII", boot, 446 + 16 * index, 0, kind, start, count)
    boot[510:] = b"\x55\xaa"
    return Disk([(0, bytes(boot))], sectors)


def refusal(disk: Disk) -> str:
    with pytest.raises(Invalid) as caught:
        disk.parse()
    return caught.value.message


def rewritten(header: bytes, at: int, form: str, value: int) -> bytes:
    """A header with one field changed and its checksum right again."""
    changed = bytearray(header)
    struct.pack_into(form, changed, at, value)
    changed[16:20] = bytes(4)
    struct.pack_into("<I", changed, 16, zlib.crc32(changed[:92]))
    return bytes(changed)


def test_a_new_table_is_read_back_as_it_was_meant() -> None:
    table = gpt_disk().parse()

    assert isinstance(table, Gpt)
    assert table.partitions == (BOOT, ROOT)
    assert table.disk == DISK


def test_growing_moves_the_backup_to_the_new_end_and_fills_the_disk_with_the_last_partition() -> None:
    disk = gpt_disk().grown_to(32 * GIB)

    disk.apply(grow(disk.parse(), disk.sectors, 3))

    table = disk.parse()
    assert table.partitions == (BOOT, Partition(3, 4096, 32 * GIB - 4096 - 2048, LINUX, "root"))
    assert disk.read((32 * GIB - 1) * SECTOR, 8) == b"EFI PART"
    assert disk.read((8 * GIB - 1) * SECTOR, SECTOR) == bytes(SECTOR)
    assert struct.unpack_from("<I", disk.read(0, SECTOR), 446 + 12)[0] == 32 * GIB - 1


def test_growing_keeps_boot_code_and_the_other_entries() -> None:
    disk = gpt_disk()
    sector = bytearray(disk.read(0, SECTOR))
    sector[:440] = b"\x90" * 440
    disk.apply([(0, bytes(sector))])
    first_entry = disk.read(2 * SECTOR, 128)
    disk = disk.grown_to(9 * GIB)

    disk.apply(grow(disk.parse(), disk.sectors, 3))

    assert disk.read(0, 440) == b"\x90" * 440
    assert disk.read(2 * SECTOR, 128) == first_entry


def test_all_that_grow_writes_is_whole_sectors() -> None:
    writes = grow(gpt_disk().grown_to(9 * GIB).parse(), 9 * GIB, 3)

    assert all(offset % SECTOR == 0 and len(content) % SECTOR == 0 for offset, content in writes)


def test_growing_a_disk_that_is_full_already_changes_nothing() -> None:
    disk = gpt_disk()
    before = dict(disk.pieces)

    disk.apply(grow(disk.parse(), disk.sectors, 3))

    assert disk.pieces == before


def test_a_partition_behind_the_root_is_named_as_in_the_way() -> None:
    disk = gpt_disk(Partition(1, 4096, GIB, LINUX, "root"), Partition(2, 2 * GIB, GIB, LINUX, "home"))

    with pytest.raises(Invalid) as caught:
        grow(disk.parse(), disk.sectors, 1)

    assert caught.value.message == "partition 1 cannot grow: partition 2 (home) lies behind it"
    assert caught.value.hint == (
        "leave the disk's size as it is, or use a base whose root partition is the last"
    )


def test_a_partition_that_is_not_there_is_named() -> None:
    with pytest.raises(Invalid, match="the partition table has no partition 7"):
        grow(gpt_disk().parse(), 8 * GIB, 7)


def test_a_damaged_primary_is_read_from_the_backup_and_written_anew() -> None:
    disk = gpt_disk()
    disk.apply([(SECTOR, b"\xff" * SECTOR)])

    disk.apply(grow(disk.parse(), disk.sectors, 3))

    assert disk.read(SECTOR, 8) == b"EFI PART"
    assert disk.parse().partitions == (BOOT, ROOT)


def test_entries_that_lie_elsewhere_stay_there() -> None:
    """Boards keep their loader behind the header, and the entries further up."""
    disk = gpt_disk()
    header = rewritten(disk.read(SECTOR, SECTOR), 72, "<Q", 1024)
    disk.apply([(SECTOR, header), (1024 * SECTOR, disk.read(2 * SECTOR, 32 * SECTOR))])
    disk.apply([(2 * SECTOR, b"\xee" * 32 * SECTOR)])
    disk = disk.grown_to(9 * GIB)

    disk.apply(grow(disk.parse(), disk.sectors, 3))

    assert disk.read(2 * SECTOR, 16) == b"\xee" * 16
    assert disk.parse().partitions[1].end == 9 * GIB - 2048


def test_an_mbr_is_read_and_its_last_partition_grown() -> None:
    disk = mbr_disk((0x83, 2048, GIB), (0x83, 2048 + GIB, GIB)).grown_to(20 * GIB)

    disk.apply(grow(disk.parse(), disk.sectors, 2))

    table = disk.parse()
    assert isinstance(table, Mbr)
    assert table.partitions == (
        Partition(1, 2048, GIB, "0x83"),
        Partition(2, 2048 + GIB, 19 * GIB - 2048, "0x83"),
    )


def test_an_mbr_does_not_grow_beyond_its_two_tebibytes() -> None:
    disk = mbr_disk((0x83, 2048, GIB)).grown_to(3 << 31)

    with pytest.raises(Invalid) as caught:
        grow(disk.parse(), disk.sectors, 1)

    assert caught.value.message == ("partition 1 cannot grow to 6442450944 sectors: an MBR ends at 2 TiB")


def test_an_extended_partition_does_not_grow() -> None:
    disk = mbr_disk((0x83, 2048, GIB), (0x05, 2 * GIB, GIB))

    with pytest.raises(Invalid, match="partition 2 cannot grow: it is an extended one"):
        grow(disk.parse(), disk.sectors, 2)


def test_a_disk_without_a_table_says_so() -> None:
    assert refusal(Disk([], GIB)) == "the disk has no partition table"


def test_a_disk_that_was_cut_off_is_refused() -> None:
    disk = gpt_disk()
    disk.sectors = 4 * GIB

    assert refusal(disk) == f"the partition table was made for a larger disk than one of {4 * GIB} sectors"


def test_a_table_for_sectors_of_4096_bytes_is_told_apart() -> None:
    disk = gpt_disk()
    disk.apply([(8 * SECTOR, disk.pieces.pop(SECTOR))])
    disk.pieces.pop(2 * SECTOR)

    assert refusal(disk) == (
        "the partition table is made for sectors of 4096 bytes, and this disk has sectors of 512"
    )


@pytest.mark.parametrize(
    ("at", "form", "value", "message"),
    [
        (12, "<I", 4096, "has a GPT header of 4096 bytes"),
        (80, "<I", 1 << 30, "has 1073741824 GPT entries of 128 bytes"),
        (84, "<I", 100, "has 128 GPT entries of 100 bytes"),
        (72, "<Q", 1 << 40, "keeps its GPT entries at sector 1099511627776, where none should be"),
        (88, "<I", 7, "has GPT entries whose checksum is wrong"),
        (40, "<Q", 5000, "has a partition 1 outside the disk (sectors 2048 to 4095)"),
    ],
)
def test_a_header_that_contradicts_itself_is_refused(at: int, form: str, value: int, message: str) -> None:
    disk = gpt_disk()
    disk.apply([(SECTOR, rewritten(disk.read(SECTOR, SECTOR), at, form, value))])
    disk.pieces.pop((disk.sectors - 1) * SECTOR)

    assert refusal(disk) == f"the partition table {message}"


def test_a_wrong_checksum_is_refused_where_no_backup_helps() -> None:
    disk = gpt_disk()
    disk.apply([(SECTOR, disk.read(SECTOR, SECTOR)[:56] + bytes(16) + disk.read(SECTOR, SECTOR)[72:])])
    disk.pieces.pop((disk.sectors - 1) * SECTOR)

    assert refusal(disk) == "the partition table has a GPT header whose checksum is wrong"


def test_partitions_over_each_other_are_refused() -> None:
    gpt = gpt_disk(Partition(1, 2048, GIB, LINUX), Partition(2, GIB, GIB, LINUX))
    mbr = mbr_disk((0x83, 2048, GIB), (0x83, GIB, GIB))

    for disk in (gpt, mbr):
        assert refusal(disk) == "the partition table has partitions 1 and 2 over each other"


def test_a_boot_sector_of_fat_is_no_table() -> None:
    disk = mbr_disk((0x83, 2048, GIB))
    sector = bytearray(disk.read(0, SECTOR))
    sector[446] = 0x6C
    disk.apply([(0, bytes(sector))])

    assert refusal(disk) == "the partition table is no table: its entries are neither bootable nor not"


@given(st.binary(max_size=SECTOR), st.integers(0, 40 * SECTOR), st.integers(0, 1 << 40), st.integers(-1, 200))
def test_no_table_whatever_ends_in_a_traceback(noise: bytes, at: int, sectors: int, number: int) -> None:
    head = bytearray(gpt_disk().read(0, 64 * SECTOR))
    head[at : at + len(noise)] = noise

    with suppress(Invalid):
        grow(parse(bytes(head), sectors), sectors, number)


@given(
    usable=st.tuples(st.integers(0, 100), st.integers(0, 1000)),
    backup=st.integers(0, (1 << 64) - 1),
    array=st.integers(0, 70),
    size=st.sampled_from([128, 256]),
    places=st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), max_size=6),
    sectors=st.integers(1, 1000),
    more=st.integers(0, 1 << 33),
)
def test_no_table_with_right_checksums_ends_in_a_traceback_or_writes_outside_the_disk(
    usable: tuple[int, int],
    backup: int,
    array: int,
    size: int,
    places: list[tuple[int, int]],
    sectors: int,
    more: int,
) -> None:
    entries = b"".join(
        struct.pack("<16s16sQQQ72s", DISK.bytes, DISK.bytes, start, end, 0, b"").ljust(size, b"\0")
        for start, end in places
    )
    fields = (1, backup, *usable, DISK.bytes, array, len(places), size, zlib.crc32(entries))
    header = struct.pack("<8s4sIII QQQQ 16s QIII", b"EFI PART", b"\0\0\1\0", 92, 0, 0, *fields)
    head = bytearray(gpt_disk().read(0, SECTOR).ljust(HEAD, b"\0"))
    head[array * SECTOR : array * SECTOR + len(entries)] = entries
    head[SECTOR : 2 * SECTOR] = rewritten(header.ljust(SECTOR, b"\0"), 20, "<I", 0)

    with suppress(Invalid):
        table = parse(bytes(head), sectors)
        for partition in table.partitions:
            for offset, content in grow(table, sectors + more, partition.number):
                assert 0 <= offset <= (sectors + more) * SECTOR - len(content)
