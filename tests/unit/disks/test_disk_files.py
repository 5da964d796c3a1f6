import subprocess
from pathlib import Path

import pytest

from goldsmith.disks import files
from goldsmith.errors import HostLack, Invalid, NotFound

MIB = 1 << 20


def test_a_copy_keeps_content_and_holes(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    with source.open("wb") as file:
        file.seek(3 * MIB)
        file.write(b"x" * 5000)
        file.truncate(64 * MIB)

    files.copy(source, target)

    assert target.read_bytes() == source.read_bytes()
    assert target.stat().st_blocks * 512 < MIB
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target"]


def test_a_shared_file_takes_no_room_twice(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"content")

    files.share(tmp_path / "source", tmp_path / "second")

    assert (tmp_path / "second").samefile(tmp_path / "source")


def test_a_digest_names_its_kind(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")

    assert files.digest(tmp_path / "empty") == (
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


def test_a_digest_lies_beside_its_file_as_sha256sum_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "a.qcow2"
    path.write_bytes(b"new")

    files.write_digest(path, files.digest(path))

    subprocess.run(["sha256sum", "--check", "a.qcow2.sha256"], cwd=tmp_path, capture_output=True, check=True)
    assert files.read_digest(path) == files.digest(path)


def test_a_source_that_cannot_be_read_is_blamed_for_it(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as gone:
        files.copy(tmp_path / "gone", tmp_path / "target")
    with pytest.raises(Invalid) as folder:
        files.copy(tmp_path, tmp_path / "target")

    assert gone.value.message == f"there is no file {tmp_path}/gone"
    assert folder.value.message == f"{tmp_path} is no regular file"
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_cannot_be_written_is_blamed_for_it(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"content")

    with pytest.raises(HostLack) as caught:
        files.copy(tmp_path / "source", tmp_path / "gone" / "target")

    assert caught.value.message == f"cannot write {tmp_path}/gone/target: No such file or directory"
    assert caught.value.hint == "free disk space, or choose another folder"


def test_a_lack_of_room_names_the_variable_that_moves_the_folder(tmp_path: Path) -> None:
    with pytest.raises(HostLack) as caught:
        files.need(tmp_path, 1 << 60, "GOLDSMITH_CACHE")

    assert caught.value.hint == "free disk space, or set GOLDSMITH_CACHE to a larger disk"
