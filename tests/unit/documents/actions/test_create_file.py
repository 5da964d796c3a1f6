from pathlib import Path

import pytest

from goldsmith.documents.actions import Call
from goldsmith.documents.actions.create_file import File, create_file
from goldsmith.errors import StepFailed
from tests.unit.steps.local_guest import LocalGuest


def mode(path: Path) -> str:
    return f"{path.stat().st_mode & 0o7777:04o}"


def test_a_file_is_written_with_its_parents(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "etc" / "deep" / "hello.conf"

    create_file((File(path=str(path), content="grüße\n"),), call)

    assert path.read_text() == "grüße\n"
    assert mode(path) == "0644"


def test_several_files_are_written_in_order(call: Call, tmp_path: Path) -> None:
    path = str(tmp_path / "twice")

    create_file((File(path=path, content="first, longer"), File(path=path, content="second")), call)

    assert Path(path).read_text() == "second"


@pytest.mark.parametrize("written", ["755", "0755", "00755"])
def test_permissions_are_octal_with_or_without_zeros(call: Call, tmp_path: Path, written: str) -> None:
    """Edge 10."""
    create_file((File(path=str(tmp_path / "run"), permissions=written),), call)

    assert mode(tmp_path / "run") == "0755"


def test_permissions_may_hold_special_bits(call: Call, tmp_path: Path) -> None:
    create_file((File(path=str(tmp_path / "run"), permissions="4711"),), call)

    assert mode(tmp_path / "run") == "4711"


def test_a_file_that_is_there_is_replaced_and_keeps_its_permissions(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "there"
    path.write_text("before, and longer")
    path.chmod(0o600)

    create_file((File(path=str(path), content="after"),), call)

    assert path.read_text() == "after"
    assert mode(path) == "0600"


def test_without_overwrite_a_file_that_is_there_is_an_error(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "there"
    path.write_text("before")

    with pytest.raises(StepFailed) as failed:
        create_file((File(path=str(path), content="after", overwrite=False),), call)

    assert failed.value.message == f"{path} is there already and overwrite is false"
    assert failed.value.hint == "leave overwrite out, or set it to true, to replace the file"
    assert path.read_text() == "before"


def test_without_overwrite_a_new_file_is_written(call: Call, tmp_path: Path) -> None:
    create_file((File(path=str(tmp_path / "new"), content="x", overwrite=False),), call)

    assert (tmp_path / "new").read_text() == "x"


def test_a_folder_in_the_way_is_an_error(call: Call, tmp_path: Path) -> None:
    with pytest.raises(StepFailed) as failed:
        create_file((File(path=str(tmp_path)),), call)

    assert failed.value.message == f"cannot write {tmp_path}: Is a directory"


def test_a_file_as_parent_is_an_error(call: Call, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StepFailed, match=r"^mkdir: cannot create directory .*: Not a directory$"):
        create_file((File(path=str(tmp_path / "file" / "below" / "x")),), call)


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("utf8", b"\xc3\xa9"),
        ("UTF-8", b"\xc3\xa9"),
        ("utf16", b"\xe9\x00"),
        ("utf-16-LE", b"\xe9\x00"),
        ("utf16-be", b"\x00\xe9"),
        ("utf-32", b"\xe9\x00\x00\x00"),
        ("UTF32-LE", b"\xe9\x00\x00\x00"),
        ("utf-32-BE", b"\x00\x00\x00\xe9"),
    ],
)
def test_the_encoding_is_the_documents_choice(
    call: Call, tmp_path: Path, encoding: str, content: bytes
) -> None:
    create_file((File(path=str(tmp_path / "text"), content="é", encoding=encoding),), call)

    assert (tmp_path / "text").read_bytes() == content


def test_relative_paths_begin_at_the_working_directory(call: Call) -> None:
    create_file((File(path="notes/a.txt", content="a"),), call)

    assert Path(call.directory, "notes", "a.txt").read_text() == "a"


def test_a_windows_path_is_a_plain_name(call: Call) -> None:
    """Edge 11."""
    create_file((File(path="C:\\temp\\a.txt", content="a"),), call)

    assert Path(call.directory, "C:\\temp\\a.txt").read_text() == "a"


def test_owner_and_group_are_set(call: Call, guest: LocalGuest, tmp_path: Path) -> None:
    path = str(tmp_path / "mine")
    for program in ("chown", "chgrp"):
        guest.program(program, f'echo {program} "$@" >> {tmp_path}/calls')

    create_file((File(path=path, owner="www-data", group="0", permissions="640"),), call)

    assert (tmp_path / "calls").read_text() == f"chown -- www-data {path}\nchgrp -- 0 {path}\n"
    assert mode(tmp_path / "mine") == "0640"


def test_an_unknown_owner_is_an_error(call: Call, tmp_path: Path) -> None:
    with pytest.raises(StepFailed) as failed:
        create_file((File(path=str(tmp_path / "mine"), owner="nobody-of-that-name"),), call)

    assert failed.value.message == "chown: invalid user: ‘nobody-of-that-name’"  # noqa: RUF001
