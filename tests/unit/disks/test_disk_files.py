from pathlib import Path

from goldsmith.disks import files

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
