import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from goldsmith.disks import formats, overlay, qemu_img
from goldsmith.disks.chain import Chain
from goldsmith.documents.recipe import Format
from goldsmith.errors import HostLack, Invalid

MIB = 1 << 20
QEMU_NAMES = {"vhd": "vpc"}


def disk_of(folder: Path, size: int, *writes: str) -> Chain:
    """Two files, one above the other, with what qemu-io writes into the lower and the upper."""
    chain = Chain((folder / "base",))
    overlay.create(folder / "base", size)
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -P 7 1M 2M", folder / "base"], check=True)
    chain = overlay.over(chain, folder / "top", size)
    for line in writes:
        subprocess.run(["qemu-io", "-f", "qcow2", "-c", line, folder / "top"], check=True)
    return chain


def content(path: Path, kind: Format, folder: Path) -> bytes:
    flat = folder / f"flat-{kind}"
    qemu_img.run("convert", "-f", QEMU_NAMES.get(kind, kind), "-O", "raw", path, flat)
    return flat.read_bytes()


@pytest.mark.parametrize("kind", ["qcow2", "raw", "vmdk", "vhd", "vhdx"])
def test_each_format_holds_the_whole_chain(tmp_path: Path, kind: Format) -> None:
    disk = disk_of(tmp_path, 16 * MIB, "write -P 9 4M 64k")

    written = formats.write(disk, tmp_path / "image", kind)

    flat = content(written.path, kind, tmp_path)
    assert flat[MIB : 3 * MIB] == b"\7" * 2 * MIB
    assert flat[4 * MIB : 4 * MIB + 65536] == b"\11" * 65536
    assert not flat.replace(b"\7", b"").replace(b"\11", b"").strip(b"\0")
    assert (
        written.digest
        == "sha256:"
        + subprocess.run(
            ["sha256sum", written.path], capture_output=True, text=True, check=True
        ).stdout.split()[0]
    )
    assert written.size < 4 * MIB
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", f"flat-{kind}", "image", "top"]


def test_a_flat_image_stands_for_itself(tmp_path: Path) -> None:
    written = formats.write(disk_of(tmp_path, 16 * MIB), tmp_path / "image", "qcow2")

    info = qemu_img.run("info", "--output=json", written.path)
    assert b"backing-filename" not in info
    assert b'"compression-type": "zstd"' in info


@pytest.mark.parametrize(
    ("size", "expected"), [(5369233408, 5369757696 + 512), (5368709120, 5368709120 + 512)]
)
def test_a_vhd_is_whole_mebibytes_and_a_footer(tmp_path: Path, size: int, expected: int) -> None:
    """Case C45."""
    disk = disk_of(tmp_path, size)

    written = formats.write(disk, tmp_path / "image.vhd", "vhd")

    with written.path.open("rb") as file:
        assert file.seek(-512, os.SEEK_END) + 512 == expected
        footer = file.read()
    assert footer[:8] == b"conectix"
    assert int.from_bytes(footer[48:56], "big") == expected - 512
    assert int.from_bytes(footer[60:64], "big") == 2, "fixed"
    assert written.size < 4 * MIB
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "image.vhd", "top"]


def test_a_raw_image_keeps_its_holes(tmp_path: Path) -> None:
    written = formats.write(disk_of(tmp_path, 1024 * MIB), tmp_path / "image", "raw")

    assert written.path.stat().st_size == 1024 * MIB
    assert written.size < 4 * MIB


def test_a_full_disk_is_told_before_it_is_written_to(tmp_path: Path, small_disk: Path) -> None:
    disk = disk_of(tmp_path, 64 * MIB, "write -P 1 0 40M")

    with pytest.raises(HostLack) as caught:
        formats.write(disk, small_disk / "image", "raw")

    assert caught.value.code == "disk-full"
    assert caught.value.message == f"{small_disk} has 24 MiB free, and 38 MiB are needed"
    assert not list(small_disk.iterdir())


def test_a_disk_that_fills_up_meanwhile_leaves_nothing(tmp_path: Path, small_disk: Path) -> None:
    (tmp_path / "noise").write_bytes(os.urandom(40 * MIB))
    disk = disk_of(tmp_path, 64 * MIB, f"write -s {tmp_path}/noise 0 40M")

    with pytest.raises(HostLack) as caught:
        formats.write(disk, small_disk / "image", "qcow2")

    assert caught.value.code == "disk-full"
    assert caught.value.hint == "free disk space, or set GOLDSMITH_HOME and GOLDSMITH_CACHE to a larger disk"
    assert not list(small_disk.iterdir())


WRITE = """
import sys
from pathlib import Path
from goldsmith.disks import formats
from goldsmith.disks.chain import Chain
formats.write(Chain((Path(sys.argv[1]), )), Path(sys.argv[2]), "qcow2")
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_write_that_is_stopped_leaves_no_program_and_no_image(tmp_path: Path, how: signal.Signals) -> None:
    source, target = tmp_path / "source", tmp_path / "image"
    noise = tmp_path / "noise"
    noise.write_bytes(os.urandom(256 * MIB))
    qemu_img.run("convert", "-f", "raw", "-O", "qcow2", noise, source)
    writer = subprocess.Popen([sys.executable, "-c", WRITE, source, target], stderr=subprocess.PIPE)
    while not list(tmp_path.glob(".image.*.new")):
        assert writer.poll() is None, "it ended before it was stopped"
        time.sleep(0.01)

    writer.send_signal(how)
    writer.communicate()

    assert writer.returncode != 0
    assert not target.exists()
    # Killed outright, nobody is left to remove what was written aside, and it never gets the name.
    assert bool(list(tmp_path.glob(".image.*.new"))) == (how is signal.SIGKILL)


def test_a_smaller_disk_is_refused_with_both_sizes() -> None:
    with pytest.raises(Invalid) as caught:
        formats.check_size(20 << 30, 10 << 30, "recipe.yml:4:14")

    assert caught.value.message == ("recipe.yml:4:14: the disk cannot be 10 GiB: its base has 20 GiB")
    formats.check_size(20 << 30, 20 << 30, "")
    formats.check_size(20 << 30, 50 << 30, "")


def test_the_size_of_a_chain_is_that_of_its_top(tmp_path: Path) -> None:
    disk = disk_of(tmp_path, 16 * MIB)
    (tmp_path / "raw").write_bytes(bytes(1000))

    assert formats.virtual_size(overlay.over(disk, tmp_path / "grown", 32 * MIB)) == 32 * MIB
    assert formats.virtual_size(Chain((tmp_path / "raw",), "raw")) == 1024
