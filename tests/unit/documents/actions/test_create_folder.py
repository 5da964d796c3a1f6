from pathlib import Path

import pytest

from goldsmith.documents.actions import Call
from goldsmith.documents.actions.create_folder import Folder, create_folder
from goldsmith.errors import StepFailed


def test_folders_are_made_with_their_parents(call: Call, tmp_path: Path) -> None:
    create_folder((Folder(path=str(tmp_path / "a" / "b")), Folder(path=f"{tmp_path}/c/")), call)

    assert (tmp_path / "a" / "b").is_dir()
    assert (tmp_path / "c").is_dir()
    assert (tmp_path / "c").stat().st_mode & 0o7777 == 0o755


def test_permissions_are_set(call: Call, tmp_path: Path) -> None:
    create_folder((Folder(path=str(tmp_path / "a"), permissions="1777"),), call)

    assert (tmp_path / "a").stat().st_mode & 0o7777 == 0o1777


def test_a_folder_that_is_there_keeps_its_content(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0o700)
    (tmp_path / "a" / "kept").write_text("")

    create_folder((Folder(path=str(tmp_path / "a")),), call)

    assert [each.name for each in (tmp_path / "a").iterdir()] == ["kept"]
    assert (tmp_path / "a").stat().st_mode & 0o7777 == 0o700


def test_without_overwrite_a_folder_that_is_there_is_an_error(call: Call, tmp_path: Path) -> None:
    with pytest.raises(StepFailed) as failed:
        create_folder((Folder(path=f"{tmp_path}/", overwrite=False),), call)

    assert failed.value.message == f"{tmp_path}/ is there already and overwrite is false"
    assert failed.value.hint == "leave overwrite out, or set it to true, to keep going"


def test_a_file_in_the_way_is_an_error(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")

    with pytest.raises(StepFailed, match=r"^mkdir: cannot create directory .*: File exists$"):
        create_folder((Folder(path=str(tmp_path / "a")),), call)
