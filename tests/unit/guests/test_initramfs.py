"""Initial file systems, read back by cpio itself."""

import shutil
import subprocess
from pathlib import Path

import pytest

from goldsmith.guests import initramfs
from goldsmith.guests.initramfs import File

needs_cpio = pytest.mark.skipif(shutil.which("cpio") is None, reason="cpio is not installed")

FILES = {
    "init": File(b"program", 0o755),
    "a/b/text": File(b"12345"),
    "a/b/link": File(link="/a/b/text"),
    "a/empty": File(),
}


@needs_cpio
def test_an_archive_unpacks_to_its_files_and_the_folders_above_them(tmp_path: Path) -> None:
    archive = initramfs.pack(FILES)

    done = subprocess.run(["cpio", "-idmv"], input=archive, cwd=tmp_path, capture_output=True, check=True)

    listed = done.stderr.decode().splitlines()
    assert listed[:-1] == ["init", "a", "a/b", "a/b/text", "a/b/link", "a/empty"]
    assert (tmp_path / "init").read_bytes() == b"program"
    assert (tmp_path / "init").stat().st_mode == 0o100755
    assert (tmp_path / "a/b/text").read_bytes() == b"12345"
    assert (tmp_path / "a/b/link").readlink() == Path("/a/b/text")
    assert (tmp_path / "a/empty").stat().st_size == 0


@pytest.mark.parametrize("length", range(4))
def test_an_archive_behind_another_begins_on_a_multiple_of_four(length: int) -> None:
    archive = initramfs.pack(FILES)
    assert len(archive) % 4 == 0
    assert initramfs.append(b"x" * length, archive).index(b"070701") % 4 == 0
