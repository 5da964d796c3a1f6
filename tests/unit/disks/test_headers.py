import os
import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldsmith.disks.headers import check_import, inspect_file
from goldsmith.errors import GoldsmithError, Invalid, NotFound

GIB = 1 << 30
CLUSTER = 1 << 16


def qcow2(
    *,
    version: int = 3,
    size: int = GIB,
    cluster_bits: int = 16,
    backing: str = "",
    data_file: str | None = None,
    crypt: int = 0,
    features: int = 0,
    l1_entries: int = 2,
    l1_at: int = 3 * CLUSTER,
    refcounts_at: int = CLUSTER,
    snapshots: int = 0,
) -> bytes:
    """A header as QEMU would write it, in a file that is as long as it says, but for what is asked."""
    if data_file is not None:
        features |= 4
    backing_at = 4096 if backing else 0
    head = struct.pack(
        ">4sIQIIQIIQQIIQ",
        *(b"QFI\xfb", version, backing_at, len(backing), cluster_bits, size, crypt),
        *(l1_entries, l1_at, refcounts_at, 1, snapshots, 4 * CLUSTER if snapshots else 0),
    )
    head += struct.pack(">QQQII", features, 0, 0, 4, 104)
    if data_file is not None:
        name = data_file.encode()
        head += struct.pack(">II", 0x44415441, len(name)) + name.ljust(-(-len(name) // 8) * 8, b"\0")
    return (head.ljust(4096, b"\0") + backing.encode()).ljust(5 * CLUSTER, b"\0")


def refusal(path: Path, content: bytes) -> Invalid:
    path.write_bytes(content)
    with pytest.raises(Invalid) as caught:
        check_import(path)
    return caught.value


def test_a_disk_is_told_by_its_content_and_not_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(qcow2())

    disk = check_import(path)

    assert (disk.format, disk.virtual_size, disk.note) == ("qcow2", GIB, "")


def test_a_name_that_promises_another_format_is_noted_and_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "disk.qcow2"
    path.write_bytes(bytes(1080) + b"\x53\xef" + bytes(3 << 20))

    disk = check_import(path)

    assert (disk.format, disk.content) == ("raw", "ext2")
    assert disk.note == "disk.qcow2 is called qcow2, and is raw by its content: taken as raw"


def test_both_versions_of_qcow2_are_read(tmp_path: Path) -> None:
    path = tmp_path / "old.qcow2"
    path.write_bytes(qcow2(version=2))

    assert check_import(path).virtual_size == GIB


@pytest.mark.parametrize(
    ("content", "code", "message", "hint"),
    [
        (b"", "disk-empty", "PATH is empty", "the copy may have been cut off: get it anew"),
        (b"hello, \xc3\xa9t\xc3\xa9\n", "not-a-disk", "PATH is a text, not a disk", "look at the path"),
        (
            bytes(range(256)) * 64,
            "not-a-disk",
            "PATH is no disk: no format, partition table or file system was found in it",
            "qcow2 and raw disks are imported; encrypted or wiped ones cannot be told from noise",
        ),
        (
            qcow2(backing="/etc/passwd"),
            "outside-reference",
            "PATH needs another file below it (/etc/passwd)",
            "make it flat where it came from: qemu-img convert -O qcow2 'a disk' flat.qcow2",
        ),
        (
            qcow2(data_file="/etc/hostname"),
            "outside-reference",
            "PATH keeps its data in another file (/etc/hostname)",
            "make it flat where it came from: qemu-img convert -O qcow2 'a disk' flat.qcow2",
        ),
        (
            qcow2(features=4),
            "outside-reference",
            "PATH keeps its data in another file (unnamed)",
            "make it flat where it came from: qemu-img convert -O qcow2 'a disk' flat.qcow2",
        ),
        (
            qcow2(crypt=2),
            "disk-encrypted",
            "PATH is encrypted",
            "import a copy that is not: goldsmith knows no passphrase for it",
        ),
        (
            qcow2(features=2),
            "disk-damaged",
            "PATH is marked as corrupt",
            "try: qemu-img check -r all 'PATH'",
        ),
        (
            b"\x1f\x8b\x08" + bytes(600),
            "format-gzip",
            "PATH is packed with gzip",
            "unpack it first: gzip -dk 'PATH'",
        ),
        (
            bytes(0x8001) + b"CD001" + bytes(4096),
            "format-iso",
            "PATH is an ISO image: a medium to install from, not an installed disk",
            "import a cloud image of that system (qcow2 or raw)",
        ),
        (
            b"vhdxfile" + bytes(4096),
            "format-vhdx",
            "PATH is a disk of format vhdx, and qcow2 and raw are imported",
            "convert it first: qemu-img convert -f vhdx -O qcow2 'PATH' 'PATH.qcow2'",
        ),
        (
            bytes(GIB >> 10) + b"conectix" + bytes(32) + struct.pack(">QQ", GIB, GIB) + bytes(456),
            "format-vhd",
            "PATH is a disk of format vhd, and qcow2 and raw are imported",
            "convert it first: qemu-img convert -f vpc -O qcow2 'PATH' 'PATH.qcow2'",
        ),
        (
            b"LUKS\xba\xbe\0\2" + bytes(1 << 20),
            "no-root",
            "PATH holds no partition table, only crypto_LUKS: no root file system is in reach",
            "import the whole disk that it was taken from",
        ),
    ],
)
def test_each_reason_to_refuse_a_file_has_its_own_words(
    tmp_path: Path, content: bytes, code: str, message: str, hint: str
) -> None:
    path = tmp_path / "a disk"

    error = refusal(path, content)

    assert error.code == code
    assert error.message == message.replace("PATH", str(path))
    assert error.hint == hint.replace("PATH", str(path))


DESCRIPTOR = """\
# Disk DescriptorFile
version=1
CID=fffffffe
parentCID={parent}
createType="{kind}"
{extents}
"""


@pytest.mark.parametrize(
    ("kind", "parent", "extents", "message"),
    [
        (
            "monolithicFlat",
            "ffffffff",
            'RW 4192256 FLAT "/etc/shadow" 0',
            "is a VMDK descriptor without its extent: the disk itself is in /etc/shadow",
        ),
        (
            "twoGbMaxExtentSparse",
            "ffffffff",
            'RW 4192256 SPARSE "disk-s001.vmdk"\nRW 2097152 SPARSE "disk-s002.vmdk"',
            "is a VMDK descriptor without its extent: the disk itself is in disk-s001.vmdk, disk-s002.vmdk",
        ),
        ("monolithicSparse", "ffffffff", "", "is a VMDK descriptor that names no extent"),
        (
            "monolithicSparse",
            "1234abcd",
            'parentFileNameHint="base.vmdk"\nRW 4192256 SPARSE "snapshot.vmdk"',
            "is a VMDK snapshot that needs another file below it (base.vmdk)",
        ),
    ],
)
def test_a_vmdk_without_its_other_half_is_refused_by_name(
    tmp_path: Path, kind: str, parent: str, extents: str, message: str
) -> None:
    path = tmp_path / "disk.vmdk"

    error = refusal(path, DESCRIPTOR.format(kind=kind, parent=parent, extents=extents).encode())

    assert error.message == f"{path} {message}"
    assert error.hint.startswith("export it as one file, monolithicSparse or streamOptimized")
    assert error.code == "outside-reference"


def test_one_part_of_a_split_vmdk_set_is_refused(tmp_path: Path) -> None:
    part = struct.pack("<4sIIQQQQ", b"KDMV", 1, 3, 4192256, 128, 0, 0).ljust(512, b"\0")

    error = refusal(tmp_path / "disk-s001.vmdk", part)

    assert error.message == f"{tmp_path}/disk-s001.vmdk is one part of a split VMDK set"


def test_a_sparse_vmdk_whose_descriptor_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    text = DESCRIPTOR.format(kind="monolithicFlat", parent="ffffffff", extents='RW 9 FLAT "/etc/shadow" 0')
    header = struct.pack("<4sIIQQQQ", b"KDMV", 1, 3, 0, 128, 1, 20).ljust(512, b"\0")

    error = refusal(tmp_path / "disk.vmdk", header + text.encode())

    assert error.message.endswith("without its extent: the disk itself is in /etc/shadow")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            qcow2(size=1 << 47, cluster_bits=21, l1_entries=256, l1_at=2 << 20, refcounts_at=4 << 20).ljust(
                8 << 20, b"\0"
            ),
            "says that it is a disk of 140737488355328 bytes; 1 byte to 64 TiB are possible",
        ),
        (qcow2(version=4), "the qcow2 file has version 4, and 2 and 3 are known"),
        (qcow2(cluster_bits=40), "the qcow2 file has clusters of 2^40 bytes"),
        (
            qcow2(l1_entries=1 << 31),
            "the qcow2 file places its table of clusters (17179869184 bytes at 196608) where they cannot be, "
            "in a file of 327680 bytes",
        ),
        (
            qcow2(l1_at=1 << 40),
            "the qcow2 file places its table of clusters (16 bytes at 1099511627776) where they cannot be, "
            "in a file of 327680 bytes",
        ),
        (
            qcow2(refcounts_at=77),
            "the qcow2 file places its reference counts (65536 bytes at 77) where they cannot be, "
            "in a file of 327680 bytes",
        ),
        (
            qcow2(size=64 * GIB),
            "the qcow2 file says that it holds 68719476736 bytes, and has tables for less",
        ),
        (qcow2(features=1 << 9), "the qcow2 file needs features that are not known (bits 0x200)"),
        (qcow2()[:60], "the qcow2 file ends within its header"),
        (qcow2(snapshots=1 << 20), "the qcow2 file has 1048576 snapshots at byte 262144"),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    error = refusal(tmp_path / "liar", content)

    assert message in error.message
    assert error.message.startswith(str(tmp_path / "liar"))
    assert error.code == "disk-damaged"


@given(at=st.integers(0, 200), noise=st.binary(min_size=1, max_size=16), length=st.integers(0, 5 * CLUSTER))
def test_no_header_whatever_ends_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, at: int, noise: bytes, length: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "noise"
    content = qcow2(backing="x", data_file="y")[:length]
    path.write_bytes(content[:at] + noise + content[at + len(noise) :])

    with suppress(GoldsmithError):
        check_import(path)


@given(start=st.sampled_from([b"KDMV", b"# Disk DescriptorFile\n", b"conectix", b"QED\0"]), rest=st.binary())
def test_no_start_of_a_format_ends_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, start: bytes, rest: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "noise"
    path.write_bytes(start + rest)

    with pytest.raises(Invalid):
        check_import(path)


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    link = tmp_path / "link"
    link.symlink_to(pipe)

    for path in (pipe, link, tmp_path, Path("/dev/zero")):
        with pytest.raises(Invalid) as caught:
            inspect_file(path)
        assert caught.value.message == f"{path} is no regular file"
        assert caught.value.code == "not-a-file"


def test_a_link_to_a_regular_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "disk").write_bytes(qcow2())
    (tmp_path / "link").symlink_to("disk")

    assert inspect_file(tmp_path / "link").format == "qcow2"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        check_import(tmp_path / "nothing")

    assert caught.value.message == f"there is no file {tmp_path}/nothing"
