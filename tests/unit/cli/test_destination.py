import os
from pathlib import Path

import pytest
import typer

from goldsmith.cli.destination import destination, formats_of
from goldsmith.documents.recipe import Format
from goldsmith.errors import Invalid
from goldsmith.log import Log

QCOW2: tuple[Format, ...] = ("qcow2",)
BOTH: tuple[Format, ...] = ("qcow2", "vmdk")


def test_formats_are_taken_once() -> None:
    assert formats_of(["vmdk", "raw", "vmdk"]) == ("vmdk", "raw")
    assert formats_of([]) == ()


def test_a_format_that_is_none_is_bad_usage() -> None:
    with pytest.raises(typer.BadParameter) as failed:
        formats_of(["png"])

    assert failed.value.message == '"png" is none of qcow2, raw, vmdk, vhd, vhdx'


def test_without_an_output_nothing_is_copied() -> None:
    assert destination(None, "web-1.0.0", BOTH).copies == ()


@pytest.mark.parametrize("made", [True, False])
def test_a_folder_takes_each_format(tmp_path: Path, made: bool) -> None:
    folder = tmp_path / "out"
    if made:
        folder.mkdir()

    found = destination(str(folder) if made else f"{folder}/", "web-1.0.0", BOTH)

    assert found.formats == BOTH
    assert found.copies == (("qcow2", folder / "web-1.0.0.qcow2"), ("vmdk", folder / "web-1.0.0.vmdk"))
    assert folder.is_dir()


def test_a_file_takes_the_format_that_its_suffix_names(tmp_path: Path) -> None:
    path = tmp_path / "web.vmdk"

    assert destination(str(path), "web", BOTH).copies == (("vmdk", path),)
    assert destination(str(path), "web", QCOW2).formats == BOTH


def test_another_file_takes_the_only_format(tmp_path: Path) -> None:
    assert destination(str(tmp_path / "web.img"), "web", ("raw",)).copies == (("raw", tmp_path / "web.img"),)


def test_a_file_of_unknown_format_is_bad_usage(tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter) as failed:
        destination(f"{tmp_path}/web.img", "web", BOTH)

    assert failed.value.message == (
        f"which format should {tmp_path}/web.img have? let it end in one of .qcow2, .vmdk, or name a folder"
    )


def test_a_file_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(Invalid) as failed:
        destination(f"{tmp_path}/gone/web.qcow2", "web", QCOW2)

    assert failed.value.message == f"--output: the folder {tmp_path}/gone is not there"
    assert failed.value.hint == "a path that ends with / is made as a folder"


def test_nothing_but_a_file_is_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "web.qcow2")

    with pytest.raises(Invalid) as failed:
        destination(f"{tmp_path}/web.qcow2", "web", QCOW2)

    assert failed.value.message == f"--output: {tmp_path}/web.qcow2 is not a file that could be replaced"


def test_a_copy_replaces_the_file_of_before(tmp_path: Path) -> None:
    image, path = tmp_path / "1.qcow2", tmp_path / "web.qcow2"
    image.write_bytes(b"new")
    path.write_bytes(b"old")

    copies = destination(str(path), "web", QCOW2).copy({"qcow2": image}, Log())

    assert copies == [path]
    line = "11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437  web.qcow2\n"
    assert (tmp_path / "web.qcow2.sha256").read_text() == line
    assert path.read_bytes() == b"new"
    assert path.stat().st_ino != image.stat().st_ino
