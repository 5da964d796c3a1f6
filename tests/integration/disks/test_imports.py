"""Cases C51, C53, C55: foreign disks as qemu-img makes them, looked at without opening what they name."""

import subprocess
import sys
from pathlib import Path

import pytest

from goldsmith.disks import formats, overlay, qemu_img
from goldsmith.disks.headers import check_import, inspect_file
from goldsmith.errors import Conflict, Invalid

MIB = 1 << 20


def make(path: Path, format_: str, *options: str, size: str = "8M") -> Path:
    qemu_img.run("create", "-q", "-f", format_, *options, path, size)
    return path


def bare_disk(path: Path) -> Path:
    """The start of an ext4 that will do for a root, and some content behind it."""
    content = bytearray(8 * MIB)
    content[1080:1082] = b"\x53\xef"
    content[4 * MIB : 5 * MIB] = bytes(range(256)) * 4096
    path.write_bytes(content)
    return path


def test_nothing_but_the_file_itself_is_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    bare_disk(secret)
    below = make(tmp_path / "below.qcow2", "qcow2", "-b", str(secret), "-F", "raw")
    outside = make(tmp_path / "outside.qcow2", "qcow2", "-o", f"data_file={tmp_path}/data")
    flat = make(tmp_path / "flat.vmdk", "vmdk", "-o", "subformat=monolithicFlat")
    delta = make(tmp_path / "delta.vmdk", "vmdk", "-b", str(flat), "-F", "vmdk")
    opened: list[str] = []
    watching = True

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event in ("open", "subprocess.Popen", "os.open"):
            opened.append(str(arguments[0]))

    sys.addaudithook(watch)
    refused = {}
    for path in (below, outside, flat, delta):
        with pytest.raises(Invalid) as caught:
            check_import(path)
        refused[path] = caught.value
    watching = False

    assert {name for name in opened if name.startswith(str(tmp_path))} == set(map(str, refused))
    assert {error.code for error in refused.values()} == {"outside-reference"}
    assert refused[below].message == f"{below} needs another file below it ({secret})"
    assert refused[outside].message == f"{outside} keeps its data in another file ({tmp_path}/data)"
    assert refused[flat].message == (
        f"{flat} is a VMDK descriptor without its extent: the disk itself is in flat-flat.vmdk"
    )
    assert refused[delta].message == f"{delta} is a VMDK snapshot that needs another file below it ({flat})"


@pytest.mark.parametrize(
    ("format_", "options", "found"),
    [
        ("vmdk", ["-o", "subformat=streamOptimized"], "vmdk"),
        ("vmdk", [], "vmdk"),
        ("vpc", [], "vhd"),
        ("vpc", ["-o", "subformat=fixed,force_size=on"], "vhd"),
        ("vhdx", [], "vhdx"),
        ("vdi", [], "vdi"),
        ("qed", [], "qed"),
        ("qcow", [], "qcow"),
    ],
)
def test_a_format_that_is_not_imported_is_told_with_the_command_that_converts_it(
    tmp_path: Path, format_: str, options: list[str], found: str
) -> None:
    path = tmp_path / "disk"
    qemu_img.run("convert", "-f", "raw", "-O", format_, *options, bare_disk(tmp_path / "raw"), path)

    with pytest.raises(Invalid) as caught:
        check_import(path)

    assert caught.value.message == f"{path} is a disk of format {found}, and qcow2 and raw are imported"
    assert caught.value.code == f"format-{found}"
    command = caught.value.hint.removeprefix("convert it first: ").split()
    subprocess.run(command, check=True)
    assert check_import(Path(command[-1])).format == "qcow2"


@pytest.mark.parametrize("format_", ["vmdk", "vpc", "vdi"])
def test_the_size_of_other_formats_is_read_too(tmp_path: Path, format_: str) -> None:
    disk = make(tmp_path / "disk", format_, size="64M")

    assert (inspect_file(disk).virtual_size or 0) >= 64 * MIB


@pytest.mark.parametrize("options", ["compat=0.10", "compat=1.1,compression_type=zstd", "extended_l2=on"])
def test_every_kind_of_qcow2_comes_in(tmp_path: Path, options: str) -> None:
    path = tmp_path / "image"
    raw = bare_disk(tmp_path / "raw")
    qemu_img.run("convert", "-f", "raw", "-O", "qcow2", "-o", options, raw, path)

    taken = formats.take(path, check_import(path), tmp_path / "taken.qcow2")

    qemu_img.run("convert", "-f", "qcow2", "-O", "raw", taken.path, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == raw.read_bytes()


def test_a_raw_disk_comes_in_whatever_it_is_called(tmp_path: Path) -> None:
    raw = bare_disk(tmp_path / "disk.qcow2")

    found = check_import(raw)
    taken = formats.take(raw, found, tmp_path / "taken")

    assert found.note == "disk.qcow2 is called qcow2, and is raw by its content: taken as raw"
    assert inspect_file(taken.path).virtual_size == 8 * MIB
    assert taken.size < 2 * MIB


def test_a_disk_that_a_machine_runs_from_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "busy.qcow2"
    overlay.create(path, 8 * MIB)
    machine = subprocess.Popen(
        ["qemu-io", "-f", "qcow2", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert machine.stdin is not None
    assert machine.stdout is not None
    machine.stdin.write("write 0 512\n")
    machine.stdin.flush()
    machine.stdout.readline()

    with pytest.raises(Conflict) as caught:
        formats.take(path, check_import(path), tmp_path / "taken")

    machine.communicate("quit\n")
    assert caught.value.message == f"{path} is in use by another program"
    assert caught.value.hint == "power off the machine that runs from it"
    assert not (tmp_path / "taken").exists()


def test_a_disk_that_is_damaged_inside_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "disk.qcow2"
    raw = bare_disk(tmp_path / "raw")
    qemu_img.run("convert", "-c", "-f", "raw", "-O", "qcow2", raw, path)
    content = bytearray(path.read_bytes())
    for at in range(4 << 16, len(content) - 8, 8):
        # Compressed data that starts with nonsense.
        content[at : at + 8] = b"\xff" * 8
    path.write_bytes(content)

    with pytest.raises(Invalid) as caught:
        formats.take(path, check_import(path), tmp_path / "taken")

    assert caught.value.message.startswith(f"{path} cannot be read as qcow2: ")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["disk.qcow2", "raw"]
