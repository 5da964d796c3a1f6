import json
import os
from pathlib import Path

import pytest

from goldsmith.disks import files, integrity


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "disk"
    path.write_bytes(b"x" * 100_000)
    return path


def alter(path: Path, at: int, content: bytes = b"y") -> None:
    """Change bytes and nothing else, as a failing disk does."""
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_file_that_nobody_touched_is_read_once(path: Path) -> None:
    digest = files.digest(path)
    assert integrity.unchanged(path, digest)
    facts = (path.parent / "disk.facts").read_bytes()

    alter(path, 50_000)

    assert integrity.unchanged(path, digest), "nothing that is looked at changed"
    assert (path.parent / "disk.facts").read_bytes() == facts


def test_what_nothing_but_its_bytes_tells_is_found_by_reading_all(path: Path) -> None:
    digest = files.digest(path)
    assert integrity.unchanged(path, digest)
    alter(path, 50_000)

    assert not integrity.verify(path, digest)

    assert not integrity.unchanged(path, digest), "it was found once, and stays found"


def test_a_change_of_the_header_is_found_at_the_next_use(path: Path) -> None:
    digest = files.digest(path)
    assert integrity.unchanged(path, digest)

    alter(path, 4000)

    assert not integrity.unchanged(path, digest)


@pytest.mark.parametrize("change", [b"y", b"longer"], ids=["same size", "longer"])
def test_a_file_that_was_written_to_is_found_at_the_next_use(path: Path, change: bytes) -> None:
    digest = files.digest(path)
    assert integrity.unchanged(path, digest)

    with path.open("r+b") as file:
        file.seek(99_999)
        file.write(change)
    os.utime(path, (1, 1))

    assert not integrity.unchanged(path, digest)


def test_a_file_that_is_only_newer_is_still_what_it_was(path: Path) -> None:
    digest = files.digest(path)
    assert integrity.unchanged(path, digest)
    os.utime(path, (1, 1))

    assert integrity.unchanged(path, digest)

    assert json.loads((path.parent / "disk.facts").read_bytes())["mtime_ns"] == 10**9


def test_facts_of_another_digest_count_for_nothing(path: Path) -> None:
    assert integrity.unchanged(path, files.digest(path))

    assert not integrity.unchanged(path, "sha256:" + "0" * 64)


@pytest.mark.parametrize("torn", [b"", b"{", b"[1]"])
def test_torn_facts_are_made_anew(path: Path, torn: bytes) -> None:
    digest = files.digest(path)
    (path.parent / "disk.facts").write_bytes(torn)

    assert integrity.unchanged(path, digest)

    assert json.loads((path.parent / "disk.facts").read_bytes())["digest"] == digest
    assert sorted(each.name for each in path.parent.iterdir()) == ["disk", "disk.facts"]


def test_where_facts_cannot_be_kept_the_file_is_read(path: Path) -> None:
    (path.parent / "disk.facts").mkdir()

    assert integrity.unchanged(path, files.digest(path))

    assert sorted(each.name for each in path.parent.iterdir()) == ["disk", "disk.facts"]


def test_another_name_of_the_same_file_has_its_facts(path: Path) -> None:
    facts = integrity.measure(path)
    second = path.with_name("second")
    second.hardlink_to(path)
    integrity.remember(second, facts)
    alter(path, 50_000)

    assert integrity.unchanged(second, facts.digest), "it was not read again"


def test_a_file_that_is_gone_is_told(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        integrity.unchanged(path.with_name("gone"), "sha256:")
