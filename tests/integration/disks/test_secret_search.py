"""Secrets are found in real qcow2 files wherever the guest's data came to lie in them."""

import json
import subprocess
from pathlib import Path

import pytest

from goldsmith.disks import overlay, qemu_img
from goldsmith.disks.chain import Chain
from goldsmith.disks.secret_search import _PIECE, Find, find
from goldsmith.errors import Bug, HostLack

KIB, MIB = 1 << 10, 1 << 20
CLUSTER = 64 * KIB
SECRETS = {"TOKEN": b"hunter2-hunter2", "KEY": b"BEGIN" + bytes(range(256)) * 20 + b"END"}


def disk(path: Path, size: int = 64 * MIB) -> Path:
    overlay.create(path, size)
    return path


def write(path: Path, *writes: tuple[int, bytes], below: Path | None = None) -> None:
    """Write through qemu-io, as a guest does: in this order, at these places."""
    sources = []
    for number, (at, content) in enumerate(writes):
        source = path.with_name(f"{path.name}.{number}")
        source.write_bytes(content)
        sources += ["-c", f"write -s {source} {at} {len(content)}"]
    node: dict[str, object] = {"driver": "qcow2", "backing": None, "file": _file(path)}
    if below:
        node["backing"] = {"driver": "qcow2", "backing": None, "read-only": True, "file": _file(below)}
    image = "json:" + json.dumps(node)
    done = subprocess.run(["qemu-io", *sources, image], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert b"failed" not in done.stdout + done.stderr


def _file(path: Path) -> dict[str, str]:
    return {"driver": "file", "filename": str(path)}


def test_a_secret_is_found_by_name_and_place(tmp_path: Path) -> None:
    path = disk(tmp_path / "layer.qcow2")
    write(path, (5 * MIB, b"a" * 1000 + SECRETS["TOKEN"] + b"b" * 9), (9 * MIB, b"c" + SECRETS["KEY"]))

    assert find(path, SECRETS) == Find("TOKEN", 5 * MIB + 1000)
    assert find(path, {"KEY": SECRETS["KEY"]}) == Find("KEY", 9 * MIB + 1)


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    path = disk(tmp_path / "layer.qcow2")
    write(path, (0, b"hunter2-hunter1" * 100_000))

    assert find(path, SECRETS) is None
    assert find(path, {}) is None
    assert find(disk(tmp_path / "empty.qcow2"), SECRETS) is None


def test_a_secret_is_found_over_clusters_that_lie_apart_in_the_file(tmp_path: Path) -> None:
    """The second half was written first, with others between, so in the file it lies before."""
    path = disk(tmp_path / "layer.qcow2")
    content = (b"." * (CLUSTER - 7) + SECRETS["KEY"]).ljust(3 * CLUSTER, b".")
    write(
        path,
        (10 * CLUSTER + CLUSTER, content[CLUSTER:]),
        (30 * CLUSTER, b"x" * CLUSTER),
        (10 * CLUSTER, content[:CLUSTER]),
    )

    assert find(path, SECRETS) == Find("KEY", 11 * CLUSTER - 7)


def test_clusters_that_do_not_follow_one_another_are_not_joined(tmp_path: Path) -> None:
    path = disk(tmp_path / "layer.qcow2")
    secret = SECRETS["TOKEN"]
    write(
        path,
        (0, b"." * (CLUSTER - 7) + secret[:7]),
        (2 * CLUSTER, secret[7:] + b"." * (CLUSTER - len(secret) + 7)),
    )

    assert find(path, SECRETS) is None


@pytest.mark.parametrize("before", [_PIECE - 1, _PIECE - 14, _PIECE, 2 * _PIECE - 5])
def test_a_secret_is_found_over_the_pieces_that_are_read(tmp_path: Path, before: int) -> None:
    path = disk(tmp_path / "layer.qcow2")
    write(path, (CLUSTER, b"." * before + SECRETS["TOKEN"] + b"." * (_PIECE + 3)))

    assert find(path, SECRETS) == Find("TOKEN", CLUSTER + before)


def test_only_the_files_own_clusters_are_looked_through(tmp_path: Path) -> None:
    base, top = disk(tmp_path / "base.qcow2"), disk(tmp_path / "top.qcow2")
    write(base, (MIB, b"." * 100 + SECRETS["TOKEN"]))
    write(top, (2 * MIB, b"." * 4096), below=base)

    assert find(top, SECRETS) is None

    # The guest writes beside it: the cluster comes up with all that stood in it.
    write(top, (MIB + 4096, b"." * 512), below=base)

    assert find(top, SECRETS) == Find("TOKEN", MIB + 100)


def test_what_was_overwritten_or_given_back_is_not_there(tmp_path: Path) -> None:
    path = disk(tmp_path / "layer.qcow2")
    write(
        path, (MIB, SECRETS["TOKEN"].ljust(CLUSTER, b".")), (2 * MIB, SECRETS["TOKEN"].ljust(CLUSTER, b"."))
    )
    write(path, (MIB, b"." * CLUSTER))
    done = subprocess.run(
        ["qemu-io", "-d", "unmap", "-c", f"discard {2 * MIB} {CLUSTER}", path],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

    assert find(path, SECRETS) is None


def test_a_name_with_commas_colons_and_quotes_is_only_a_name(tmp_path: Path) -> None:
    folder = tmp_path / 'a,b:"c"=é'
    folder.mkdir()
    path = disk(folder / "nbd:x,y")
    plain = disk(tmp_path / "plain.qcow2")
    write(plain, (MIB, SECRETS["TOKEN"]))
    path.write_bytes(plain.read_bytes())

    assert find(path, SECRETS) == Find("TOKEN", MIB)


def test_a_file_that_is_no_qcow2_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "layer.qcow2"
    path.write_bytes(b"hunter2-hunter2" * 1000)

    with pytest.raises(HostLack, match="qemu-img failed"):
        find(path, SECRETS)


def test_compressed_data_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    plain, packed = disk(tmp_path / "plain.qcow2"), tmp_path / "packed.qcow2"
    write(plain, (MIB, SECRETS["TOKEN"] * 1000))
    qemu_img.run("convert", "-c", "-O", "qcow2", Chain((plain,)).filename(), packed)

    with pytest.raises(Bug, match=r"holds compressed data, and what a guest writes is never compressed$"):
        find(packed, SECRETS)
